//! The rows of a state, wherever they stand.
//!
//! Replicas forget what nobody can ask for when they merge segments, each for itself and at its own time. So of a namespace that keeps
//! its history for ever every version is a row, and of one that forgets only what is alive now; evidence is told piece by piece, since a
//! row without any may be there or not.

use std::ops::ControlFlow;

use sutra_protocol::http::{NamespaceSettings, VectorScalar};
use sutra_protocol::{ConceptId, Namespace};

use super::rows::{Kind, Row};
use super::set_hash::SetHash;
use super::{DIGEST_VERSION, Digest};
use crate::memory::{Graph, State};

/// The digest of a state; `None`: `pause`, which is called every now and then, has broken it off.
pub(super) fn digest(state: &State, pause: &mut dyn FnMut() -> ControlFlow<()>) -> Option<Digest> {
    let mut set = SetHash::default();
    dealings(state, &mut set);
    for (name, graph) in &state.namespaces {
        set.add(namespace(name, graph));
        if rows(state, name, graph, &mut set, pause).is_break() {
            return None;
        }
    }
    Some(Digest { version: DIGEST_VERSION, applied: state.applied, rows: set.items(), sum: set.sum() })
}

fn rows(
    state: &State,
    name: &Namespace,
    graph: &Graph,
    set: &mut SetHash,
    pause: &mut dyn FnMut() -> ControlFlow<()>,
) -> ControlFlow<()> {
    // The state's own clock, which is the same on all replicas.
    let forgets = graph.forgotten_before(state.clock).is_some();
    for id in graph.ids_from(ConceptId::default()) {
        pause()?;
        if let Some(row) = graph.row(id) {
            set.add(if forgets { Row::living(name, id, &row) } else { Row::history(name, id, &row) });
        }
    }
    for source in graph.sources_from(ConceptId::default()) {
        pause()?;
        for link in graph.leaving(source) {
            let key = link.key();
            let row = link.row();
            let told = row.evidence.iter().filter(|piece| !forgets || graph.counts_now(&key, piece));
            told.for_each(|piece| set.add(Row::evidence(name, &key, piece)));
        }
    }
    ControlFlow::Continue(())
}

fn namespace(name: &Namespace, graph: &Graph) -> blake3::Hash {
    let NamespaceSettings { history_retention_seconds, vector_scalar, embedder } = &graph.settings;
    let mut row = Row::new(Kind::Namespace);
    row.namespace(name).number(graph.born.0).number(graph.base);
    row.number(graph.counts.concepts).number(graph.counts.associations).number(graph.counts.vectors);
    row.maybe(*history_retention_seconds, |row, seconds| {
        row.number(seconds);
    });
    row.maybe(*vector_scalar, |row, scalar| {
        row.number(match scalar {
            VectorScalar::F32 => 0,
            VectorScalar::F16 => 1,
            VectorScalar::I8 => 2,
        });
    });
    row.maybe(embedder.as_deref(), |row, embedder| {
        row.text(embedder);
    });
    row.maybe(graph.shape, |row, shape| {
        row.number(u64::from(shape.dimension()));
    });
    row.maybe(graph.forgotten_to, |row, time| {
        row.time(time);
    });
    row.end()
}

/// What the shard knows of itself and of its dealings with others. Not the effects that wait for them: which they are may follow from
/// what one replica has forgotten and another not.
fn dealings(state: &State, set: &mut SetHash) {
    let mut shard = Row::new(Kind::Shard);
    shard.number(state.range.start.as_u128() as u64).number((state.range.start.as_u128() >> 64) as u64);
    shard.time(state.clock).number(state.outbox.newest());
    set.add(shard.end());
    for (origin, number) in &state.taken {
        let mut row = Row::new(Kind::Taken);
        row.number(*origin).number(*number);
        set.add(row.end());
    }
    for ((name, key), held) in &state.reserved {
        let mut row = Row::new(Kind::Reserved);
        row.namespace(name).text(key).id(held.id).number(held.number);
        set.add(row.end());
    }
    for ((name, id), incarnation) in &state.giving_way {
        let mut row = Row::new(Kind::GivingWay);
        row.namespace(name).id(*id).number(*incarnation);
        set.add(row.end());
    }
    for (name, dropped) in &state.dropped {
        let mut row = Row::new(Kind::Dropped);
        row.namespace(name).time(dropped.era).number(dropped.upto);
        set.add(row.end());
    }
}
