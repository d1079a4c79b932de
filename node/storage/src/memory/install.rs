//! Putting segments in the place of what they were written from.

use std::sync::Arc;

use sutra_protocol::Namespace;
use sutra_protocol::command::LogIndex;
use sutra_segment::Segment;

use super::State;
use super::layer::Layer;

impl State {
    /// The frozen deltas are in `segment`, which was written from the namespaces that `born` names.
    pub(crate) fn checkpointed(&mut self, segment: Option<&Segment>, born: &[(Namespace, LogIndex)]) {
        for (name, born) in born {
            // A namespace that was dropped since has taken its deltas along; one of the same name has others.
            let Some(graph) = self.namespaces.get_mut(name).filter(|graph| graph.born == *born) else { continue };
            let graph = Arc::make_mut(graph);
            graph.frozen = None;
            let layer = segment.and_then(|segment| Layer::of(segment, name));
            graph.parts = graph.parts.iter().cloned().chain(layer).collect();
        }
    }

    /// The segments in `replaced`, which are neighbours, are in `segment` now.
    pub(crate) fn compacted(&mut self, replaced: &[u64], segment: Option<&Segment>) {
        self.change_parts(|name, parts| {
            let at = parts.iter().position(|layer| replaced.contains(&layer.segment_id()))?;
            let mut kept: Vec<_> = parts.iter().filter(|layer| !replaced.contains(&layer.segment_id())).cloned().collect();
            if let Some(layer) = segment.and_then(|segment| Layer::of(segment, name)) {
                kept.insert(at, layer);
            }
            Some(kept)
        });
    }

    /// The vectors at a place of a segment have a graph.
    pub(crate) fn indexed(&mut self, segment: u64, place: usize, graph: &Arc<sutra_vector::Graph>) {
        self.change_parts(|_, parts| {
            let is_meant = |layer: &Layer| layer.segment_id() == segment && layer.place() == place;
            parts.iter().any(is_meant).then(|| {
                parts.iter().map(|layer| if is_meant(layer) { layer.with_graph(graph) } else { layer.clone() }).collect()
            })
        });
    }

    /// Gives each namespace other layers where `change` says so.
    fn change_parts(&mut self, change: impl Fn(&Namespace, &[Layer]) -> Option<Vec<Layer>>) {
        let changed = self.namespaces.iter().filter_map(|(name, graph)| Some((name.clone(), change(name, &graph.parts)?)));
        for (name, parts) in changed.collect::<Vec<_>>() {
            if let Some(graph) = self.namespaces.get_mut(&name) {
                Arc::make_mut(graph).parts = parts.into();
            }
        }
    }
}
