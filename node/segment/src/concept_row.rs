//! A row of a concept, as bytes.
//!
//! A version says only what differs from the one before; the first, from a concept of which nothing is said (see [`Draft::new`]).
//! Reading goes over the bytes with a [`Draft`] that borrows from them, so that asking whether a concept lives makes no copy.

use std::sync::Arc;

use sutra_protocol::{AttributeValue, Attributes, Concept, ConceptId, Namespace, SemanticType, Source, Timestamp, Validity};

use crate::dictionary::Dictionary;
use crate::rows::ConceptRow;
use crate::varint::{self, Cursor};

// What a version says; the commoner in the first seven, which take one byte.
const RETRACTED: u64 = 1;
const CONTENT: u64 = 1 << 1;
const KEY: u64 = 1 << 2;
const ALIASES: u64 = 1 << 3;
const SOURCE: u64 = 1 << 4;
const ATTRIBUTES: u64 = 1 << 5;
const VECTOR: u64 = 1 << 6;
const TYPE: u64 = 1 << 7;
const CONFIDENCE: u64 = 1 << 8;
const STRENGTH: u64 = 1 << 9;
const VALIDITY: u64 = 1 << 10;
const INCARNATION: u64 = 1 << 11;
const ASSERTED_BY: u64 = 1 << 12;
const CREATED_AT: u64 = 1 << 13;
const UPDATED_AT: u64 = 1 << 14;
const ALL: u64 = (1 << 15) - 1;

const FROM: u8 = 1;
const TO: u8 = 2;

const TITLE: u8 = 1;
const PAGE: u8 = 2;
const OFFSET: u8 = 4;

const FALSE: u8 = 0;
const TRUE: u8 = 1;
const INTEGER: u8 = 2;
const FLOAT: u8 = 3;
const TEXT: u8 = 4;

/// Appends a validity: which ends are given, then those.
pub(crate) fn put_validity(out: &mut Vec<u8>, validity: Validity) {
    out.push(if validity.from.is_some() { FROM } else { 0 } | if validity.to.is_some() { TO } else { 0 });
    for end in [validity.from, validity.to].into_iter().flatten() {
        out.extend(end.as_micros().to_le_bytes());
    }
}

pub(crate) fn read_validity(cursor: &mut Cursor<'_>) -> Option<Validity> {
    let ends = cursor.byte()?;
    if ends & !(FROM | TO) != 0 {
        return None;
    }
    let mut end = |bit| match ends & bit {
        0 => Some(None),
        _ => cursor.array().map(|bytes| Some(Timestamp::from_micros(i64::from_le_bytes(bytes)))),
    };
    Some(Validity { from: end(FROM)?, to: end(TO)? })
}

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

/// A version as far as it has been read: what is borrowed has been measured, not looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) content: &'a [u8],
    pub(crate) key: Option<&'a [u8]>,
    /// Count and texts.
    aliases: Cursor<'a>,
    source: Cursor<'a>,
    attributes: Cursor<'a>,
    /// 0 for none, else one more than its ordinal.
    pub(crate) vector: u32,
    semantic_type: SemanticType,
    pub(crate) confidence: f64,
    strength: f64,
    pub(crate) validity: Validity,
    pub(crate) incarnation: u64,
    asserted_by: u32,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// What a version is besides its draft.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stamp {
    pub(crate) recorded_at: Timestamp,
    pub(crate) retracted: bool,
}

/// Goes over the versions of a row. `None` from its methods: the bytes mean nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Versions<'a> {
    cursor: Cursor<'a>,
    left: u64,
    /// Whether no version has been read yet.
    first: bool,
    /// Whether no living version has been read yet.
    unsaid: bool,
    time: i64,
    pub(crate) erased_incarnation: u64,
    pub(crate) draft: Draft<'a>,
}

impl<'a> Draft<'a> {
    /// A concept of which nothing is said: an entity, sure, strong, valid for ever, in its first incarnation, taught by teacher 0.
    fn new() -> Self {
        const NONE: &[u8] = &[0];
        Self {
            content: &[],
            key: None,
            aliases: Cursor::new(NONE),
            source: Cursor::new(NONE),
            attributes: Cursor::new(NONE),
            vector: 0,
            semantic_type: SemanticType::Entity,
            confidence: 1.0,
            strength: 1.0,
            validity: Validity::ALWAYS,
            incarnation: 1,
            asserted_by: 0,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        }
    }
}

impl<'a> Versions<'a> {
    pub(crate) fn new(bytes: &'a [u8], base_time: i64) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let head = cursor.varint()?;
        let erased_incarnation = if head & 1 == 1 { cursor.varint()? } else { 0 };
        Some(Self {
            cursor,
            left: head >> 1,
            first: true,
            unsaid: true,
            time: base_time,
            erased_incarnation,
            draft: Draft::new(),
        })
    }

    /// How many versions are left to read, at most: each takes two bytes.
    pub(crate) fn left(&self) -> usize {
        self.left.min(self.cursor.rest().len() as u64 / 2) as usize
    }

    /// Whether everything was read and nothing is left over.
    pub(crate) fn is_done(&self) -> bool {
        self.left == 0 && self.cursor.rest().is_empty()
    }

    /// Reads one version; the inner `None`: there is none left.
    pub(crate) fn next(&mut self) -> Option<Option<Stamp>> {
        if self.left == 0 {
            return Some(None);
        }
        self.left -= 1;
        let delta = if self.first { self.cursor.varint()? as i64 } else { self.cursor.signed()? };
        self.first = false;
        self.time = self.time.wrapping_add(delta);
        let recorded_at = Timestamp::from_micros(self.time);
        let flags = self.cursor.varint()?;
        let retracted = flags & RETRACTED != 0;
        if flags & !ALL != 0 || retracted && flags != RETRACTED {
            return None;
        }
        if !retracted {
            self.read(flags, recorded_at)?;
        }
        Some(Some(Stamp { recorded_at, retracted }))
    }

    fn read(&mut self, flags: u64, recorded_at: Timestamp) -> Option<()> {
        let Self { cursor, draft, .. } = self;
        let said = |flag| flags & flag != 0;
        if self.unsaid {
            draft.created_at = recorded_at;
            self.unsaid = false;
        }
        if said(CONTENT) {
            draft.content = cursor.counted()?;
        }
        if said(KEY) {
            draft.key = match cursor.varint()? {
                0 => None,
                more => Some(cursor.take(more - 1)?),
            };
        }
        if said(ALIASES) {
            draft.aliases = *cursor;
            for _ in 0..cursor.varint()? {
                cursor.counted()?;
            }
        }
        if said(SOURCE) {
            draft.source = *cursor;
            skip_source(cursor)?;
        }
        if said(ATTRIBUTES) {
            draft.attributes = *cursor;
            for _ in 0..cursor.varint()? {
                skip_text(cursor)?;
                read_value(cursor)?;
            }
        }
        if said(VECTOR) {
            draft.vector = cursor.small()?;
        }
        if said(TYPE) {
            draft.semantic_type = *SemanticType::ALL.get(usize::from(cursor.byte()?))?;
        }
        if said(CONFIDENCE) {
            draft.confidence = cursor.float()?;
        }
        if said(STRENGTH) {
            draft.strength = cursor.float()?;
        }
        if said(VALIDITY) {
            draft.validity = read_validity(cursor)?;
        }
        if said(INCARNATION) {
            draft.incarnation = cursor.varint()?;
        }
        if said(ASSERTED_BY) {
            draft.asserted_by = cursor.small()?;
        }
        let from_recorded = |delta: i64| Timestamp::from_micros(recorded_at.as_micros().wrapping_add(delta));
        if said(CREATED_AT) {
            draft.created_at = from_recorded(cursor.signed()?);
        }
        draft.updated_at = if said(UPDATED_AT) { from_recorded(cursor.signed()?) } else { recorded_at };
        Some(())
    }
}

enum Value<'a> {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(&'a [u8]),
}

fn read_value<'a>(cursor: &mut Cursor<'a>) -> Option<Value<'a>> {
    Some(match cursor.byte()? {
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        INTEGER => Value::Integer(cursor.signed()?),
        FLOAT => Value::Float(cursor.float()?),
        TEXT => Value::Text(cursor.counted()?),
        _ => return None,
    })
}

/// A text as [`Dictionary::put`] wrote it.
enum Reference<'a> {
    Code(u32),
    Inline(&'a [u8]),
}

fn read_text<'a>(cursor: &mut Cursor<'a>) -> Option<Reference<'a>> {
    let head = cursor.varint()?;
    match head & 1 {
        1 => u32::try_from(head >> 1).ok().map(Reference::Code),
        _ => cursor.take(head >> 1).map(Reference::Inline),
    }
}

fn skip_text(cursor: &mut Cursor<'_>) -> Option<()> {
    read_text(cursor).map(|_| ())
}

fn skip_source(cursor: &mut Cursor<'_>) -> Option<()> {
    let bits = match cursor.byte()? {
        0 => return Some(()),
        more => more - 1,
    };
    if bits & !(TITLE | PAGE | OFFSET) != 0 {
        return None;
    }
    skip_text(cursor)?;
    if bits & TITLE != 0 {
        skip_text(cursor)?;
    }
    for bit in [PAGE, OFFSET] {
        if bits & bit != 0 {
            cursor.varint()?;
        }
    }
    Some(())
}

/// What a draft needs from its part to become a concept.
pub(crate) trait Surroundings {
    /// The text of the dictionary.
    fn text(&self, code: u32) -> Option<&str>;
    /// The teacher, shared.
    fn teacher(&self, code: u32) -> Option<Arc<str>>;
    /// The vector.
    fn vector(&self, ordinal: u32) -> Option<Arc<[f32]>>;
}

impl<'a> Draft<'a> {
    /// The concept, but for the names that all versions share.
    pub(crate) fn concept(&self, id: ConceptId, namespace: &Namespace, of: &impl Surroundings) -> Option<Concept> {
        let owned = |reference: Reference<'_>| match reference {
            Reference::Code(code) => of.text(code).map(str::to_owned),
            Reference::Inline(bytes) => text(bytes).map(str::to_owned),
        };
        let mut cursor = self.aliases;
        let count = cursor.varint()?;
        let mut aliases = Vec::with_capacity(count.min(cursor.rest().len() as u64) as usize);
        for _ in 0..count {
            aliases.push(text(cursor.counted()?)?.into());
        }
        let mut cursor = self.attributes;
        let mut attributes = Attributes::new();
        for _ in 0..cursor.varint()? {
            let name = owned(read_text(&mut cursor)?)?;
            let value = match read_value(&mut cursor)? {
                Value::Bool(value) => AttributeValue::Bool(value),
                Value::Integer(value) => AttributeValue::Integer(value),
                Value::Float(value) => AttributeValue::Float(value),
                Value::Text(value) => AttributeValue::Text(text(value)?.to_owned()),
            };
            attributes.insert(name, value);
        }
        let mut cursor = self.source;
        let source = match cursor.byte()? {
            0 => None,
            more => {
                let bits = more - 1;
                Some(Source {
                    uri: owned(read_text(&mut cursor)?)?,
                    title: if bits & TITLE != 0 { Some(owned(read_text(&mut cursor)?)?) } else { None },
                    page: if bits & PAGE != 0 { Some(cursor.small()?) } else { None },
                    offset: if bits & OFFSET != 0 { Some(cursor.varint()?) } else { None },
                })
            }
        };
        let vector = match self.vector {
            0 => None,
            more => Some(of.vector(more - 1)?),
        };
        let key = match self.key {
            None => None,
            Some(key) => Some(text(key)?.into()),
        };
        Some(Concept {
            id,
            namespace: namespace.clone(),
            incarnation: self.incarnation,
            key,
            content: text(self.content)?.into(),
            aliases,
            semantic_type: self.semantic_type,
            confidence: self.confidence,
            strength: self.strength,
            attributes,
            vector,
            source,
            validity: self.validity,
            asserted_by: of.teacher(self.asserted_by)?,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
