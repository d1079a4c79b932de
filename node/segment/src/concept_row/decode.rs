//! From bytes to rows.

use std::sync::Arc;

use sutra_protocol::{AttributeValue, Attributes, Concept, ConceptId, Namespace, SemanticType, Source, Timestamp, Validity};

use super::{
    ALIASES, ALL, ASSERTED_BY, ATTRIBUTES, CONFIDENCE, CONTENT, CREATED_AT, FALSE, FLOAT, INCARNATION, INTEGER, KEY, OFFSET,
    PAGE, RETRACTED, SOURCE, STRENGTH, TEXT, TITLE, TRUE, TYPE, UPDATED_AT, VALIDITY, VECTOR, read_validity,
};
use crate::varint::Cursor;

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

/// A text as the encoder wrote it.
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

/// UTF-8 or nothing.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
