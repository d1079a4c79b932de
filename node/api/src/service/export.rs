//! `GET /v1/export`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;

use sutra_grid::{Reading, View};
use sutra_protocol::http::{AssociateRequest, ConceptRef};
use sutra_protocol::{
    ApiError, Association, AssociationKey, Attributes, Concept, ConceptId, Ground, Knowledge, SemanticType, Source, Timestamp,
    Wanted, association, limits,
};

use sutra_reasoning::view::quoted;

use super::pinned::Pinned;
use super::{Caller, Read, Service};

/// Rows that are taken from the view at once.
const ROWS: usize = 64;

/// An export from one pinned view.
pub struct Exporter {
    state: Pinned,
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
        // It goes on for as long as its reader takes lines.
        let reading = Reading { until: None, ..caller.reading() };
        let state = match read.valid_at {
            Some(_) => self.pin(read, reading)?,
            None => self.recorded(&read.namespace, read.known_at, reading)?,
        };
        state.read(|view| {
            view.pin();
            Ok(())
        })?;
        Ok(Exporter { state })
    }
}

impl Exporter {
    /// The same lines from a view that was taken without a service.
    pub fn of(view: sutra_storage::View) -> Self {
        Self { state: Pinned::new(View::whole(view)) }
    }

    /// Writes every line to `out`, at its pace: call it from a blocking thread. No line is held as text, however long it is; none is
    /// written of rows that were read from a damaged file.
    ///
    /// # Errors
    /// Those of `out`, and an [`ApiError`] (`internal`) where damage is met.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut after = None;
        loop {
            let concepts = self.rows(|view| view.concepts(after, ROWS))?;
            let Some(last) = concepts.last() else { break };
            after = Some(last.id);
            concepts.iter().try_for_each(|concept| put(out, &ConceptLine::of(concept)))?;
        }
        let mut after: Option<AssociationKey> = None;
        loop {
            let (last, lines) = self.rows(|view| {
                let mut associations = view.associations(after.as_ref(), ROWS);
                let named = associations.iter().flat_map(|association| {
                    [association.key.source, association.key.target].into_iter().chain(quoted(&association.evidence))
                });
                view.prepare(&Wanted { concepts: named.collect(), ..Wanted::default() });
                let lines: Vec<_> = associations.iter().flat_map(|association| lines(association, view)).collect();
                (associations.pop().map(|last| last.key), lines)
            })?;
            lines.iter().try_for_each(|line| put(out, line))?;
            let Some(last) = last else { break };
            after = Some(last);
        }
        Ok(())
    }

    fn rows<T>(&self, read: impl FnOnce(&View) -> T) -> io::Result<T> {
        self.state.read(|view| Ok(read(view))).map_err(io::Error::other)
    }
}

fn put(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// A [`LearnRequest`](sutra_protocol::http::LearnRequest) that borrows what it says: a concept can be tens of MiB long.
#[derive(Serialize)]
struct ConceptLine<'a> {
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    aliases: &'a [Arc<str>],
    #[serde(rename = "type")]
    semantic_type: SemanticType,
    confidence: f64,
    strength: f64,
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    attributes: &'a Attributes,
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<&'a [f32]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_from: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_to: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a Source>,
}

impl<'a> ConceptLine<'a> {
    fn of(concept: &'a Concept) -> Self {
        Self {
            content: &concept.content,
            key: concept.key.as_deref(),
            aliases: &concept.aliases,
            semantic_type: concept.semantic_type,
            confidence: concept.confidence,
            strength: concept.strength,
            attributes: &concept.attributes,
            vector: concept.vector.as_deref(),
            valid_from: concept.validity.from,
            valid_to: concept.validity.to,
            source: concept.source.as_ref(),
        }
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

/// The lines of an association.
fn lines(association: &Association, view: &View) -> Vec<AssociateRequest> {
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
        for ids in ids.chunks(limits::EVIDENCE) {
            lines.push(line(f64::from_bits(bits), ids.iter().map(|id| name(*id, view)).collect()));
        }
    }
    if !asserted.is_empty() {
        // Whoever imports it becomes the one who asserts it: several words become one of the same weight.
        lines.push(line(association::confidence(asserted), Vec::new()));
    }
    lines
}
