//! The crate from outside, against a reference that reads every text.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by failing")]

mod agreement;
mod corpus;
mod damage;
mod golden;
mod readers;
mod reference;
mod spread;
