//! A delta as the source of a segment's part.

use std::borrow::Cow;

use sutra_protocol::{AssociationKey, ConceptId, Namespace};
use sutra_segment::{AssociationRow, ConceptRow, Source};
use sutra_vector::Shape;

use super::delta::Delta;

/// What a checkpoint writes of a namespace.
pub(crate) struct Written<'a> {
    pub(crate) namespace: &'a Namespace,
    pub(crate) shape: Option<Shape>,
    pub(crate) delta: &'a Delta,
}

impl Source for Written<'_> {
    fn namespace(&self) -> &Namespace {
        self.namespace
    }

    fn shape(&self) -> Option<Shape> {
        self.shape
    }

    fn concepts(&self) -> Box<dyn Iterator<Item = (ConceptId, Cow<'_, ConceptRow>)> + '_> {
        Box::new(self.delta.concepts_from(ConceptId::default()).map(|(id, row)| (id, Cow::Borrowed(row.as_ref()))))
    }

    fn associations(&self) -> Box<dyn Iterator<Item = (AssociationKey, Cow<'_, AssociationRow>)> + '_> {
        Box::new(self.delta.sources_from(ConceptId::default()).flat_map(|source| {
            let mut edges: Vec<_> = self.delta.leaving(source).map(|edge| (edge.key(), edge.row)).collect();
            edges.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            edges.into_iter().map(|(key, row)| (key, Cow::Borrowed(row.as_ref())))
        }))
    }
}
