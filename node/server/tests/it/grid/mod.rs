//! Grids of three real processes, whose nodes die, freeze and lose each other under load.
//!
//! | module | responsibility |
//! |---|---|
//! | `fixture` | the processes of a grid |
//! | `proxy` | the links between them, which can be cut and delayed |
//! | `history` | clients, what they were told, and whether it can be true |
//!
//! The others are the tests.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "clients and nemesis are threads, which sleep between tries; what was measured and the seed are told"
)]

mod erasing;
mod failover;
mod fixture;
mod founding;
mod history;
mod importing;
mod nemesis;
mod proxy;
mod resizing;
mod returning;
