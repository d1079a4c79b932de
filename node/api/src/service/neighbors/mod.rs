//! `GET /v1/concept/{id}/neighbors`.

use std::collections::{BTreeMap, HashSet};

use sutra_grid::View;
use sutra_protocol::http::{NeighborView, NeighborsResponse};
use sutra_protocol::{ApiError, AssociationFilter, ConceptId, Direction, Knowledge, Label, Step};
use sutra_reasoning::view::{evidence_views, prepare_steps};

use self::cursor::Position;
use super::clock::Stopwatch;
use super::fault::{self, Fate};
use super::{Caller, Read, Service, render};

mod cursor;
mod query;

pub use self::query::NeighborsQuery;

/// Concepts whose neighbours are asked for at once; the clock is looked at in between.
const FRONTIER: usize = 256;

impl Service {
    /// A page of the neighbours of a concept, each at its least distance, by hop, direction (out first), type, label and id. A
    /// neighbour stands once for each direction, type and label that lead to it at that distance; where several associations do,
    /// with the surest one.
    ///
    /// # Errors
    /// `invalid_argument`, `not_found`, `deadline_exceeded`.
    pub async fn neighbors(
        &self,
        caller: &Caller,
        read: &Read,
        id: ConceptId,
        query: NeighborsQuery,
    ) -> Result<NeighborsResponse, ApiError> {
        query.validate()?;
        let after = query.cursor.as_deref().map(str::parse::<Position>).transpose()?;
        let clock = Stopwatch::until(caller.deadline);
        self.heavy(caller, read.clone(), move |view| {
            view.concept(id).ok_or_else(|| fault::no_concept(id))?;
            page(view, id, &query, after, &clock)
        })
        .await
    }
}

fn page(
    view: &View,
    id: ConceptId,
    query: &NeighborsQuery,
    after: Option<Position>,
    clock: &Stopwatch,
) -> Result<NeighborsResponse, ApiError> {
    let limit = query.limit.unwrap_or(query::LIMIT) as usize;
    let direction = query.direction.unwrap_or_default();
    let labels = query.labels.iter().map(|label| Label::from(label.as_str())).collect();
    let filter = AssociationFilter { types: query.types.clone(), labels, min_confidence: 0.0 };
    let mut page: BTreeMap<Position, Step> = BTreeMap::new();
    let mut seen = HashSet::from([id]);
    let mut frontier = vec![id];
    for hop in 1..=query.hops.unwrap_or(1) as u8 {
        let mut reached = HashSet::new();
        for ids in frontier.chunks(FRONTIER) {
            if clock.is_over() {
                return Err(fault::deadline(Fate::None));
            }
            for step in view.expand(ids, direction, &filter).into_iter().flatten().filter(|step| !seen.contains(&step.to())) {
                reached.insert(step.to());
                keep(&mut page, Position::of(hop, &step), step, after.as_ref(), limit);
            }
        }
        // What later hops reach comes after all of this.
        if page.len() > limit {
            break;
        }
        seen.extend(&reached);
        frontier = reached.into_iter().collect();
    }
    let more = page.len() > limit;
    let kept: Vec<_> = page.into_iter().take(limit).collect();
    let cursor = if more { kept.last().map(|(position, _)| position.to_string()) } else { None };
    prepare_steps(view, kept.iter().map(|(_, step)| step));
    Ok(NeighborsResponse { neighbors: kept.iter().map(|(position, step)| render(view, position, step)).collect(), cursor })
}

/// Keeps the first `limit` positions after `after`, and one more to know that there is a next page: a hub costs a pass over its
/// associations, not their memory.
fn keep(page: &mut BTreeMap<Position, Step>, position: Position, step: Step, after: Option<&Position>, limit: usize) {
    if after.is_some_and(|after| position <= *after) {
        return;
    }
    if page.len() > limit && page.last_key_value().is_some_and(|(last, _)| position > *last) {
        return;
    }
    // Of equally sure ones the first by key, in whatever order they come.
    let surer = |held: &Step| (step.confidence, &held.key) > (held.confidence, &step.key);
    if page.get(&position).is_none_or(surer) {
        page.insert(position, step);
    }
    if page.len() > limit + 1 {
        page.pop_last();
    }
}

impl Position {
    fn of(hop: u8, step: &Step) -> Self {
        Self { hop, incoming: step.reversed, kind: step.key.kind, label: step.key.label.clone(), id: step.to() }
    }
}

fn render(view: &View, position: &Position, step: &Step) -> NeighborView {
    let association = view.association(&step.key);
    NeighborView {
        id: position.id,
        content: render::content(position.id, view),
        hop: position.hop.into(),
        direction: if position.incoming { Direction::In } else { Direction::Out },
        kind: position.kind,
        label: position.label.to_string(),
        confidence: step.confidence,
        strength: step.strength,
        evidence: association.map(|association| evidence_views(view, &association)).unwrap_or_default(),
    }
}
