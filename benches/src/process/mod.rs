//! Processes that are measured from outside.
//!
//! | module | responsibility |
//! |---|---|
//! | `child` | a process that never outlives us |
//! | `node` | a `sutra-node` of our own |
//! | `grid` | several of them, one grid |
//! | `questions` | what its nodes ask each other's shards, as they count it |
//! | `engine` | ourselves again, with a store open, told what to do with it |
//! | `echo` | the bare echo that requests over TCP are compared with |
//! | `usage` | memory and processor time, from /proc |

mod child;
mod echo;
mod engine;
mod grid;
mod node;
mod questions;
mod usage;

pub(crate) use child::{Child, pause};
pub(crate) use echo::{Echo, serve as serve_echo};
pub(crate) use engine::{Engine, Order, Tail, serve as serve_engine};
pub(crate) use grid::Grid;
pub(crate) use node::Node;
pub(crate) use questions::Questions;
pub(crate) use usage::{Memory, ProcessorTime, Watch, quiet};
