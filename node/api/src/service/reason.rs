//! `POST /v1/reason`.

use sutra_protocol::ApiError;
use sutra_protocol::http::{GateReport, ReasonRequest, ReasonResponse, Refusal, RefusalCode};
use sutra_reasoning::{Budget, Context, reason};

use super::{Caller, Read, Service, clock};

/// Concepts to suggest where a name is unknown.
const SUGGESTIONS: usize = 5;

impl Service {
    /// Answers a question with its chain of evidence, or says why there is no answer.
    ///
    /// # Errors
    /// `invalid_argument`, `deadline_exceeded`. A question that can't be answered is no error.
    pub async fn reason(&self, caller: &Caller, request: ReasonRequest) -> Result<ReasonResponse, ApiError> {
        request.validate()?;
        if request.stream == Some(true) {
            let message = "stream is true, but this version answers in one piece; leave it out or set it to false";
            return Err(ApiError::invalid("stream", message));
        }
        let clock = clock::Stopwatch::until(caller.deadline);
        let namespace = request.namespace.clone().unwrap_or_default();
        let read = Read { namespace, valid_at: request.valid_at, known_at: request.known_at };
        let thought = self.heavy_in_part(caller, read, move |view| {
            let over = || clock.is_over();
            let elapsed_ms = || clock.elapsed_ms();
            // A name of more words than can be asked for at once has no suggestions.
            let suggest = |name: &str| {
                let found = view.search(name, SUGGESTIONS, None).unwrap_or_default();
                found.iter().map(|hit| hit.concept.id).collect()
            };
            let context = Context {
                id: uuid::Uuid::new_v4().to_string(),
                budget: &Budget::until(&over),
                elapsed_ms: &elapsed_ms,
                suggest: Some(&suggest),
            };
            Ok(reason(view, &request, context))
        });
        let (response, missing_shards) = thought.await?;
        Ok(if missing_shards.is_empty() { response } else { withheld(response, missing_shards) })
    }
}

/// A response that was thought of without some shards: what they know may contradict it, or answer it. The paths that were found stand.
fn withheld(response: ReasonResponse, missing_shards: Vec<u64>) -> ReasonResponse {
    let names: Vec<String> = missing_shards.iter().map(ToString::to_string).collect();
    let names = names.join(", ");
    let message = match missing_shards.len() {
        1 => format!("Shard {names} does not answer, and what it knows may change the answer."),
        _ => format!("Shards {names} do not answer, and what they know may change the answer."),
    };
    let because = Refusal { code: RefusalCode::Partial, message, candidates: Vec::new(), nearest: Vec::new() };
    ReasonResponse {
        known: false,
        answer: None,
        answers: Vec::new(),
        confidence: 0.0,
        because: Some(because),
        gate: GateReport { passed: false, ..response.gate },
        partial: true,
        missing_shards,
        ..response
    }
}
