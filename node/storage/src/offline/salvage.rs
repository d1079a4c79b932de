//! The rows of a damaged segment that still read.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use sutra_disk::Disk;
use sutra_protocol::{AssociationKey, ConceptId, Ground, Namespace};
use sutra_segment::{AssociationRow, ConceptRow, Part, Segment, SegmentError, Shape, Source};

use super::change::Loss;

/// A segment of which not all reads, opened for its rows.
pub(super) struct Damaged<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) path: &'a Path,
    pub(super) store_id: &'a str,
}

/// One part of it: what is written in its place.
pub(super) struct Salvaged {
    part: Arc<Part>,
    /// Rows that don't read.
    lost_rows: BTreeSet<u32>,
    /// What takes the place of those of them whose ids read.
    marks: BTreeMap<ConceptId, ConceptRow>,
    /// Places of associations that read, by their source: ids that have a row are numbered before those that have none.
    sources: Vec<(ConceptId, Range<u32>)>,
    /// Associations that don't read but for their keys.
    hidden: BTreeSet<AssociationKey>,
    pub(super) loss: Loss,
}

impl Damaged<'_> {
    /// Looks at every row. Nothing is read of indexes, which are made anew.
    pub(super) fn salvage(&self, part: &Arc<Part>, all: &[Arc<Part>]) -> Result<Salvaged, SegmentError> {
        let loss = Loss {
            namespace: part.namespace().clone(),
            concepts: Vec::new(),
            unknown_concepts: 0,
            associations: Vec::new(),
            unknown_associations: 0,
        };
        let mut salvaged = Salvaged {
            part: Arc::clone(part),
            lost_rows: BTreeSet::new(),
            marks: BTreeMap::new(),
            sources: Vec::new(),
            hidden: BTreeSet::new(),
            loss,
        };
        salvaged.survey_concepts(all);
        self.associations(&mut salvaged)?;
        Ok(salvaged)
    }

    fn associations(&self, salvaged: &mut Salvaged) -> Result<(), SegmentError> {
        let part = Arc::clone(&salvaged.part);
        let mut before = None;
        for at in 0..part.edges() {
            let edge = part.nth_edge(at).filter(|edge| is_id(edge.source()) && is_id(edge.target()));
            let Some(edge) = edge else {
                salvaged.loss.unknown_associations += 1;
                continue;
            };
            let source = edge.source();
            if edge.whole_row().is_some() {
                let key = edge.key();
                // Out of order there is no telling which of the two is wrong.
                if before.as_ref().is_some_and(|before: &AssociationKey| before.source == source && *before >= key) {
                    salvaged.loss.unknown_associations += 1;
                    continue;
                }
                before = Some(key);
            } else if self.validity_reads(part.namespace(), at)? {
                salvaged.hidden.insert(edge.key());
                salvaged.loss.associations.push(edge.key());
                continue;
            } else {
                salvaged.loss.unknown_associations += 1;
                continue;
            }
            match salvaged.sources.last_mut() {
                Some((last, places)) if *last == source && places.end == at => places.end += 1,
                _ => salvaged.sources.push((source, at..at + 1)),
            }
        }
        // Stable: those of one source stay in the order of their keys.
        salvaged.sources.sort_by_key(|(source, _)| *source);
        Ok(())
    }

    /// Whether the validity of an association is known, though its evidence does not read: most of them have none of their own. A
    /// segment remembers its first damage only, so it is asked of one that has not met any.
    fn validity_reads(&self, namespace: &Namespace, at: u32) -> Result<bool, SegmentError> {
        let fresh = Segment::open(self.disk, self.path, self.store_id)?;
        let part = fresh.parts().iter().find(|part| part.namespace() == namespace);
        let edge = part.and_then(|part| part.nth_edge(at));
        Ok(edge.is_some_and(|edge| {
            edge.key();
            fresh.damage().is_none()
        }))
    }
}

impl Salvaged {
    fn survey_concepts(&mut self, all: &[Arc<Part>]) {
        let part = Arc::clone(&self.part);
        let mut before = ConceptId::default();
        for number in 0..part.rows() {
            let Some(code) = part.code(number) else { continue };
            let id = part.id_of(code);
            if !is_id(id) || id <= before {
                self.lost_rows.insert(number);
                self.loss.unknown_concepts += 1;
                continue;
            }
            before = id;
            if part.whole_row(code).is_none() {
                self.lost_rows.insert(number);
                self.loss.concepts.push(id);
                let mark = ConceptRow { versions: Vec::new(), erased_incarnation: last_incarnation(all, id) };
                self.marks.insert(id, mark);
            }
        }
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.part.rows() as usize == self.lost_rows.len()
            && self.marks.is_empty()
            && self.sources.is_empty()
            && self.hidden.is_empty()
    }
}

impl Source for Salvaged {
    fn namespace(&self) -> &Namespace {
        self.part.namespace()
    }

    fn shape(&self) -> Option<Shape> {
        self.part.shape()
    }

    fn concepts(&self) -> Box<dyn Iterator<Item = (ConceptId, Cow<'_, ConceptRow>)> + '_> {
        Box::new((0..self.part.rows()).filter_map(|number| {
            let code = self.part.code(number)?;
            if self.lost_rows.contains(&number) {
                let (id, mark) = self.marks.get_key_value(&self.part.id_of(code))?;
                return Some((*id, Cow::Borrowed(mark)));
            }
            Some((self.part.id_of(code), Cow::Owned(self.part.whole_row(code)?)))
        }))
    }

    fn associations(&self) -> Box<dyn Iterator<Item = (AssociationKey, Cow<'_, AssociationRow>)> + '_> {
        let places = self.sources.iter().flat_map(|(_, places)| places.clone());
        let mut rows = places
            .filter_map(|at| {
                let edge = self.part.nth_edge(at)?;
                Some((edge.key(), Cow::Owned(edge.whole_row()?)))
            })
            .peekable();
        let mut hidden = self.hidden.iter().peekable();
        // An empty row hides those of older segments.
        Box::new(std::iter::from_fn(move || match (rows.peek(), hidden.peek()) {
            (Some((key, _)), Some(other)) if *other < key => hidden.next().map(|key| (key.clone(), Cow::default())),
            (Some(_), _) => rows.next(),
            (None, _) => hidden.next().map(|key| (key.clone(), Cow::default())),
        }))
    }
}

/// No concept has the id 0, which stands for one that does not read.
fn is_id(id: ConceptId) -> bool {
    id != ConceptId::default()
}

/// The greatest incarnation of a concept that anything in these parts speaks of: what is taught anew must come after it, or
/// associations of the old one would count for the new.
fn last_incarnation(parts: &[Arc<Part>], id: ConceptId) -> u64 {
    let of_part = |part: &Arc<Part>| {
        let own = part.find(id).and_then(|code| part.whole_row(code)).map_or(0, |row| row.incarnation());
        let edges = part.leaving(id).chain(part.arriving(id)).chain(part.supported_by(id));
        let spoken = edges.flat_map(|edge| {
            let (source, target) = (edge.source(), edge.target());
            edge.row().evidence.into_iter().map(move |piece| {
                let mut greatest = 0;
                if source == id {
                    greatest = greatest.max(piece.source_incarnation);
                }
                if target == id {
                    greatest = greatest.max(piece.target_incarnation);
                }
                if piece.ground == Ground::Statement(id) {
                    greatest = greatest.max(piece.ground_incarnation);
                }
                greatest
            })
        });
        spoken.fold(own, u64::max)
    };
    // Whoever lived once has had incarnation 1 at least.
    parts.iter().map(of_part).fold(1, u64::max)
}
