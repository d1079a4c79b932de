//! The tools for a directory that no process has open, on a disk that is damaged on purpose.

mod archive;
mod looking;
mod repairing;
