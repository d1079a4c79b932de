//! What a person sees while it runs, on standard error.
#![allow(clippy::print_stderr, reason = "a command line tool speaks on its terminal")]

use std::fmt::Display;

use crate::report::Row;

/// Names the measurement that begins.
pub(crate) fn begin(name: &str, about: &str) {
    eprintln!("▸ {name}: {about}");
}

/// What is being done.
pub(crate) fn step(text: impl Display) {
    eprintln!("  · {text}");
}

/// A figure.
pub(crate) fn row(row: &Row) {
    let [goal, measured, how, reached] = row.cells();
    eprintln!("  = {}: {measured} (goal {goal}; reached: {}) {how}", row.what, reached.trim_matches('*'));
}

/// What went wrong.
pub(crate) fn failed(name: &str, error: &anyhow::Error) {
    eprintln!("✗ {name}: {error:#}");
}
