//! How long clients could not write, for the table of `benches/RESULTS.md`.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::wishes;

/// What `cargo xtask bench grid --only kubernetes` reads.
const FILE: &str = "write-gaps.json";

/// What a client saw, by what happened to the leader.
#[derive(Debug, Default, Serialize)]
pub struct WriteGaps(BTreeMap<&'static str, Seen>);

#[derive(Debug, Default, Serialize)]
struct Seen {
    /// The longest time between two acknowledgements in each turn, in seconds.
    gaps: Vec<f64>,
    /// Requests of all turns that had another answer than they should, or none.
    failed: usize,
}

impl WriteGaps {
    /// One more turn.
    pub fn note(&mut self, what: &'static str, gap: Duration, failed: usize) {
        let seen = self.0.entry(what).or_default();
        seen.gaps.push(gap.as_secs_f64());
        seen.failed += failed;
    }

    /// Writes them where they are wished for; nothing without a wish.
    ///
    /// # Errors
    /// If they can't be written.
    pub fn hand_over(&self) -> Result<()> {
        let Some(directory) = wishes::figures() else { return Ok(()) };
        let file = directory.join(FILE);
        fs::write(&file, serde_json::to_vec(self)?).with_context(|| format!("write {}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_told_in_seconds_turn_by_turn() {
        let mut gaps = WriteGaps::default();
        gaps.note("killed", Duration::from_millis(1194), 0);
        gaps.note("killed", Duration::from_millis(556), 2);
        assert_eq!(serde_json::to_string(&gaps).unwrap(), r#"{"killed":{"gaps":[1.194,0.556],"failed":2}}"#);
    }
}
