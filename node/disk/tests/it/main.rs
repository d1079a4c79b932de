//! Disks as storage uses them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on has failed")]

mod bus_error;
mod conformance;
mod simulated;
