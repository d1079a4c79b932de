//! A segment's part, as a layer under the deltas.

use std::ops::Deref;
use std::sync::Arc;

use sutra_protocol::Namespace;
use sutra_segment::{Part, Segment};

/// A part, and its vectors with their graph, once there is one.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    part: Arc<Part>,
    /// The part's place in its segment.
    place: usize,
    /// The part's vectors with their graph.
    indexed: Option<Arc<sutra_vector::Part>>,
}

impl Layer {
    /// The part of a namespace in a segment.
    pub(crate) fn of(segment: &Segment, namespace: &Namespace) -> Option<Self> {
        let place = segment.parts().iter().position(|part| part.namespace() == namespace)?;
        let part = Arc::clone(&segment.parts()[place]);
        Some(Self { part, place, indexed: None })
    }

    /// The number of its segment.
    pub(crate) fn segment_id(&self) -> u64 {
        self.part.segment().id().0
    }

    pub(crate) fn place(&self) -> usize {
        self.place
    }

    /// Its vectors, with their graph once there is one.
    pub(crate) fn vectors(&self) -> Option<&sutra_vector::Part> {
        self.indexed.as_deref().or_else(|| self.part.vectors())
    }

    /// The same with a graph over its vectors; as it is, if the graph is of others.
    pub(crate) fn with_graph(&self, graph: &Arc<sutra_vector::Graph>) -> Self {
        let indexed = self.part.vectors().and_then(|vectors| vectors.with_graph(Arc::clone(graph)).ok());
        Self { indexed: indexed.map(Arc::new).or_else(|| self.indexed.clone()), ..self.clone() }
    }
}

impl Deref for Layer {
    type Target = Part;

    fn deref(&self) -> &Part {
        &self.part
    }
}
