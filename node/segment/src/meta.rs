//! What a part says of itself: a MessagePack map, so that a later field is no other format.

use serde::{Deserialize, Serialize};
use sutra_protocol::Namespace;
use sutra_vector::{Scalar, Shape};

use crate::filter;
use crate::section::{Kind, Sections};

/// Names and counts of a part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub(crate) namespace: Namespace,
    /// Of concepts, alive or not.
    pub(crate) rows: u32,
    /// Of those, how many are alive.
    pub(crate) living: u32,
    /// Ids without a row.
    pub(crate) foreign: u32,
    /// Rows of associations, alive or not.
    pub(crate) edges: u32,
    pub(crate) relations: u32,
    pub(crate) strings: u32,
    pub(crate) supports: u32,
    pub(crate) names: u32,
    pub(crate) keys: u32,
    /// Incarnations.
    pub(crate) times: u32,
    /// Of the newest versions of living concepts.
    pub(crate) vectors: u32,
    /// Of all other versions; they follow in the same section.
    pub(crate) older_vectors: u32,
    /// What record times in rows and evidence are counted from, in microseconds since 1970.
    pub(crate) base_time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dimension: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scalar: Option<String>,
}

impl Meta {
    /// How vectors are stored; an error in words where that can't be.
    pub(crate) fn shape(&self) -> Result<Option<Shape>, String> {
        let (Some(dimension), Some(scalar)) = (self.dimension, &self.scalar) else { return Ok(None) };
        let scalar: Scalar = scalar.parse().map_err(|error| format!("{error}"))?;
        Shape::new(dimension, scalar).map(Some).map_err(|error| error.to_string())
    }

    /// Ids that rows and associations can name.
    pub(crate) fn codes(&self) -> u64 {
        u64::from(self.rows) + u64::from(self.foreign)
    }

    /// Checks that the sections are as long as the counts say; an error in words otherwise.
    pub(crate) fn check(&self, sections: &Sections) -> Result<(), String> {
        let [rows, foreign, edges] = [self.rows, self.foreign, self.edges].map(u64::from);
        let per_edge = |bytes: u64| bytes * edges;
        // Without edges their sections are left out.
        let with_edges = |bytes: u64| if edges == 0 { 0 } else { bytes };
        let vectors = u64::from(self.vectors) + u64::from(self.older_vectors);
        let stride = self.shape()?.map_or(0, |shape| shape.stride() as u64);
        let expected = [
            (Kind::Ids, 16 * rows),
            (Kind::Foreign, 16 * foreign),
            (Kind::RowFlags, rows),
            (Kind::RowOffsets, 5 * (rows + 1)),
            (Kind::Out, with_edges(4 * (self.codes() + 1))),
            (Kind::EdgeSource, per_edge(4)),
            (Kind::EdgeTarget, per_edge(4)),
            (Kind::EdgeRelation, per_edge(4)),
            (Kind::EdgeEvidence, with_edges(5 * (edges + 1))),
            (Kind::In, with_edges(4 * (self.codes() + 1))),
            (Kind::InEdges, per_edge(4)),
            (Kind::Supports, 8 * u64::from(self.supports)),
            (Kind::Names, 12 * u64::from(self.names)),
            (Kind::Keys, 12 * u64::from(self.keys)),
            (Kind::ByTime, 12 * u64::from(self.times)),
            (Kind::Vectors, stride * vectors),
            (Kind::VectorRows, 4 * u64::from(self.vectors)),
        ];
        for (kind, expected) in expected {
            let found = sections.of(kind).len as u64;
            if found != expected {
                return Err(format!("its {kind:?} section has {found} bytes instead of {expected}"));
            }
        }
        let at_least =
            [(Kind::Strings, 5 * (u64::from(self.strings) + 1)), (Kind::Relations, 5 * (u64::from(self.relations) + 1))];
        for (kind, least) in at_least {
            let found = sections.of(kind).len as u64;
            if found < least {
                return Err(format!("its {kind:?} section has {found} bytes; {least} are needed"));
            }
        }
        for kind in [Kind::Filter, Kind::ForeignFilter] {
            if !sections.of(kind).len.is_multiple_of(filter::BLOCK) {
                return Err(format!("its {kind:?} section is not made of whole blocks"));
            }
        }
        if self.codes() > u64::from(u32::MAX) || vectors > 0 && stride == 0 {
            return Err("it counts more ids or other vectors than there can be".into());
        }
        Ok(())
    }
}
