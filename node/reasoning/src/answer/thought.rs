//! What thinking about a question came to, before it is shown.

use sutra_protocol::ConceptId;
use sutra_protocol::http::{AnswerView, Candidate, Objection, Refusal, RefusalCode};

use crate::path::Path;

/// An answer or a refusal, with what led to it.
pub(super) struct Thought {
    pub(super) verdict: Verdict,
    /// The relation that was asked for.
    pub(super) relation: Option<&'static str>,
    /// The types and labels that were followed.
    pub(super) filters: Vec<String>,
    /// Every path that an answer or an alternative refers to by its position.
    pub(super) paths: Vec<Path>,
    /// Weaker answers.
    pub(super) alternatives: Vec<AnswerView>,
    /// What speaks against the answer.
    pub(super) against: Vec<Objection>,
    /// The confidence that the gate saw.
    pub(super) confidence: f64,
    /// Paths that were weighed, and those of them that lead to the answer.
    pub(super) weighed: usize,
    pub(super) supporting: usize,
    /// Concepts that are quoted though no association rests on them.
    pub(super) quoted: Vec<ConceptId>,
    /// False if the budget ran out.
    pub(super) complete: bool,
}

pub(super) enum Verdict {
    Answer { sentence: String, answers: Vec<AnswerView> },
    Refusal(Refusal),
}

impl Thought {
    pub(super) fn new(verdict: Verdict) -> Self {
        Self {
            verdict,
            relation: None,
            filters: Vec::new(),
            paths: Vec::new(),
            alternatives: Vec::new(),
            against: Vec::new(),
            confidence: 0.0,
            weighed: 0,
            supporting: 0,
            quoted: Vec::new(),
            complete: true,
        }
    }

    pub(super) fn refused(refusal: Refusal) -> Self {
        Self::new(Verdict::Refusal(refusal))
    }

    /// Nothing stored leads to an answer; or, if the search was cut short, nothing was found in the time.
    pub(super) fn nothing(message: String, complete: bool) -> Self {
        let refusal = if complete {
            refusal(RefusalCode::NoPath, message)
        } else {
            refusal(
                RefusalCode::Deadline,
                "The time, or the work allowed for one question, was over before an answer was found.".into(),
            )
        };
        Self { complete, ..Self::refused(refusal) }
    }
}

pub(super) fn refusal(code: RefusalCode, message: String) -> Refusal {
    Refusal { code, message, candidates: Vec::new(), nearest: Vec::new() }
}

/// A refusal for want of confidence. `nearest` is the answer that would have been given.
pub(super) fn below_gate(confidence: f64, threshold: f64, nearest: Vec<Candidate>) -> Refusal {
    let message = format!("The best answer has a confidence of {confidence:.3}; the gate asks for {threshold}.");
    Refusal { nearest, ..refusal(RefusalCode::BelowGate, message) }
}
