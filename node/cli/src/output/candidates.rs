//! Concepts that a name may stand for.

use std::fmt::Write;

use sutra_protocol::ConceptId;

use super::table::Rows;
use super::text;

/// Most concepts shown.
pub(crate) const SHOWN: usize = 10;

/// The headings of [`cells`].
pub(crate) const HEADINGS: [&str; 3] = ["ID", "KEY", "CONTENT"];

/// A concept's row.
pub(crate) fn cells(id: ConceptId, key: Option<&str>, content: &str) -> [String; 3] {
    [id.to_string(), key.unwrap_or_default().into(), text::cut(&text::line(content), 120)]
}

/// The first [`SHOWN`] rows of `candidates` as a table.
pub(crate) fn table(candidates: impl Iterator<Item = [String; 3]>, width: usize) -> String {
    let mut rows = Rows::new(width, HEADINGS, &["ID"]);
    candidates.take(SHOWN).for_each(|cells| rows.push(cells));
    rows.render()
}

/// Says how many of `total` are not shown, if any.
pub(crate) fn push_rest(out: &mut String, total: usize, elsewhere: &str) {
    if total > SHOWN {
        let _ = writeln!(out, "… and {} more{elsewhere}", total - SHOWN);
    }
}
