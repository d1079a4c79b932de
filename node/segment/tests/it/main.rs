//! Segments through their public interface, against plain maps.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod answers;
mod fixture;
mod property;
mod round_trip;
