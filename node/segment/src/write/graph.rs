//! The associations of a part, from both ends.

use sutra_protocol::{AssociationKey, ConceptId, Ground};

use crate::dictionary::Dictionary;
use crate::error::SegmentError;
use crate::evidence::{self, RELATION};
use crate::rows::AssociationRow;
use crate::section::Kind;
use crate::source::Source;
use crate::texts;
use crate::write::output::Output;
use crate::write::part::{CHANGED, check_heap};
use crate::write::survey::Survey;

/// Columns of associations, in the order of keys; those from ids without a row come after the others.
struct Columns<'a> {
    survey: &'a Survey,
    sources: Vec<u32>,
    targets: Vec<u32>,
    relations: Vec<u32>,
    /// Where each record begins, as it is written.
    offsets: Vec<u8>,
    end: u64,
    /// (Statement, association).
    supports: Vec<(u32, u32)>,
    /// The last source and its number.
    source: Option<(ConceptId, u32)>,
}

/// Writes what can be asked about associations; answers how many supports there are.
pub(super) fn write(
    source: &dyn Source,
    survey: &Survey,
    dictionary: &mut Dictionary,
    output: &mut Output<'_>,
) -> Result<usize, SegmentError> {
    if survey.edges == 0 {
        return Ok(0);
    }
    let changed = |output: &Output<'_>| output.unfit(source.namespace(), CHANGED.into());
    let edges = survey.edges as usize;
    let mut columns = Columns {
        survey,
        sources: Vec::with_capacity(edges),
        targets: Vec::with_capacity(edges),
        relations: Vec::with_capacity(edges),
        offsets: Vec::with_capacity(5 * (edges + 1)),
        end: 0,
        supports: Vec::new(),
        source: None,
    };
    output.begin(Kind::Evidence)?;
    let mut bytes = Vec::new();
    // Numbers of ids without a row come after the others, and so do their associations.
    let passes: &[bool] = if survey.foreign_sources { &[false, true] } else { &[false] };
    for foreign in passes {
        let mut before = None;
        for (at, (key, row)) in source.associations().enumerate() {
            bytes.clear();
            let written = columns.put(*foreign, at, &key, &row, dictionary, &mut bytes);
            written.filter(|()| before.as_ref().is_none_or(|before| *before < key)).ok_or_else(|| changed(output))?;
            output.put(&bytes)?;
            before = Some(key);
        }
    }
    if columns.sources.len() != edges {
        return Err(changed(output));
    }
    texts::put_offset(&mut columns.offsets, columns.end);
    check_heap(source, columns.end, output)?;
    output.section(Kind::EdgeEvidence, &columns.offsets)?;
    columns.offsets = Vec::new();
    for (kind, column) in [
        (Kind::EdgeSource, &columns.sources),
        (Kind::EdgeTarget, &columns.targets),
        (Kind::EdgeRelation, &columns.relations),
        (Kind::Out, &offsets(survey, &columns.sources)),
    ] {
        write_words(kind, column, output)?;
    }
    let arriving = offsets(survey, &columns.targets);
    write_words(Kind::In, &arriving, output)?;
    write_words(Kind::InEdges, &columns.arriving(arriving), output)?;
    columns.sort_supports();
    let supports: Vec<u8> =
        columns.supports.iter().flat_map(|(statement, edge)| [statement.to_le_bytes(), edge.to_le_bytes()].concat()).collect();
    output.section(Kind::Supports, &supports)?;
    Ok(columns.supports.len())
}

fn write_words(kind: Kind, words: &[u32], output: &mut Output<'_>) -> Result<(), SegmentError> {
    output.begin(kind)?;
    words.iter().try_for_each(|word| output.put(&word.to_le_bytes()))
}

/// Where the associations of each id begin when they are sorted by these ends, and where the last ends.
fn offsets(survey: &Survey, ends: &[u32]) -> Vec<u32> {
    let mut offsets = vec![0; survey.ids.len() + survey.foreign.len() + 1];
    for end in ends {
        if let Some(count) = offsets.get_mut(*end as usize + 1) {
            *count += 1;
        }
    }
    let mut sum = 0;
    for offset in &mut offsets {
        sum += *offset;
        *offset = sum;
    }
    offsets
}

impl Columns<'_> {
    /// Adds the `at`th association of the source if its source has a row, or has none, as asked. `None`: the source gave other rows than before.
    fn put(
        &mut self,
        foreign: bool,
        at: usize,
        key: &AssociationKey,
        row: &AssociationRow,
        dictionary: &mut Dictionary,
        record: &mut Vec<u8>,
    ) -> Option<()> {
        let survey = self.survey;
        let source = match self.source {
            Some((id, number)) if id == key.source => number,
            _ => survey.number(key.source)?,
        };
        self.source = Some((key.source, source));
        if (source as usize >= survey.ids.len()) != foreign {
            return Some(());
        }
        let wanted = (key.kind, &key.label);
        let relation = survey.relations.binary_search_by(|(kind, label)| (*kind, label).cmp(&wanted)).ok()?;
        let code = |id| survey.number(id);
        let flags = evidence::put(record, key, row, survey.base_time, |teacher| dictionary.teacher(teacher), code)?;
        let index = self.sources.len() as u32;
        for piece in &row.evidence {
            if let Ground::Statement(statement) = piece.ground
                && statement != key.source
                && statement != key.target
            {
                self.supports.push((survey.number(statement)?, index));
            }
        }
        self.sources.push(source);
        self.targets.push(survey.target(at, key.target)?);
        self.relations.push(relation as u32 | flags);
        texts::put_offset(&mut self.offsets, self.end);
        self.end += record.len() as u64;
        Some(())
    }

    /// Associations by target, those of one by relation, source and validity.
    fn arriving(&self, mut next: Vec<u32>) -> Vec<u32> {
        let starts = next.clone();
        let mut edges = vec![0; self.targets.len()];
        for (index, target) in (0..).zip(&self.targets) {
            if let Some(place) = next.get_mut(*target as usize)
                && let Some(edge) = edges.get_mut(*place as usize)
            {
                *edge = index;
                *place += 1;
            }
        }
        for ends in starts.windows(2) {
            let [start, end] = [ends[0], ends[1]].map(|end| end as usize);
            if let Some(arriving) = edges.get_mut(start..end).filter(|arriving| arriving.len() > 1) {
                // Of one source and relation, the order of the keys is that of the validities.
                let relation = |index: u32| self.relations[index as usize] & RELATION;
                if self.survey.foreign_sources {
                    let source = |index: u32| self.survey.id(self.sources[index as usize]);
                    arriving.sort_unstable_by_key(|index| (relation(*index), source(*index), *index));
                } else {
                    // Then the order of the associations is that of their sources' ids.
                    arriving.sort_unstable_by_key(|index| (relation(*index), *index));
                }
            }
        }
        edges
    }

    /// Sorts by statement, then by the association's key.
    fn sort_supports(&mut self) {
        let Self { supports, sources, survey, .. } = self;
        supports.sort_unstable_by_key(|(statement, edge)| (*statement, survey.id(sources[*edge as usize]), *edge));
        supports.dedup();
    }
}
