//! Nodes that call each other over real sockets, and what else may connect to them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper of tests fails the test")]

mod calls;
mod fixture;
mod founding;
mod intruders;
mod limits;
mod stopping;
mod trouble;
mod wire;
