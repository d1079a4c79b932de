//! A delta as the source of a segment's part.

use std::borrow::Cow;

use sutra_protocol::{AssociationKey, ConceptId, Namespace, Timestamp};
use sutra_segment::{AssociationRow, ConceptRow, Source};
use sutra_vector::Shape;

use super::delta::Delta;

/// What a checkpoint writes of a namespace.
pub(crate) struct Written<'a> {
    pub(crate) namespace: &'a Namespace,
    pub(crate) shape: Option<Shape>,
    pub(crate) delta: &'a Delta,
    /// The earliest record time that can still be asked about; `None`: everything is kept.
    pub(crate) horizon: Option<Timestamp>,
}

impl Source for Written<'_> {
    fn namespace(&self) -> &Namespace {
        self.namespace
    }

    fn shape(&self) -> Option<Shape> {
        self.shape
    }

    fn concepts(&self) -> Box<dyn Iterator<Item = (ConceptId, Cow<'_, ConceptRow>)> + '_> {
        let rows = |id| {
            let mut row = self.delta.concept(id)?.row();
            if let Some(horizon) = self.horizon {
                row.to_mut().forget_before(horizon);
            }
            Some((id, row))
        };
        Box::new(self.delta.ids_from(ConceptId::default()).filter_map(rows))
    }

    fn associations(&self) -> Box<dyn Iterator<Item = (AssociationKey, Cow<'_, AssociationRow>)> + '_> {
        Box::new(self.delta.sources_from(ConceptId::default()).flat_map(|source| {
            let mut edges: Vec<_> = self.delta.leaving(source).map(|edge| (edge.key(), edge.row)).collect();
            edges.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            edges.into_iter().map(|(key, row)| {
                let mut row = row.row();
                if let Some(horizon) = self.horizon {
                    row.to_mut().forget_before(horizon);
                }
                (key, row)
            })
        }))
    }
}
