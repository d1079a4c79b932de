//! `LearnConceptV2`, `LearnBatch`, `LearnConcept`, `LearnWithEmbedding`.

use sutra_protocol::ApiError;
use sutra_protocol::http::{LearnBatchRequest, LearnRequest, LearnResult};
use sutra_protocol::tcp::{BatchError, ConceptIdOk, LearnBatchOk, LearnConceptOk, LearnConceptV2Ok};

use crate::tcp::answer::Asked;

pub(in crate::tcp) async fn concept_v2(asked: &Asked, learn: LearnRequest) -> Result<LearnConceptV2Ok, ApiError> {
    let embedded = learn.vector.is_some();
    let learned = asked.service.learn(&asked.caller, learn).await?.body;
    let (shard, index, created) = (learned.shard, learned.index, learned.created);
    Ok(LearnConceptV2Ok { concept_id: learned.id, shard, index, created, embedded })
}

pub(in crate::tcp) async fn batch(asked: &Asked, batch: LearnBatchRequest) -> Result<LearnBatchOk, ApiError> {
    let given: Vec<_> = batch.items.iter().map(|item| item.vector.is_some()).collect();
    let results = asked.service.learn_batch(&asked.caller, batch).await?.body.results;
    let room = results.len();
    let mut reply =
        LearnBatchOk { concept_ids: Vec::with_capacity(room), embedded: Vec::with_capacity(room), errors: Vec::new() };
    for (at, (result, given)) in results.into_iter().zip(given).enumerate() {
        reply.embedded.push(given && matches!(result, LearnResult::Learned(_)));
        reply.concept_ids.push(match result {
            LearnResult::Learned(learned) => Some(learned.id),
            LearnResult::Refused { error } => {
                reply.errors.push(BatchError { at, code: error.code, message: error.message });
                None
            }
        });
    }
    Ok(reply)
}

pub(in crate::tcp) async fn concept(asked: &Asked, learn: LearnRequest) -> Result<LearnConceptOk, ApiError> {
    let embedded = learn.vector.is_some();
    let learned = asked.service.learn(&asked.caller, learn).await?.body;
    Ok(LearnConceptOk { sequence: learned.index, embedded })
}

pub(in crate::tcp) async fn with_embedding(asked: &Asked, learn: LearnRequest) -> Result<ConceptIdOk, ApiError> {
    let embedded = learn.vector.is_some();
    let learned = asked.service.learn(&asked.caller, learn).await?.body;
    Ok(ConceptIdOk { concept_id: learned.id, embedded })
}
