//! The program as a shell runs it: its output, its exit codes, and what it does when the other side misbehaves. Real nodes are
//! driven elsewhere; here a listener says exactly what a fault needs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod answers;
mod errors;
mod lists;
mod node;
mod pipes;
mod program;
mod transfers;
