//! From rows to bytes.

use std::sync::Arc;

use sutra_protocol::{AttributeValue, Concept, SemanticType, Source, Timestamp, Validity};

use super::{
    ALIASES, ASSERTED_BY, ATTRIBUTES, CONFIDENCE, CONTENT, CREATED_AT, FALSE, FLOAT, INCARNATION, INTEGER, KEY, OFFSET, PAGE,
    RETRACTED, SOURCE, STRENGTH, TEXT, TITLE, TRUE, TYPE, UPDATED_AT, VALIDITY, VECTOR, put_validity,
};
use crate::dictionary::Dictionary;
use crate::rows::ConceptRow;
use crate::varint;

/// Writes rows of one part.
pub(crate) struct Encoder<'a> {
    pub(crate) dictionary: &'a mut Dictionary,
    pub(crate) base_time: i64,
}

impl Encoder<'_> {
    /// Appends a row. `vector` numbers the vector of each version that has another than the version before. `None`: the source
    /// gave other rows than before.
    pub(crate) fn put(&mut self, out: &mut Vec<u8>, row: &ConceptRow, mut vector: impl FnMut(usize) -> u32) -> Option<()> {
        let erased = row.erased_incarnation != 0;
        varint::put(out, (row.versions.len() as u64) << 1 | u64::from(erased));
        if erased {
            varint::put(out, row.erased_incarnation);
        }
        let mut before: Option<&Concept> = None;
        let mut time = self.base_time;
        for (at, version) in row.versions.iter().enumerate() {
            let micros = version.recorded_at.as_micros();
            if at == 0 {
                varint::put(out, micros.wrapping_sub(time) as u64);
            } else {
                varint::put_signed(out, micros.wrapping_sub(time));
            }
            time = micros;
            match &version.concept {
                None => varint::put(out, RETRACTED),
                Some(concept) => {
                    let mut number = || vector(at);
                    self.put_version(out, concept, before, version.recorded_at, &mut number)?;
                    before = Some(concept);
                }
            }
        }
        Some(())
    }

    fn put_version(
        &mut self,
        out: &mut Vec<u8>,
        concept: &Concept,
        before: Option<&Concept>,
        recorded_at: Timestamp,
        vector: &mut dyn FnMut() -> u32,
    ) -> Option<()> {
        let teacher = self.dictionary.teacher(&concept.asserted_by)?;
        let float = |before: Option<f64>, now: f64| before.unwrap_or(1.0).to_bits() != now.to_bits();
        let changed = [
            (CONTENT, before.map_or("", |before| &before.content) != &*concept.content),
            (KEY, before.and_then(|before| before.key.as_ref()) != concept.key.as_ref()),
            (ALIASES, before.map_or(&[][..], |before| &before.aliases) != concept.aliases),
            (SOURCE, before.and_then(|before| before.source.as_ref()) != concept.source.as_ref()),
            (ATTRIBUTES, before.map_or(!concept.attributes.is_empty(), |before| !same_attributes(before, concept))),
            (VECTOR, has_new_vector(before, concept)),
            (TYPE, before.map_or(SemanticType::Entity, |before| before.semantic_type) != concept.semantic_type),
            (CONFIDENCE, float(before.map(|before| before.confidence), concept.confidence)),
            (STRENGTH, float(before.map(|before| before.strength), concept.strength)),
            (VALIDITY, before.map_or(Validity::ALWAYS, |before| before.validity) != concept.validity),
            (INCARNATION, before.map_or(1, |before| before.incarnation) != concept.incarnation),
            (ASSERTED_BY, before.map_or(teacher != 0, |before| before.asserted_by != concept.asserted_by)),
            (CREATED_AT, before.map_or(recorded_at, |before| before.created_at) != concept.created_at),
            (UPDATED_AT, recorded_at != concept.updated_at),
        ];
        let flags = changed.into_iter().filter(|(_, changed)| *changed).fold(0, |flags, (flag, _)| flags | flag);
        varint::put(out, flags);
        let said = |flag| flags & flag != 0;
        if said(CONTENT) {
            varint::put_bytes(out, concept.content.as_bytes());
        }
        if said(KEY) {
            // A key that was taken away has length 0 here: one that is there is one longer.
            varint::put(out, concept.key.as_ref().map_or(0, |key| key.len() as u64 + 1));
            out.extend_from_slice(concept.key.as_deref().unwrap_or_default().as_bytes());
        }
        if said(ALIASES) {
            varint::put(out, concept.aliases.len() as u64);
            concept.aliases.iter().for_each(|alias| varint::put_bytes(out, alias.as_bytes()));
        }
        if said(SOURCE) {
            self.put_source(out, concept.source.as_ref());
        }
        if said(ATTRIBUTES) {
            varint::put(out, concept.attributes.len() as u64);
            for (name, value) in &concept.attributes {
                self.dictionary.put(out, name);
                put_value(out, value);
            }
        }
        if said(VECTOR) {
            varint::put(out, if concept.vector.is_some() { u64::from(vector()) + 1 } else { 0 });
        }
        if said(TYPE) {
            out.push(concept.semantic_type as u8);
        }
        if said(CONFIDENCE) {
            out.extend(concept.confidence.to_le_bytes());
        }
        if said(STRENGTH) {
            out.extend(concept.strength.to_le_bytes());
        }
        if said(VALIDITY) {
            put_validity(out, concept.validity);
        }
        if said(INCARNATION) {
            varint::put(out, concept.incarnation);
        }
        if said(ASSERTED_BY) {
            varint::put(out, u64::from(teacher));
        }
        if said(CREATED_AT) {
            varint::put_signed(out, concept.created_at.as_micros().wrapping_sub(recorded_at.as_micros()));
        }
        if said(UPDATED_AT) {
            varint::put_signed(out, concept.updated_at.as_micros().wrapping_sub(recorded_at.as_micros()));
        }
        Some(())
    }

    fn put_source(&self, out: &mut Vec<u8>, source: Option<&Source>) {
        let Some(source) = source else { return out.push(0) };
        let given = |is: bool, bit: u8| if is { bit } else { 0 };
        // 1 more than the bits, since 0 is no source.
        let bits =
            given(source.title.is_some(), TITLE) | given(source.page.is_some(), PAGE) | given(source.offset.is_some(), OFFSET);
        out.push(bits + 1);
        self.dictionary.put(out, &source.uri);
        if let Some(title) = &source.title {
            self.dictionary.put(out, title);
        }
        if let Some(page) = source.page {
            varint::put(out, u64::from(page));
        }
        if let Some(offset) = source.offset {
            varint::put(out, offset);
        }
    }
}

/// Whether the version has a vector, or lost one, that the one before did not have. Numbers are compared as they are written.
pub(crate) fn has_new_vector(before: Option<&Concept>, concept: &Concept) -> bool {
    let bits = |vector: &Arc<[f32]>| vector.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
    match (before.and_then(|before| before.vector.as_ref()), &concept.vector) {
        (None, None) => false,
        (Some(before), Some(now)) => !Arc::ptr_eq(before, now) && bits(before) != bits(now),
        _ => true,
    }
}

fn same_attributes(before: &Concept, now: &Concept) -> bool {
    let same = |(a, b): (&AttributeValue, &AttributeValue)| match (a, b) {
        // Two zeroes are equal, and yet not the same.
        (AttributeValue::Float(a), AttributeValue::Float(b)) => a.to_bits() == b.to_bits(),
        (a, b) => a == b,
    };
    before.attributes.keys().eq(now.attributes.keys()) && before.attributes.values().zip(now.attributes.values()).all(same)
}

fn put_value(out: &mut Vec<u8>, value: &AttributeValue) {
    match value {
        AttributeValue::Bool(false) => out.push(FALSE),
        AttributeValue::Bool(true) => out.push(TRUE),
        AttributeValue::Integer(number) => {
            out.push(INTEGER);
            varint::put_signed(out, *number);
        }
        AttributeValue::Float(number) => {
            out.push(FLOAT);
            out.extend(number.to_le_bytes());
        }
        AttributeValue::Text(text) => {
            out.push(TEXT);
            varint::put_bytes(out, text.as_bytes());
        }
    }
}
