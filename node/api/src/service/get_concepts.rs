//! `POST /v1/concepts/get`.

use std::collections::HashMap;

use sutra_protocol::http::{GetConceptsRequest, GetConceptsResponse};
use sutra_protocol::{ApiError, Knowledge};

use super::clock::Stopwatch;
use super::fault::{self, Fate};
use super::{Caller, Read, Service, render};

impl Service {
    /// Several concepts from one state, in the order of their ids; an id that stands twice is answered twice.
    ///
    /// # Errors
    /// `invalid_argument`, `deadline_exceeded`. That a concept does not exist is no error.
    pub async fn get_concepts(&self, caller: &Caller, request: GetConceptsRequest) -> Result<GetConceptsResponse, ApiError> {
        request.validate()?;
        let GetConceptsRequest { ids, namespace, valid_at, known_at } = request;
        let clock = Stopwatch::until(caller.deadline);
        let read = Read { namespace: namespace.unwrap_or_default(), valid_at, known_at };
        self.heavy(caller, read, move |view| {
            let mut answer = GetConceptsResponse { concepts: Vec::with_capacity(ids.len()), missing: Vec::new() };
            let mut seen = HashMap::new();
            view.prepare_details(&ids);
            for id in ids {
                if clock.is_over() {
                    return Err(fault::deadline(Fate::None));
                }
                // Its degree is counted once, though a hub may be asked for a thousand times.
                let found = seen.entry(id).or_insert_with(|| view.concept(id).map(|concept| render::concept(&concept, view)));
                match found {
                    Some(concept) => answer.concepts.push(concept.clone()),
                    None => answer.missing.push(id),
                }
            }
            Ok(answer)
        })
        .await
    }
}
