//! Lengths of time as people write them.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// A length of time: a whole number and `ms`, `s`, `m` or `h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(Duration);

/// Why a text is not a [`Span`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a time is a whole number and ms, s, m or h, such as 500ms or 5s, at most 24h; not {found:?}")]
pub(crate) struct InvalidSpan {
    found: String,
}

/// Longest length of time that a node can be told to wait.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.0
    }
}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let invalid = || InvalidSpan { found: text.into() };
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let number: u64 = text[..text.len() - unit.len()].parse().map_err(|_| invalid())?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(invalid()),
        };
        let span = number.checked_mul(millis).map(Duration::from_millis);
        span.filter(|span| *span <= LONGEST).map(Self).ok_or_else(invalid)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_written_out_and_bounded() {
        for (text, millis) in [("500ms", 500), ("5s", 5_000), ("1m", 60_000), ("0s", 0), ("24h", 86_400_000)] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_millis(millis))));
        }
        for bad in ["", "5", "s", "-1s", "1.5s", "5 s", "25h", "99999999999999999999s", "1d"] {
            assert!(bad.parse::<Span>().is_err(), "{bad:?}");
        }
    }
}
