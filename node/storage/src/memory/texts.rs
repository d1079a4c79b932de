//! The words of what was written since the last checkpoint.

use std::sync::Arc;

use sutra_keyword::Recent;
use sutra_protocol::Concept;

use super::delta::Appended;

/// Keyword index of a delta. A text is one document; a changed or retracted one stays, because a reader of the past may ask for it,
/// and only the statistics forget it.
#[derive(Clone, Default)]
pub(crate) struct Texts {
    /// Shared by all clones, and so ahead of older ones: a reader looks only at the documents that its clone has.
    index: Arc<Recent>,
    /// By ordinal: the version that brought the text.
    documents: Appended<Arc<Concept>>,
    bytes: usize,
}

impl Texts {
    /// Indexes the text of a concept.
    pub(crate) fn put(&mut self, concept: &Arc<Concept>) {
        let texts = texts(concept);
        // More than u32::MAX texts do not fit a delta's budget.
        if let Err(error) = self.index.put(self.documents.len(), &texts) {
            // Only a defect gets here: ordinals ascend. The text is found by its name, and by its words after the next checkpoint.
            tracing::error!(%error, concept = %concept.id, "the words of a concept were not indexed");
        }
        // Postings, positions and the words themselves take about four times the text.
        self.bytes += 96 + 4 * texts.iter().map(|text| text.len()).sum::<usize>();
        self.documents.push(Arc::clone(concept));
    }

    /// Takes a text, of this delta or of a segment, out of the statistics.
    pub(crate) fn remove(&mut self, concept: &Concept) {
        // It counts for whoever sees all that was written before.
        self.index.remove(self.documents.len().saturating_sub(1), texts(concept));
    }

    pub(crate) fn index(&self) -> &Recent {
        &self.index
    }

    /// How many documents this clone has.
    pub(crate) fn visible(&self) -> u32 {
        self.documents.len()
    }

    pub(crate) fn document(&self, ordinal: u32) -> Option<&Arc<Concept>> {
        self.documents.get(ordinal)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// What is indexed of a concept.
pub(crate) fn texts(concept: &Concept) -> Vec<&str> {
    std::iter::once(&concept.content).chain(&concept.aliases).map(AsRef::as_ref).collect()
}
