//! Segments through their public interface, against plain maps.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod answers;
mod damage;
mod decoder;
mod fixture;
mod golden;
mod property;
mod round_trip;
mod writing;
