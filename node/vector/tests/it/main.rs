//! The crate as the storage engine sees it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on has failed")]
#![allow(missing_docs, reason = "tests are named for what they show")]

mod failing;
mod file;
mod filters;
mod fixture;
mod making;
mod recall;
mod together;
