//! The sections of a part.

use sutra_protocol::ConceptId;

use crate::concept_row::Encoder;
use crate::dictionary::Dictionary;
use crate::error::SegmentError;
use crate::filter;
use crate::meta::Meta;
use crate::run;
use crate::section::Kind;
use crate::source::Source;
use crate::texts;
use crate::write::graph;
use crate::write::output::Output;
use crate::write::survey::{ROWS, Survey, current_vector, new_vectors};

/// What a source must not do; it is told from damage, since no byte of it reaches a file that stays.
pub(super) const CHANGED: &str = "the source gave other rows the second time";

/// Writes the sections of `source`.
pub(super) fn write(source: &dyn Source, output: &mut Output<'_>) -> Result<(), SegmentError> {
    let namespace = source.namespace();
    let mut survey = Survey::of(source, output)?;
    let mut dictionary = std::mem::take(&mut survey.texts).finish();

    write_ids(Kind::Ids, &survey.ids, output)?;
    write_ids(Kind::Foreign, &survey.foreign, output)?;
    output.section(Kind::Filter, &filter::build(&survey.ids))?;
    output.section(Kind::ForeignFilter, &filter::build(&survey.foreign))?;
    output.section(Kind::RowFlags, &std::mem::take(&mut survey.flags))?;
    write_rows(source, &survey, &mut dictionary, output)?;
    output.section(Kind::Strings, &dictionary.section())?;
    let relations: Vec<Vec<u8>> =
        survey.relations.iter().map(|(kind, label)| [&[kind.number()], label.as_str().as_bytes()].concat()).collect();
    output.section(Kind::Relations, &texts::encode(relations.iter().map(Vec::as_slice)))?;
    let supports = graph::write(source, &survey, &mut dictionary, output)?;
    let [names, keys, times] = [
        (Kind::Names, std::mem::take(&mut survey.names)),
        (Kind::Keys, std::mem::take(&mut survey.keys)),
        (Kind::ByTime, std::mem::take(&mut survey.times)),
    ]
    .map(|(kind, mut pairs)| {
        let mut bytes = Vec::new();
        let count = run::encode(&mut bytes, &mut pairs);
        output.section(kind, &bytes).map(|()| count)
    });
    let attributes = std::mem::take(&mut survey.attributes).encode();
    let attributes = attributes.ok_or_else(|| output.unfit(namespace, "the names of attributes have more than 4 GiB".into()))?;
    output.section(Kind::Attributes, &attributes)?;
    drop(attributes);
    write_vectors(source, &survey, output)?;
    write_keywords(source, output)?;

    let shape = source.shape();
    let count =
        |count: usize| u32::try_from(count).map_err(|_| output.unfit(namespace, format!("{count} names; less than 2^32 fit")));
    let meta = Meta {
        namespace: namespace.clone(),
        rows: count(survey.ids.len())?,
        living: survey.living,
        foreign: count(survey.foreign.len())?,
        edges: survey.edges,
        relations: count(survey.relations.len())?,
        strings: count(dictionary.len())?,
        supports: count(supports)?,
        names: count(names?)?,
        keys: count(keys?)?,
        times: count(times?)?,
        vectors: count(survey.vector_rows.len())?,
        older_vectors: survey.older_vectors,
        base_time: survey.base_time,
        dimension: shape.map(|shape| shape.dimension()),
        scalar: shape.map(|shape| shape.scalar().to_string()),
    };
    let meta = rmp_serde::to_vec_named(&meta).map_err(|error| output.unfit(namespace, error.to_string()))?;
    output.section(Kind::Meta, &meta)
}

fn write_ids(kind: Kind, ids: &[ConceptId], output: &mut Output<'_>) -> Result<(), SegmentError> {
    if ids.is_empty() {
        return Ok(());
    }
    output.begin(kind)?;
    ids.iter().try_for_each(|id| output.put(&id.as_u128().to_be_bytes()))
}

fn write_rows(
    source: &dyn Source,
    survey: &Survey,
    dictionary: &mut Dictionary,
    output: &mut Output<'_>,
) -> Result<(), SegmentError> {
    let changed = |output: &Output<'_>| output.unfit(source.namespace(), CHANGED.into());
    let mut encoder = Encoder { dictionary, base_time: survey.base_time };
    let mut offsets = Vec::with_capacity(5 * (survey.ids.len() + 1));
    let mut end = 0;
    let mut bytes = Vec::new();
    let (mut newest, mut older) = (0, survey.vector_rows.len() as u32);
    output.begin(Kind::Rows)?;
    let mut rows = 0;
    for (id, row) in source.concepts() {
        if survey.ids.get(rows) != Some(&id) {
            return Err(changed(output));
        }
        rows += 1;
        let current = current_vector(&row);
        let number = |at| {
            let next = if Some(at) == current { &mut newest } else { &mut older };
            *next += 1;
            *next - 1
        };
        bytes.clear();
        encoder.put(&mut bytes, &row, number).ok_or_else(|| changed(output))?;
        texts::put_offset(&mut offsets, end);
        end += bytes.len() as u64;
        output.put(&bytes)?;
    }
    if rows != survey.ids.len() {
        return Err(changed(output));
    }
    texts::put_offset(&mut offsets, end);
    check_heap(source, end, output)?;
    output.section(Kind::RowOffsets, &offsets)
}

/// Offsets have five bytes.
pub(super) fn check_heap(source: &dyn Source, bytes: u64, output: &Output<'_>) -> Result<(), SegmentError> {
    match bytes >> 40 {
        0 => Ok(()),
        _ => Err(output.unfit(source.namespace(), format!("{bytes} bytes of rows; less than 2^40 fit"))),
    }
}

fn write_vectors(source: &dyn Source, survey: &Survey, output: &mut Output<'_>) -> Result<(), SegmentError> {
    let Some(shape) = source.shape().filter(|_| !survey.vector_rows.is_empty() || survey.older_vectors > 0) else {
        return Ok(());
    };
    output.begin(Kind::Vectors)?;
    let mut bytes = Vec::with_capacity(shape.stride());
    let mut left = survey.vector_rows.len() as u64 + u64::from(survey.older_vectors);
    // First those that are searched.
    for newest in [true, false] {
        if !newest && survey.older_vectors == 0 {
            break;
        }
        for (at, (_, row)) in source.concepts().enumerate() {
            if at.is_multiple_of(ROWS) {
                output.check_cancelled()?;
            }
            let current = current_vector(&row);
            for (_, vector) in new_vectors(&row).filter(|(at, _)| (Some(*at) == current) == newest) {
                bytes.clear();
                shape.encode(vector, &mut bytes).map_err(|error| output.unfit(source.namespace(), error.to_string()))?;
                output.put(&bytes)?;
                left = left.checked_sub(1).ok_or_else(|| output.unfit(source.namespace(), CHANGED.into()))?;
            }
        }
    }
    if left != 0 {
        return Err(output.unfit(source.namespace(), CHANGED.into()));
    }
    let rows: Vec<u8> = survey.vector_rows.iter().flat_map(|row| row.to_le_bytes()).collect();
    output.section(Kind::VectorRows, &rows)
}

/// The words of living concepts, by row.
fn write_keywords(source: &dyn Source, output: &mut Output<'_>) -> Result<(), SegmentError> {
    let mut builder = sutra_keyword::Builder::new();
    let mut empty = true;
    for texts in source.replaced_texts() {
        builder.remove(texts);
        empty = false;
    }
    for (row, (_, concept)) in (0..).zip(source.concepts()) {
        if (row as usize).is_multiple_of(ROWS) {
            output.check_cancelled()?;
        }
        if let Some(concept) = concept.at(None).filter(|concept| !concept.is_ghost()) {
            let texts = std::iter::once(&concept.content).chain(&concept.aliases);
            builder.put(row, texts).map_err(|error| output.unindexable(source.namespace(), error))?;
            empty = false;
        }
    }
    if empty {
        return Ok(());
    }
    let index = builder.finish().map_err(|error| output.unindexable(source.namespace(), error))?;
    output.section(Kind::Keywords, &index)
}
