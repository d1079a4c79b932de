//! `POST /v1/learn/batch`.

use sutra_protocol::ApiError;
use sutra_protocol::http::{LearnBatchRequest, LearnBatchResponse, LearnResult};

use super::deed::Deed;
use super::{Caller, Service, Written};

impl Service {
    /// Teaches up to 1000 concepts; each item may name what items before it teach.
    ///
    /// # Errors
    /// If there are too many items, and what every write may meet. An item's own error stands in its place of the answer.
    pub async fn learn_batch(
        &self,
        caller: &Caller,
        request: LearnBatchRequest,
    ) -> Result<Written<LearnBatchResponse>, ApiError> {
        let LearnBatchRequest { items, namespace, options } = request;
        let deeds = items.into_iter().map(|mut item| {
            item.options = item.options.or_else(|| options.clone());
            Deed::Learn(Box::new(item))
        });
        let (results, token) = self.do_all(caller, namespace.as_ref(), deeds.collect()).await?;
        let render = |(namespace, result)| match result {
            Ok(done) => {
                self.learned(&namespace, caller, done).map_or_else(|error| LearnResult::Refused { error }, LearnResult::Learned)
            }
            Err(error) => LearnResult::Refused { error },
        };
        Ok(Written { body: LearnBatchResponse { results: results.into_iter().map(render).collect() }, token })
    }
}
