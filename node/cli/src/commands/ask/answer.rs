//! An answer for people: the sentence, how sure it is, and the chains that it rests on.

use std::fmt::Write;

use sutra_protocol::http::{AnswerView, Gate, GateReport, Intent, ReasonResponse};

use crate::output::chain::{self, Chains};
use crate::output::number::{confidence, milliseconds};
use crate::output::text;

/// Chains of a list, alternatives and objections shown.
const SHOWN: usize = 5;

/// The whole answer.
pub(super) fn render(reason: &ReasonResponse, width: usize) -> String {
    let mut out = text::wrap(&text::line(reason.answer.as_deref().unwrap_or("(no sentence was given)")), width, 0);
    let facts = [
        format!("confidence {}", confidence(reason.confidence)),
        gate(&reason.gate),
        format!("{} of {} paths agree", reason.consensus.supporting, reason.consensus.paths),
        milliseconds(reason.elapsed_ms),
    ];
    out.push_str(&text::wrap(&facts.join(" · "), width, 0));
    push_paths(&mut out, reason, width);
    push_alternatives(&mut out, &reason.alternatives, width);
    push_objections(&mut out, reason, width);
    if reason.partial {
        out.push_str("\nPartial: a shard that may know more could not be asked.\n");
    }
    out
}

/// `gate default: at least 0.50`.
pub(super) fn gate(report: &GateReport) -> String {
    let name = match report.name {
        Gate::Strict => "strict",
        Gate::Default => "default",
        Gate::Lenient => "lenient",
    };
    format!("gate {name}: at least {:.2}", report.threshold)
}

/// Every chain, under a heading of its own if there are several. Those of a list are much alike: the first few, in brief.
pub(super) fn push_paths(out: &mut String, reason: &ReasonResponse, width: usize) {
    let mut chains = Chains::new(&reason.sources, width);
    if reason.paths.len() > 1 && is_list(reason.intent) {
        out.push_str("\nBecause:\n");
        reason.paths.iter().take(SHOWN).for_each(|path| chains.push_brief(out, path));
        if reason.paths.len() > SHOWN {
            let _ = writeln!(out, "  … and {} more (use -o json)", reason.paths.len() - SHOWN);
        }
        return;
    }
    for (at, path) in reason.paths.iter().enumerate() {
        let heading = match reason.paths.len() {
            1 => "Because:".into(),
            several => format!("Because ({} of {several}, confidence {}):", at + 1, confidence(path.confidence)),
        };
        let _ = writeln!(out, "\n{heading}");
        chains.push(out, path);
    }
}

/// Whether the answer lists concepts, each with a chain of its own.
fn is_list(intent: Intent) -> bool {
    match intent {
        Intent::Parts | Intent::Kinds | Intent::Members | Intent::Wholes | Intent::Groups | Intent::Classes => true,
        Intent::Define | Intent::IsA | Intent::Relate | Intent::Unsupported => false,
    }
}

fn push_alternatives(out: &mut String, alternatives: &[AnswerView], width: usize) {
    if alternatives.is_empty() {
        return;
    }
    out.push_str("\nOther answers, on fewer or weaker paths:\n");
    for other in alternatives.iter().take(SHOWN) {
        out.push_str(&text::wrap(&format!("{} ({})", chain::name(&other.content), confidence(other.confidence)), width, 2));
    }
    push_more(out, alternatives.len());
}

/// What speaks against the answer.
pub(super) fn push_objections(out: &mut String, reason: &ReasonResponse, width: usize) {
    if reason.against.is_empty() {
        return;
    }
    out.push_str("\nAgainst it:\n");
    for objection in reason.against.iter().take(SHOWN) {
        out.push_str(&text::wrap(&format!("{} ({})", text::line(&objection.reason), objection.statement), width, 2));
    }
    push_more(out, reason.against.len());
}

fn push_more(out: &mut String, all: usize) {
    if all > SHOWN {
        let _ = writeln!(out, "  … and {} more", all - SHOWN);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_shows_a_line_a_hop_and_says_how_many_it_leaves_out() {
        let dog = "d".repeat(32);
        let path = |at: usize| {
            let (id, breed) =
                (format!("{at:032x}"), format!("breed {at}: a dog that is kept for one thing or another by people"));
            let hop = json!({"source": id, "target": dog, "type": "hierarchical", "label": "hypernym", "confidence": 0.9,
                "reversed": true, "evidence": [{"statement": id, "content": breed, "confidence": 0.9}]});
            json!({"concepts": [{"id": dog, "content": "dog: a domestic animal"}, {"id": id, "content": breed}], "hops": [hop],
                "confidence": 0.9})
        };
        let mut reason: ReasonResponse = serde_json::from_value(json!({
            "id": "ans-1", "known": true, "answer": "Kinds of dog.", "answers": [], "confidence": 0.9, "intent": "kinds",
            "asked": {"entities": [], "filters": []}, "consensus": {"paths": 7, "supporting": 7}, "alternatives": [], "against": [],
            "paths": (1..=7).map(path).collect::<Vec<_>>(),
            "gate": {"name": "default", "passed": true, "threshold": 0.5, "confidence": 0.9}, "sources": [], "elapsed_ms": 1.0,
            "partial": false
        }))
        .unwrap();
        let mut out = String::new();
        push_paths(&mut out, &reason, 80);
        let lines: Vec<_> = out.lines().collect();
        let first = "  dog ←hypernym (hierarchical, 0.90)— breed 1  “breed 1: a dog that is kept fo…”";
        assert_eq!(lines[..3], ["", "Because:", first]);
        assert_eq!((lines.len(), lines[7]), (8, "  … and 2 more (use -o json)"));
        reason.paths.truncate(1);
        let mut whole = String::new();
        push_paths(&mut whole, &reason, 80);
        assert!(whole.contains("no source given (0.90)"), "{whole}");
        reason.paths[0].hops.extend_from_within(..);
        reason.paths[0].concepts.extend_from_within(..1);
        reason.paths.extend_from_within(..);
        let mut narrow = String::new();
        push_paths(&mut narrow, &reason, 30);
        assert_eq!(narrow.lines().count(), 2 + 2 * 2, "{narrow}");
    }

    #[test]
    fn an_answer_is_told_with_confidence_chain_and_sources() {
        let [aspirin, cox, statement] = ["a", "b", "c"].map(|digit| digit.repeat(32));
        let reason: ReasonResponse = serde_json::from_value(json!({
            "id": "ans-1", "known": true, "answer": "Aspirin and prostaglandin are related: aspirin inhibits cyclooxygenase.",
            "answers": [{"content": "yes", "confidence": 0.855, "paths": [0]}], "confidence": 0.855, "intent": "relate",
            "asked": {"entities": [{"name": "aspirin", "id": aspirin, "content": "aspirin"}], "filters": []},
            "consensus": {"paths": 1, "supporting": 1},
            "alternatives": [{"content": "ibuprofen: a drug", "confidence": 0.3, "paths": []}],
            "against": [{"statement": statement, "reason": "it says that aspirin does not inhibit cyclooxygenase"}],
            "paths": [{"concepts": [{"id": aspirin, "content": "aspirin"}, {"id": cox, "content": "cyclooxygenase"}],
                "hops": [{"source": aspirin, "target": cox, "type": "causal", "label": "inhibits", "confidence": 0.855, "reversed": false,
                    "evidence": [{"statement": statement, "content": "Aspirin inhibits cyclooxygenase irreversibly.",
                        "source": {"uri": "https://example.org/label.pdf", "title": "Aspirin label", "page": 12}, "confidence": 0.855}]}],
                "confidence": 0.855}],
            "gate": {"name": "default", "passed": true, "threshold": 0.5, "confidence": 0.855},
            "sources": [], "elapsed_ms": 1.84, "partial": true
        }))
        .unwrap();
        let expected = format!(
            "Aspirin and prostaglandin are related: aspirin inhibits cyclooxygenase.
confidence 0.85 · gate default: at least 0.50 · 1 of 1 paths agree · 1.8 ms

Because:
  aspirin —inhibits (causal, 0.85)→ cyclooxygenase
      “Aspirin inhibits cyclooxygenase irreversibly.”
        — Aspirin label, page 12, https://example.org/label.pdf (0.85)

Other answers, on fewer or weaker paths:
  ibuprofen (0.30)

Against it:
  it says that aspirin does not inhibit cyclooxygenase ({statement})

Partial: a shard that may know more could not be asked.
"
        );
        assert_eq!(render(&reason, 100), expected);
    }
}
