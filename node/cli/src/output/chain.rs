//! A path in words: every hop with its arrow and its evidence.

use std::collections::BTreeSet;
use std::fmt::Write;

use sutra_protocol::http::{EvidenceView, HopView, PathView, SourceView};
use sutra_protocol::{ConceptId, Source};

use unicode_width::UnicodeWidthStr;

use super::number::{confidence, counted};
use super::text;

/// Longest name of a concept on a chain, in columns; its evidence quotes it in full.
const NAME_COLUMNS: usize = 60;
/// Longest quotation, in columns: a statement may have 10 MiB.
const QUOTE_COLUMNS: usize = 1_200;
/// Longest quotation that shares a line with its hop, in columns.
const BRIEF_COLUMNS: usize = 80;
/// Fewest columns that are worth a quotation.
const LEAST_COLUMNS: usize = 16;
/// Pieces of evidence shown for a hop.
const EVIDENCE_SHOWN: usize = 5;

/// Columns of a quotation that stands in full further up.
const AGAIN_COLUMNS: usize = 50;

/// The chains of one output: a statement that several hops rest on is quoted in full once.
pub(crate) struct Chains<'a> {
    sources: &'a [SourceView],
    width: usize,
    quoted: BTreeSet<ConceptId>,
}

impl<'a> Chains<'a> {
    /// Chains for a screen of `width` columns; `sources` tell where statements were read.
    pub(crate) fn new(sources: &'a [SourceView], width: usize) -> Self {
        Self { sources, width, quoted: BTreeSet::new() }
    }

    /// Appends the chain of `path`: a line a hop and, below it, what the hop rests on. A path without hops is its concept,
    /// quoted.
    pub(crate) fn push(&mut self, out: &mut String, path: &PathView) {
        let width = self.width;
        for (at, hop) in path.hops.iter().enumerate() {
            let (Some(from), Some(to)) = (path.concepts.get(at), path.concepts.get(at + 1)) else { continue };
            out.push_str(&text::wrap(&format!("{} {} {}", name(&from.content), arrow(hop), name(&to.content)), width, 2));
            for evidence in hop.evidence.iter().take(EVIDENCE_SHOWN) {
                self.push_evidence(out, evidence);
            }
            if hop.evidence.len() > EVIDENCE_SHOWN {
                let more = counted((hop.evidence.len() - EVIDENCE_SHOWN) as u64, "more piece");
                let _ = writeln!(out, "      … and {more} of evidence");
            }
        }
        if let ([], [only, ..]) = (path.hops.as_slice(), path.concepts.as_slice()) {
            push_quote(out, &only.content, 2, width);
            if let Some(source) = self.sources.iter().find(|source| source.id == only.id).and_then(|known| known.source.as_ref())
            {
                out.push_str(&text::wrap(&format!("— {}", place(source)), width, 4));
            }
        }
    }

    /// Appends the chain of `path`, a line a hop: what it says and as much of its first statement as has room beside it. Hops
    /// after the first are set in.
    pub(crate) fn push_brief(&self, out: &mut String, path: &PathView) {
        for (at, hop) in path.hops.iter().enumerate() {
            let (Some(from), Some(to)) = (path.concepts.get(at), path.concepts.get(at + 1)) else { continue };
            let indent = if at == 0 { 2 } else { 4 };
            let room = self.width.saturating_sub(indent).max(20);
            let mut line = text::cut(&format!("{} {} {}", name(&from.content), arrow(hop), name(&to.content)), room);
            let left = room.saturating_sub(line.width() + 4).min(BRIEF_COLUMNS);
            if let Some(content) = hop.evidence.iter().find_map(|evidence| evidence.content.as_deref())
                && left >= LEAST_COLUMNS
            {
                let _ = write!(line, "  “{}”", text::cut(&text::line(content), left));
            }
            let _ = writeln!(out, "{:indent$}{line}", "");
        }
    }

    fn push_evidence(&mut self, out: &mut String, evidence: &EvidenceView) {
        let sure = confidence(evidence.confidence);
        let Some(content) = &evidence.content else {
            let who = match (&evidence.asserted_by, &evidence.statement) {
                (Some(who), _) => format!("asserted by {}", text::line(who)),
                (None, Some(statement)) => format!("statement {statement}"),
                (None, None) => "no evidence given".into(),
            };
            out.push_str(&text::wrap(&format!("{who} ({sure})"), self.width, 6));
            return;
        };
        if evidence.statement.is_some_and(|statement| !self.quoted.insert(statement)) {
            let start = text::cut(&text::line(content), AGAIN_COLUMNS);
            out.push_str(&text::wrap(&format!("“{start}”, quoted above ({sure})"), self.width, 6));
            return;
        }
        push_quote(out, content, 6, self.width);
        let origin = match (&evidence.source, &evidence.asserted_by) {
            (Some(source), _) => place(source),
            (None, Some(who)) => format!("asserted by {}", text::line(who)),
            (None, None) => "no source given".into(),
        };
        out.push_str(&text::wrap(&format!("— {origin} ({sure})"), self.width, 8));
    }
}

/// What a concept is called on a chain: an entry such as "aspirin, ASA: a drug that …" by its first name.
pub(crate) fn name(content: &str) -> String {
    let content = text::line(content);
    let entry = content.split_once(": ").map(|(names, _)| names.split_once(',').map_or(names, |(first, _)| first).trim());
    text::cut(entry.filter(|name| !name.is_empty()).unwrap_or(&content), NAME_COLUMNS)
}

/// `—hypernym (hierarchical, 0.90)→`, pointing the way the association was taught.
fn arrow(hop: &HopView) -> String {
    let kind = hop.kind.as_str();
    let label = match text::line(&hop.label) {
        label if label.is_empty() => format!("{kind} ({})", confidence(hop.confidence)),
        label => format!("{label} ({kind}, {})", confidence(hop.confidence)),
    };
    if hop.reversed { format!("←{label}—") } else { format!("—{label}→") }
}

fn push_quote(out: &mut String, content: &str, indent: usize, width: usize) {
    out.push_str(&text::wrap(&format!("“{}”", text::cut(&text::line(content), QUOTE_COLUMNS)), width, indent));
}

/// Where a statement was read: `Aspirin label, page 3, offset 1024, https://…`.
pub(crate) fn place(source: &Source) -> String {
    let mut parts = Vec::new();
    parts.extend(source.title.as_deref().map(text::line));
    parts.extend(source.page.map(|page| format!("page {page}")));
    parts.extend(source.offset.map(|offset| format!("offset {offset}")));
    parts.push(text::line(&source.uri));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rendered(path: serde_json::Value, sources: serde_json::Value) -> String {
        let mut out = String::new();
        let sources: Vec<SourceView> = serde_json::from_value(sources).unwrap();
        Chains::new(&sources, 80).push(&mut out, &serde_json::from_value(path).unwrap());
        out
    }

    #[test]
    fn hops_point_the_way_they_were_taught_and_quote_their_evidence() {
        let [poodle, dog, tail] = ["1", "2", "3"].map(|digit| digit.repeat(32));
        let path = json!({
            "concepts": [
                {"id": poodle, "content": "poodle, poodle dog: an intelligent dog with a heavy curly solid-colored coat"},
                {"id": dog, "content": "dog, domestic dog: a member of the genus Canis"},
                {"id": tail, "content": "flag: a conspicuously marked or shaped tail"},
            ],
            "hops": [
                {"source": poodle, "target": dog, "type": "hierarchical", "label": "hypernym", "confidence": 0.9, "reversed": false,
                 "evidence": [{"statement": poodle, "content": "poodle, poodle dog: an intelligent dog with a heavy curly solid-colored coat",
                    "source": {"uri": "wordnet:data.noun", "title": "WordNet 3.0", "page": 3, "offset": 2113335}, "confidence": 0.9}]},
                {"source": tail, "target": dog, "type": "compositional", "label": "", "confidence": 1.0, "reversed": true,
                 "evidence": [{"asserted_by": "anonymous", "confidence": 1.0}, {"statement": poodle, "confidence": 0.4,
                    "content": "poodle, poodle dog: an intelligent dog with a heavy curly solid-colored coat"}]},
            ],
            "confidence": 0.9,
        });
        let expected = "  poodle —hypernym (hierarchical, 0.90)→ dog
      “poodle, poodle dog: an intelligent dog with a heavy curly solid-colored
      coat”
        — WordNet 3.0, page 3, offset 2113335, wordnet:data.noun (0.90)
  dog ←compositional (1.00)— flag
      asserted by anonymous (1.00)
      “poodle, poodle dog: an intelligent dog with a hea…”, quoted above (0.40)
";
        assert_eq!(rendered(path, json!([])), expected);
    }

    #[test]
    fn an_entry_is_called_by_its_first_name_and_a_sentence_by_itself() {
        assert_eq!(name("dog, domestic dog: a member of the genus Canis"), "dog");
        assert_eq!(name("Aspirin, taken daily, thins the blood."), "Aspirin, taken daily, thins the blood.");
        assert_eq!(name(": odd"), ": odd");
    }

    #[test]
    fn a_path_without_hops_quotes_its_concept() {
        let id = "1".repeat(32);
        let content = "aspirin: a drug that relieves pain";
        let path = json!({"concepts": [{"id": id, "content": content}], "hops": [], "confidence": 1.0});
        let sources = json!([{"id": id, "content": content, "source": {"uri": "https://example.org/label.pdf"}}]);
        assert_eq!(rendered(path, sources), "  “aspirin: a drug that relieves pain”\n    — https://example.org/label.pdf\n");
    }

    #[test]
    fn a_content_cannot_forge_a_hop() {
        let id = "1".repeat(32);
        let path = json!({"concepts": [{"id": id, "content": "aspirin\n  aspirin —causal (1.00)→ death\u{1b}[A"}], "hops": [], "confidence": 1.0});
        assert_eq!(rendered(path, json!([])), "  “aspirin aspirin —causal (1.00)→ death\\u{1b}[A”\n");
    }
}
