//! `GET /v1/export`.

use std::collections::BTreeMap;

use serde::Serialize;

use sutra_protocol::http::{AssociateRequest, ConceptRef, LearnRequest};
use sutra_protocol::{ApiError, Association, AssociationKey, Concept, ConceptId, Ground, Knowledge, association, limits};
use sutra_storage::View;

use super::{Caller, Read, Service};

/// About how long a page is.
const PAGE_BYTES: usize = 256 << 10;
/// Rows that are taken from the view at once.
const ROWS: usize = 64;

/// A running export from one pinned view. A page takes a moment to make: call it from a blocking thread.
pub struct Exporter {
    view: View,
    next: Next,
}

/// What comes next.
enum Next {
    /// Concepts, after this one.
    Concepts(Option<ConceptId>),
    /// Associations, after this one.
    Associations(Option<AssociationKey>),
    /// Nothing.
    End,
}

impl Service {
    /// Everything in a namespace as lines that an import takes back: concepts in the order of their ids, then associations. An
    /// association has a line for each confidence among its evidence, and one for what is merely asserted; so every piece comes
    /// back as it was, but for who asserted it, and when. It names concepts by key or content, so another namespace can take it;
    /// only a concept without a key and with a content above 512 bytes is named by its id, which another namespace does not know.
    ///
    /// # Errors
    /// `invalid_argument`, `deadline_exceeded`.
    pub async fn export(&self, caller: &Caller, read: &Read) -> Result<Exporter, ApiError> {
        self.ready(caller).await?;
        let view = match read.valid_at {
            Some(_) => self.view(read)?,
            None => self.recorded(&read.namespace, read.known_at)?,
        };
        Ok(Exporter { view, next: Next::Concepts(None) })
    }
}

impl Exporter {
    /// The next whole NDJSON lines, about 256 KiB of them; `None` at the end.
    pub fn next_page(&mut self) -> Option<Vec<u8>> {
        let mut page = Vec::new();
        while page.len() < PAGE_BYTES {
            match &self.next {
                Next::Concepts(after) => {
                    let concepts = self.view.concepts(*after, ROWS);
                    for concept in &concepts {
                        put(&mut page, &learn(concept));
                        self.next = Next::Concepts(Some(concept.id));
                        if page.len() >= PAGE_BYTES {
                            break;
                        }
                    }
                    if concepts.is_empty() {
                        self.next = Next::Associations(None);
                    }
                }
                Next::Associations(after) => {
                    let associations = self.view.associations(after.as_ref(), ROWS);
                    for association in &associations {
                        associate(association, &self.view).iter().for_each(|line| put(&mut page, line));
                    }
                    self.next = associations.into_iter().next_back().map_or(Next::End, |last| Next::Associations(Some(last.key)));
                }
                Next::End => break,
            }
        }
        (!page.is_empty()).then_some(page)
    }
}

fn put(page: &mut Vec<u8>, line: &impl Serialize) {
    let start = page.len();
    if serde_json::to_writer(&mut *page, line).is_ok() {
        page.push(b'\n');
    } else {
        // Neither a failing map key nor a failing write exists in these types; half a line would spoil its neighbours.
        page.truncate(start);
    }
}

fn learn(concept: &Concept) -> LearnRequest {
    LearnRequest {
        content: concept.content.to_string(),
        key: concept.key.as_deref().map(str::to_owned),
        aliases: concept.aliases.iter().map(ToString::to_string).collect(),
        semantic_type: Some(concept.semantic_type),
        confidence: Some(concept.confidence),
        strength: Some(concept.strength),
        attributes: concept.attributes.clone(),
        vector: concept.vector.as_deref().map(<[f32]>::to_vec),
        valid_from: concept.validity.from,
        valid_to: concept.validity.to,
        source: concept.source.clone(),
        ..LearnRequest::default()
    }
}

/// How another namespace can know a concept: by its key, else by its content, as long as that is as short as keys are.
fn name(id: ConceptId, view: &View) -> ConceptRef {
    let Some(concept) = view.concept(id) else { return ConceptRef::Id(id) };
    match &concept.key {
        Some(key) => ConceptRef::Key { key: key.to_string() },
        None if concept.content.len() <= limits::KEY_BYTES => ConceptRef::Content { content: concept.content.to_string() },
        None => ConceptRef::Id(id),
    }
}

fn associate(association: &Association, view: &View) -> Vec<AssociateRequest> {
    // By the bits of the confidence, which for numbers from 0 to 1 is the order of the confidences.
    let mut statements: BTreeMap<u64, Vec<ConceptId>> = BTreeMap::new();
    let mut asserted = Vec::new();
    for piece in &association.evidence {
        match &piece.ground {
            Ground::Statement(id) => statements.entry(piece.confidence.to_bits()).or_default().push(*id),
            Ground::AssertedBy(who) => asserted.push((who, piece.confidence)),
        }
    }
    let AssociationKey { source, kind, label, target, validity } = &association.key;
    let (source, target) = (name(*source, view), name(*target, view));
    let line = |confidence, evidence| AssociateRequest {
        source: source.clone(),
        target: target.clone(),
        kind: Some(*kind),
        label: (!label.as_str().is_empty()).then(|| label.to_string()),
        confidence: Some(confidence),
        strength: Some(association.strength),
        valid_from: validity.from,
        valid_to: validity.to,
        evidence,
        namespace: None,
    };
    let mut lines = Vec::new();
    for (bits, ids) in statements {
        let names = |ids: &[ConceptId]| ids.iter().map(|id| name(*id, view)).collect();
        lines.extend(ids.chunks(limits::EVIDENCE).map(|ids| line(f64::from_bits(bits), names(ids))));
    }
    if !asserted.is_empty() {
        // Whoever imports it becomes the one who asserts it: several words become one of the same weight.
        lines.push(line(association::confidence(asserted), Vec::new()));
    }
    lines
}
