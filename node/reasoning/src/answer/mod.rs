//! From a question to its answer or its refusal.

use sutra_protocol::http::{ReasonRequest, ReasonResponse};
use sutra_protocol::{ConceptId, Knowledge};

use crate::budget::Budget;

/// What answering needs besides the knowledge and the question.
pub struct Context<'a> {
    /// Names the answer.
    pub id: String,
    /// How much work the question is worth.
    pub budget: &'a Budget<'a>,
    /// Milliseconds since the request arrived; asked once, when the answer is ready.
    pub elapsed_ms: &'a dyn Fn() -> f64,
    /// Concepts whose names resemble an unknown name, best first; `None` suggests nothing.
    pub suggest: Option<&'a dyn Fn(&str) -> Vec<ConceptId>>,
}

/// Answers a question from what is known, or says why there is no answer. The request has been validated.
pub fn reason(knowledge: &dyn Knowledge, request: &ReasonRequest, context: Context<'_>) -> ReasonResponse {
    let _ = (knowledge, request, context);
    todo!()
}
