//! Tests of the operator's shell from outside, against an API server in memory.

mod api;
mod control;
mod lease;
