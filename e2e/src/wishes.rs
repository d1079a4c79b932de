//! What whoever runs the tests may wish for beyond what they do by themselves, and the time that it takes.

use std::env;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Seconds without the API server.
const OUTAGE: &str = "SUTRA_E2E_OUTAGE_S";
/// How often a leader's pod is lost.
const TURNS: &str = "SUTRA_E2E_TURNS";
/// The directory that figures are written to.
const FIGURES: &str = "SUTRA_E2E_FIGURES";

/// As long as the API server is away without a wish.
const USUAL_OUTAGE: Duration = Duration::from_secs(60);
/// More than a turn takes: until one node has led for a while, its pod is deleted and made again, and its process is killed and started again.
const TURN: Duration = Duration::from_secs(120);

/// How long the API server is to be away.
#[must_use]
pub fn outage() -> Duration {
    number(OUTAGE).map_or(USUAL_OUTAGE, Duration::from_secs)
}

/// How often the leader's pod is to be lost by force.
#[must_use]
pub fn turns() -> u32 {
    number(TURNS).unwrap_or(1).max(1)
}

/// Where figures are to be written.
#[must_use]
pub fn figures() -> Option<PathBuf> {
    env::var_os(FIGURES).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// By how much longer a test may take because of these wishes.
pub(crate) fn more_time() -> Duration {
    longer(outage(), turns())
}

fn longer(outage: Duration, turns: u32) -> Duration {
    outage.saturating_sub(USUAL_OUTAGE) + TURN * turns.saturating_sub(1)
}

fn number<T: FromStr>(name: &str) -> Option<T> {
    env::var(name).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_gets_the_time_that_a_wish_takes_and_none_without() {
        assert_eq!(longer(USUAL_OUTAGE, 1), Duration::ZERO);
        assert_eq!(longer(Duration::from_secs(10), 1), Duration::ZERO, "a shorter outage takes no time away");
        assert_eq!(longer(Duration::from_secs(660), 1), Duration::from_secs(600));
        assert_eq!(longer(USUAL_OUTAGE, 5), TURN * 4);
    }
}
