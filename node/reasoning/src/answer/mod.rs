//! From a question to its answer or its refusal.
//!
//! ```text
//!   understanding: readings × links ─→ intent and concepts, or unknown_entity, ambiguous_entity, unsupported_question
//!   is_a, one_hop, define, relate  ─→ Thought: paths, parts of an answer, what speaks against it, or a refusal
//!   response: Thought              ─→ ReasonResponse: gate, sentences, evidence, sources
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | `understanding` | which reading of the question is meant, and of which concepts |
//! | `is_a` | yes by a chain of kinds, no by a stored negation only |
//! | `one_hop` | parts, kinds, members, wholes, groups, classes |
//! | `define` | what a concept's content says, and its classes |
//! | `relate` | the surest paths between two concepts |
//! | `thought` | what an intent came to |
//! | `response` | how it is shown |

use sutra_protocol::http::{Gate, Intent, ReasonRequest, ReasonResponse};
use sutra_protocol::{ConceptId, Knowledge};

use crate::budget::Budget;
use crate::verbalise::short_name;

use self::thought::Thought;
use self::understanding::{Entity, Understood};

mod define;
mod is_a;
mod one_hop;
mod relate;
mod response;
mod thought;
mod understanding;

#[cfg(test)]
mod tests;

/// Most answers of a question.
pub const ANSWERS: usize = 1_000;

/// Finds concepts whose names resemble an unknown name, best first. See [`nearest`](crate::linking::nearest).
pub type Suggest<'a> = &'a dyn Fn(&str) -> Vec<ConceptId>;

/// What answering needs besides the knowledge and the question.
pub struct Context<'a> {
    /// Names the answer.
    pub id: String,
    /// How much work the question is worth.
    pub budget: &'a Budget<'a>,
    /// Milliseconds since the request arrived; asked once, when the answer is ready.
    pub elapsed_ms: &'a dyn Fn() -> f64,
    /// Concepts whose names resemble an unknown name, best first; `None` suggests nothing.
    pub suggest: Option<Suggest<'a>>,
}

/// A question under consideration.
struct Question<'a> {
    knowledge: &'a dyn Knowledge,
    budget: &'a Budget<'a>,
    gate: Gate,
    paths: usize,
    max_depth: usize,
}

impl Question<'_> {
    fn content(&self, id: ConceptId) -> String {
        self.knowledge.concept(id).map(|concept| concept.content.to_string()).unwrap_or_default()
    }

    fn name(&self, id: ConceptId) -> String {
        self.knowledge.concept(id).map(|concept| short_name(&concept.content)).unwrap_or_else(|| id.to_string())
    }

    fn passes(&self, confidence: f64) -> bool {
        confidence >= self.gate.threshold()
    }
}

/// Answers a question from what is known, or says why there is no answer. The request has been validated.
///
/// `known: false` comes with a code: `unknown_entity`, `ambiguous_entity`, `unsupported_question`, `no_path`, `below_gate`,
/// `contradicted` or `deadline`. An answer found although the budget ran out is marked `partial`: there may be a better one.
pub fn reason(knowledge: &dyn Knowledge, request: &ReasonRequest, context: Context<'_>) -> ReasonResponse {
    let question = Question {
        knowledge,
        budget: context.budget,
        gate: request.gate.unwrap_or_default(),
        paths: request.paths.unwrap_or(3) as usize,
        max_depth: request.max_depth.unwrap_or(6) as usize,
    };
    let (intent, entities, thought) = match understanding::understand(knowledge, request, context.suggest) {
        Understood::Refused { intent, entities, refusal } => (intent, entities, Thought::refused(refusal)),
        Understood::Asked { intent, entities } => {
            let thought = think(&question, intent, &entities);
            (intent, entities.into_iter().map(Entity::view).collect(), thought)
        }
    };
    response::respond(&question, intent, entities, thought, context)
}

fn think(question: &Question<'_>, intent: Intent, entities: &[Entity]) -> Thought {
    match (intent, entities) {
        (Intent::IsA, [x, y]) => is_a::think(question, x.id, y.id),
        (Intent::Relate, [x, y]) => relate::think(question, x.id, y.id),
        (Intent::Define, [x]) => define::think(question, x),
        (_, [x]) => one_hop::think(question, intent, x.id),
        _ => Thought::refused(understanding::unsupported()),
    }
}
