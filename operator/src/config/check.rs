//! What a value must be.

use std::time::Duration;

use jiff::SignedDuration;

use super::ConfigError;

/// Longest name of a namespace (RFC 1123 label).
const LABEL: usize = 63;
/// Longest name of an object (RFC 1123 subdomain).
const SUBDOMAIN: usize = 253;

/// A namespace's name.
pub(super) fn label(flag: &'static str, value: &str) -> Result<(), ConfigError> {
    if is_label(value) {
        return Ok(());
    }
    Err(ConfigError::new(
        flag,
        value,
        "a namespace's name has lowercase letters, digits and -, at most 63 of them, and no - at its ends",
    ))
}

/// An object's name, or a domain.
pub(super) fn subdomain(flag: &'static str, value: &str) -> Result<(), ConfigError> {
    if value.len() <= SUBDOMAIN && value.split('.').all(is_label) {
        return Ok(());
    }
    Err(ConfigError::new(
        flag,
        value,
        "a name has lowercase letters, digits, - and ., at most 253 of them, and begins and ends with a letter or a digit",
    ))
}

fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    !text.is_empty()
        && text.len() <= LABEL
        && text.chars().all(|c| inner(c) || c == '-')
        && text.starts_with(inner)
        && text.ends_with(inner)
}

/// The identity stands in the lease with a suffix.
pub(super) fn identity(flag: &'static str, value: &str) -> Result<(), ConfigError> {
    if value.len() <= 200 && value.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(());
    }
    Err(ConfigError::new(flag, value, "a name without blanks, at most 200 characters"))
}

/// Only what no reference to an image can be is refused: the rest is the container runtime's to judge.
pub(super) fn image(flag: &'static str, value: &str) -> Result<(), ConfigError> {
    if !value.is_empty() && value.len() <= 1024 && value.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(());
    }
    Err(ConfigError::new(flag, value, "an image has a name, and no blanks in it"))
}

/// A selector of labels. The API server would refuse a malformed one at every list, long after the start.
pub(super) fn selector(flag: &'static str, value: &str) -> Result<(), ConfigError> {
    let refused = |reason: &str| Err(ConfigError::new(flag, value, reason));
    let mut depth = 0_i32;
    for c in value.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            c if c.is_ascii_alphanumeric() || "-_./=!, ".contains(c) => {}
            _ => return refused("a label selector has no such character in it"),
        }
        if !(0..=1).contains(&depth) {
            return refused("its brackets do not match");
        }
    }
    if depth != 0 {
        return refused("its brackets do not match");
    }
    if requirements(value).any(|requirement| requirement.trim().trim_start_matches('!').is_empty()) {
        return refused("one of its requirements is empty");
    }
    Ok(())
}

/// The parts between commas that are not in brackets.
fn requirements(selector: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    selector.split(move |c| {
        match c {
            '(' => inside = true,
            ')' => inside = false,
            _ => {}
        }
        c == ',' && !inside
    })
}

/// A length of time within bounds.
pub(super) fn span(flag: &'static str, value: &str, least: Duration, most: Duration) -> Result<Duration, ConfigError> {
    let parsed: Option<Duration> = value.parse::<SignedDuration>().ok().and_then(|span| span.try_into().ok());
    match parsed {
        Some(span) if (least..=most).contains(&span) => Ok(span),
        Some(_) => Err(ConfigError::new(flag, value, format!("it must be between {least:?} and {most:?}"))),
        None => Err(ConfigError::new(flag, value, "a time is a number and a unit, such as 500ms, 15s or 2m")),
    }
}
