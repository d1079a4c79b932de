//! What an import has done so far.

use std::collections::HashSet;

use tokio::time::Instant;

use sutra_protocol::ApiError;
use sutra_protocol::http::{ImportError, ImportReport};

/// Errors that a report holds.
const ERRORS: usize = 1_000;
/// Failed lines that are remembered, so that a line with several bad associations counts once.
const LINES: usize = 1_000_000;

/// What an import has done so far.
#[derive(Debug)]
pub(super) struct Tally {
    started: Instant,
    pub(super) lines: u64,
    pub(super) concepts: u64,
    pub(super) associations: u64,
    errors: Vec<ImportError>,
    errors_total: u64,
    failed: HashSet<u64>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            lines: 0,
            concepts: 0,
            associations: 0,
            errors: Vec::new(),
            errors_total: 0,
            failed: HashSet::new(),
        }
    }

    /// The line failed. Only its first error counts.
    pub(super) fn fail(&mut self, line: u64, error: &ApiError) {
        if self.failed.contains(&line) {
            return;
        }
        if self.failed.len() < LINES {
            self.failed.insert(line);
        }
        self.errors_total += 1;
        if self.errors.len() < ERRORS {
            self.errors.push(ImportError { line, code: error.code, message: error.message.clone() });
        }
    }

    pub(super) fn report(&self, done: bool) -> ImportReport {
        let mut errors = self.errors.clone();
        errors.sort_by_key(|error| error.line);
        ImportReport {
            concepts: self.concepts,
            associations: self.associations,
            errors,
            errors_total: self.errors_total,
            elapsed_ms: self.started.elapsed().as_secs_f64() * 1e3,
            lines: self.lines,
            done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_fails_once_and_the_report_holds_a_thousand() {
        let mut tally = Tally::new();
        for line in 1..=1_001 {
            tally.fail(line, &ApiError::not_found("first"));
            tally.fail(line, &ApiError::not_found("second"));
        }
        let report = tally.report(true);
        assert_eq!((report.errors.len(), report.errors_total), (1_000, 1_001));
        assert!(report.errors.iter().all(|error| error.message == "first"));
    }
}
