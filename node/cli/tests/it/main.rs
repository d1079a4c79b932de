//! The program as a shell runs it: its output, its exit codes, and what it does when the other side misbehaves. A listener
//! says exactly what a fault needs; only what several nodes do together is tried on real ones, which have tests of their own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::print_stderr, reason = "what is not tried is said")]

mod answers;
mod cluster;
mod errors;
mod lists;
mod node;
mod pipes;
mod process;
mod program;
mod transfers;
