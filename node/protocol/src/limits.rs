//! The bounds on what a request may hold, and the sentence that names a violated one.

/// Greatest TCP frame, in bytes, checked before anything is allocated.
pub const FRAME_BYTES: usize = 16 << 20;
/// Greatest content, in bytes of UTF-8.
pub const CONTENT_BYTES: usize = 10 << 20;
/// Greatest HTTP body outside import, in bytes.
pub const BODY_BYTES: usize = 64 << 20;
/// Longest line of an import, in bytes: a content of the greatest size in its JSON escapes fits.
pub const IMPORT_LINE_BYTES: usize = BODY_BYTES;
/// Greatest number of dimensions of a vector; the least is 1.
pub const VECTOR_DIMENSIONS: usize = 4096;
/// Greatest number of items in a batch.
pub const BATCH_ITEMS: usize = 1_000;
/// Greatest number of results of a search or a page.
pub const K: usize = 1_000;
/// Greatest depth of a path, in hops.
pub const DEPTH: usize = 20;
/// Greatest distance of a neighbour, in hops.
pub const NEIGHBOR_HOPS: usize = 3;
/// Greatest number of paths of a path request or an answer.
pub const PATHS: usize = 100;
/// Greatest number of attributes of a concept.
pub const ATTRIBUTES: usize = 100;
/// Greatest length of an attribute's name, in bytes.
pub const ATTRIBUTE_NAME_BYTES: usize = 512;
/// Greatest length of an attribute's text, in bytes.
pub const ATTRIBUTE_VALUE_BYTES: usize = 64 << 10;
/// Greatest number of aliases of a concept.
pub const ALIASES: usize = 100;
/// Greatest length of an alias, in bytes.
pub const ALIAS_BYTES: usize = 4 << 10;
/// Greatest length of a key, in bytes; the least is 1.
pub const KEY_BYTES: usize = 512;
/// Greatest length of an association's label, in bytes.
pub const LABEL_BYTES: usize = 512;
/// Greatest number of associations, or of mentions, in one learn request.
pub const ASSOCIATIONS: usize = 1_000;
/// Greatest number of statements that an association may name as its evidence in one request.
pub const EVIDENCE: usize = 1_000;
/// Greatest length of a source's URI or title, in bytes.
pub const SOURCE_BYTES: usize = 4 << 10;
/// Greatest length of a question or a search text, in bytes.
pub const QUERY_BYTES: usize = 64 << 10;
/// Greatest length of an `Idempotency-Key`, in bytes; the least is 1.
pub const IDEMPOTENCY_KEY_BYTES: usize = 255;
/// Greatest length of a `Sutra-Token`, in bytes.
pub const TOKEN_BYTES: usize = 2 << 10;
/// Greatest `timeout_ms`; the default is [`DEFAULT_TIMEOUT_MS`].
pub const TIMEOUT_MS: u64 = 300_000;
/// `timeout_ms` of a request that names none.
pub const DEFAULT_TIMEOUT_MS: u64 = 10_000;
/// Greatest number of names in a filter list (`types`, `labels`, `in`), and of comparisons in a whole filter.
pub const FILTER_ITEMS: usize = 1_000;
/// Greatest length of an embedder's identity, in bytes; the least is 1.
pub const EMBEDDER_BYTES: usize = 512;
/// Greatest `history_retention_seconds`, ten thousand years: beyond it no time can be written as RFC 3339.
pub const RETENTION_SECONDS: u64 = 315_576_000_000;
/// Greatest nesting of a filter.
pub const FILTER_DEPTH: usize = 16;

/// A value outside its bound. The text names the field, the value's size or kind, and the bound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {found}; {bound}")]
pub struct Violation {
    /// The offending field's path, such as `associations[3].label`.
    pub field: String,
    /// What was found, with its verb: "has 513 bytes".
    pub found: String,
    /// What is allowed: "at most 512 bytes are allowed".
    pub bound: String,
    /// Whether a size was exceeded (reported as `too_large`) rather than a value wrong (`invalid_argument`).
    pub oversize: bool,
}

impl Violation {
    /// A value that is wrong in itself.
    pub fn invalid(field: impl Into<String>, found: impl Into<String>, bound: impl Into<String>) -> Self {
        Self { field: field.into(), found: found.into(), bound: bound.into(), oversize: false }
    }

    /// The same violation, seen from the struct that holds the field: `label` becomes `associations[3].label`.
    #[must_use]
    pub fn within(mut self, outer: impl std::fmt::Display) -> Self {
        self.field = format!("{outer}.{}", self.field);
        self
    }
}

/// Checks that `found` is at most `bound` of `unit` ("bytes", "items").
///
/// # Errors
/// A [`Violation`] naming `field` otherwise.
pub fn at_most(field: &str, found: usize, bound: usize, unit: &str) -> Result<(), Violation> {
    if found <= bound {
        return Ok(());
    }
    Err(Violation {
        field: field.into(),
        found: format!("has {found} {unit}"),
        bound: format!("at most {bound} are allowed"),
        oversize: false,
    })
}

/// The words of a list or map of which no more was read than `bound` and one entry.
pub(crate) fn more_than(bound: usize) -> String {
    format!("has more than {bound} entries; at most {bound} are allowed")
}

/// What a decoder found wrong with `field`, as a sentence: violations go on after the field's name, other faults stand for themselves.
pub fn undecodable(field: &str, fault: &str) -> String {
    match fault.split_once(" are allowed") {
        Some((found, _)) if found.starts_with("has more than ") => format!("{field} {found} are allowed"),
        _ => format!("{field}: {fault}"),
    }
}

/// Checks a concept's content: not empty and at most [`CONTENT_BYTES`].
///
/// # Errors
/// A [`Violation`] naming `field` otherwise; an oversize one is reported as `too_large`.
pub fn content(field: &str, found: &str) -> Result<(), Violation> {
    text(field, found, CONTENT_BYTES).map_err(|violation| Violation { oversize: found.len() > CONTENT_BYTES, ..violation })
}

/// Checks that a number lies in `least..=greatest`.
///
/// # Errors
/// A [`Violation`] naming `field` otherwise.
pub fn in_range(field: &str, found: u64, least: u64, greatest: u64) -> Result<(), Violation> {
    if (least..=greatest).contains(&found) {
        return Ok(());
    }
    Err(Violation::invalid(field, format!("is {found}"), format!("it must be from {least} to {greatest}")))
}

/// Checks that a probability-like number lies in 0..=1, which NaN and the infinities do not.
///
/// # Errors
/// A [`Violation`] naming `field` otherwise.
pub fn unit_interval(field: &str, found: f64) -> Result<(), Violation> {
    if (0.0..=1.0).contains(&found) {
        return Ok(());
    }
    Err(Violation::invalid(field, format!("is {found}"), "it must be a number from 0 to 1"))
}

/// Checks that a text is not empty and has at most `bound` bytes.
///
/// # Errors
/// A [`Violation`] naming `field` otherwise.
pub fn text(field: &str, found: &str, bound: usize) -> Result<(), Violation> {
    if found.trim().is_empty() {
        return Err(Violation::invalid(field, "is empty", format!("1 to {bound} bytes are needed")));
    }
    at_most(field, found.len(), bound, "bytes")
}

/// `text` quoted for an error message, cut to a length that a person reads.
pub fn excerpt(text: &str) -> String {
    const SHOWN: usize = 64;
    match text.char_indices().nth(SHOWN) {
        None => format!("{text:?}"),
        Some((cut, _)) => format!("{:?}… ({} bytes)", &text[..cut], text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_names_field_value_and_bound() {
        let violation = at_most("label", 513, LABEL_BYTES, "bytes").unwrap_err().within("associations[3]");
        assert_eq!(violation.to_string(), "associations[3].label has 513 bytes; at most 512 are allowed");
    }

    #[test]
    fn a_fault_of_a_decoder_is_a_sentence_too() {
        let found = undecodable("items", &format!("{} at line 1 column 9", more_than(1000)));
        assert_eq!(found, "items has more than 1000 entries; at most 1000 are allowed");
        assert_eq!(undecodable("k", "invalid type: string"), "k: invalid type: string");
    }

    #[test]
    fn not_a_number_is_outside_the_unit_interval() {
        assert!(unit_interval("confidence", f64::NAN).is_err());
        assert!(unit_interval("confidence", 1.000_000_1).is_err());
        assert!(unit_interval("confidence", 1.0).is_ok());
    }

    #[test]
    fn excerpts_cut_between_characters() {
        let long = "é".repeat(65);
        assert_eq!(excerpt(&long), format!("\"{}\"… (130 bytes)", "é".repeat(64)));
    }
}
