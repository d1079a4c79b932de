//! Values of flags that are more than text.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use sutra_protocol::{AssociationType, ConceptId, SemanticType};

/// The names of semantic types, so that help and completions list them.
pub(crate) fn semantic_type() -> impl TypedValueParser<Value = SemanticType> {
    PossibleValuesParser::new(SemanticType::ALL.map(SemanticType::as_str))
        .map(|name| SemanticType::ALL.into_iter().find(|kind| kind.as_str() == name).unwrap_or_default())
}

/// The names of association types, so that help and completions list them.
pub(crate) fn association_type() -> impl TypedValueParser<Value = AssociationType> {
    PossibleValuesParser::new(AssociationType::ALL.map(AssociationType::as_str))
        .map(|name| AssociationType::ALL.into_iter().find(|kind| kind.as_str() == name).unwrap_or_default())
}

/// A number from 0 to 1.
pub(crate) fn unit_interval(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if (0.0..=1.0).contains(&number) => Ok(number),
        _ => Err("a number from 0 to 1 is needed".into()),
    }
}

/// An id; whoever types a name instead is told how to find its id.
pub(crate) fn concept_id(text: &str) -> Result<ConceptId, String> {
    text.parse().map_err(|error| format!("{error}; `sutra search` finds the ids of words"))
}

/// A length of time: a number with `ms`, `s`, `m` or `h`; without a unit, seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        other => return Err(format!("a time ends in ms, s, m or h, not {other:?}")),
    };
    let seconds: f64 = digits.parse().map_err(|_| "a time such as 500ms, 30s or 5m is needed".to_owned())?;
    match Duration::try_from_secs_f64(seconds * unit) {
        Ok(time) if time >= Duration::from_millis(1) => Ok(time),
        _ => Err("a time of at least 1ms is needed".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(duration("1500ms"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("30"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("0.5m"), Ok(Duration::from_secs(30)));
        for bad in ["", "s", "0", "-1s", "5d", "1e400", "NaN", "infs"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn confidences_lie_between_0_and_1() {
        assert_eq!(unit_interval("0.9"), Ok(0.9));
        for bad in ["1.1", "-0.1", "NaN", "often"] {
            assert!(unit_interval(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_in_place_of_an_id_is_told_about_search() {
        assert!(concept_id("aspirin").unwrap_err().contains("sutra search"));
    }
}
