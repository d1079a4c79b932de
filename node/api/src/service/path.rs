//! `POST /v1/path`.

use sutra_protocol::http::{PathRequest, PathResponse};
use sutra_protocol::{ApiError, AssociationFilter, Label};
use sutra_reasoning::{Budget, PathQuery, find_paths, path_views};

use super::association::find;
use super::{Caller, Read, Service, clock};

impl Service {
    /// The paths between two concepts. If the time runs out before the search is complete, what was found so far, with `partial`.
    ///
    /// # Errors
    /// `invalid_argument`, `not_found` and `conflict` for the two ends, `deadline_exceeded`.
    pub async fn path(&self, caller: &Caller, request: PathRequest) -> Result<PathResponse, ApiError> {
        request.validate()?;
        let clock = clock::Stopwatch::until(caller.deadline);
        let namespace = request.namespace.clone().unwrap_or_default();
        let read = Read { namespace, valid_at: request.valid_at, known_at: request.known_at };
        let found = self.heavy_in_part(caller, read, move |view| {
            let (start, end) = (find(view, "start", &request.start)?, find(view, "end", &request.end)?);
            let over = || clock.is_over();
            let found = find_paths(view, start, end, &query(request), &Budget::until(&over));
            let paths = path_views(view, &found.paths);
            let elapsed_ms = clock.elapsed_ms();
            // Where it begins where it ends, the shard of that concept was asked.
            let shards_accessed = view.shards_walked().max(1) as u32;
            let (partial, missing_shards) = (!found.complete, Vec::new());
            Ok(PathResponse { found: !paths.is_empty(), paths, shards_accessed, elapsed_ms, partial, missing_shards })
        });
        let (response, missing_shards) = found.await?;
        Ok(PathResponse { partial: response.partial || !missing_shards.is_empty(), missing_shards, ..response })
    }
}

fn query(request: PathRequest) -> PathQuery {
    let defaults = PathQuery::default();
    PathQuery {
        max_depth: request.max_depth.map_or(defaults.max_depth, |depth| depth as usize),
        max_paths: request.max_paths.map_or(defaults.max_paths, |paths| paths as usize),
        direction: request.direction.unwrap_or(defaults.direction),
        filter: AssociationFilter {
            types: request.types.unwrap_or_default(),
            labels: request.labels.unwrap_or_default().iter().map(|label| Label::from(label.as_str())).collect(),
            min_confidence: request.min_confidence.unwrap_or(0.0),
        },
        strategy: request.strategy.unwrap_or(defaults.strategy),
    }
}
