//! The evidence of an association, as bytes.

use std::sync::Arc;

use sutra_protocol::{AssociationKey, ConceptId, Ground, Timestamp, Validity};

use crate::concept_row::{put_validity, read_validity};
use crate::rows::{AssociationRow, EvidenceVersion};
use crate::varint::{self, Cursor};

// The ground, in the lowest two bits.
const WORD: u8 = 0;
const OF_SOURCE: u8 = 1;
const OF_TARGET: u8 = 2;
const OTHER: u8 = 3;
const GROUND: u8 = 3;

const CONFIDENCE: u8 = 1 << 2;
const STRENGTH: u8 = 1 << 3;
const INCARNATIONS: u8 = 1 << 4;
const RETRACTED: u8 = 1 << 5;
const TEACHER: u8 = 1 << 6;

/// Of the words of [`crate::section::Kind::EdgeRelation`]: the record begins with a validity.
pub(crate) const HAS_VALIDITY: u32 = 1 << 31;
/// Of the same: the record holds one piece, not retracted, of first incarnations, without a count before it.
pub(crate) const SIMPLE: u32 = 1 << 30;

/// The relation's code in such a word.
pub(crate) const RELATION: u32 = SIMPLE - 1;

fn usual_ground_incarnation(ground: &Ground) -> u64 {
    u64::from(matches!(ground, Ground::Statement(_)))
}

fn has_first_incarnations(piece: &EvidenceVersion) -> bool {
    piece.source_incarnation == 1
        && piece.target_incarnation == 1
        && piece.ground_incarnation == usual_ground_incarnation(&piece.ground)
}

/// Appends the record of an association and answers its flags, [`HAS_VALIDITY`] and [`SIMPLE`]. `code` and `teacher` number
/// statements and teachers; where they can't, so can't this.
pub(crate) fn put(
    out: &mut Vec<u8>,
    key: &AssociationKey,
    row: &AssociationRow,
    base_time: i64,
    mut teacher: impl FnMut(&Arc<str>) -> Option<u32>,
    code: impl Fn(ConceptId) -> Option<u32>,
) -> Option<u32> {
    let mut flags = 0;
    if key.validity != Validity::ALWAYS {
        flags |= HAS_VALIDITY;
        put_validity(out, key.validity);
    }
    match row.evidence.as_slice() {
        [only] if only.retracted_at.is_none() && has_first_incarnations(only) => flags |= SIMPLE,
        several => varint::put(out, several.len() as u64),
    }
    for piece in &row.evidence {
        let (ground, number) = match &piece.ground {
            Ground::AssertedBy(who) => (WORD, teacher(who)?),
            Ground::Statement(id) if *id == key.source => (OF_SOURCE, 0),
            Ground::Statement(id) if *id == key.target => (OF_TARGET, 0),
            Ground::Statement(id) => (OTHER, code(*id)?),
        };
        let said = |is: bool, bit: u8| if is { bit } else { 0 };
        let not_one = |number: f64| number.to_bits() != 1.0_f64.to_bits();
        let bits = ground
            | said(not_one(piece.confidence), CONFIDENCE)
            | said(not_one(piece.strength), STRENGTH)
            | said(!has_first_incarnations(piece), INCARNATIONS)
            | said(piece.retracted_at.is_some(), RETRACTED)
            | said(ground == WORD && number != 0, TEACHER);
        out.push(bits);
        if ground == OTHER || bits & TEACHER != 0 {
            varint::put(out, u64::from(number));
        }
        if bits & CONFIDENCE != 0 {
            out.extend(piece.confidence.to_le_bytes());
        }
        if bits & STRENGTH != 0 {
            out.extend(piece.strength.to_le_bytes());
        }
        if bits & INCARNATIONS != 0 {
            varint::put(out, piece.source_incarnation);
            varint::put(out, piece.target_incarnation);
            varint::put(out, piece.ground_incarnation);
        }
        let recorded_at = piece.recorded_at.as_micros();
        varint::put(out, recorded_at.wrapping_sub(base_time) as u64);
        if let Some(retracted_at) = piece.retracted_at {
            varint::put_signed(out, retracted_at.as_micros().wrapping_sub(recorded_at));
        }
    }
    Some(flags)
}

/// What a record needs from its association and part.
pub(crate) trait Surroundings {
    /// The association's source.
    fn source(&self) -> Option<ConceptId>;
    /// Its target.
    fn target(&self) -> Option<ConceptId>;
    /// The id that a code stands for.
    fn id(&self, code: u32) -> Option<ConceptId>;
    /// The teacher, shared.
    fn teacher(&self, code: u32) -> Option<Arc<str>>;
    /// What record times count from.
    fn base_time(&self) -> i64;
}

/// Goes over a record. `None` from its methods: the bytes mean nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    cursor: Cursor<'a>,
    pub(crate) validity: Validity,
    /// Pieces left to read.
    left: u64,
}

impl<'a> Record<'a> {
    pub(crate) fn new(bytes: &'a [u8], flags: u32) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let validity = if flags & HAS_VALIDITY != 0 { read_validity(&mut cursor)? } else { Validity::ALWAYS };
        let left = if flags & SIMPLE != 0 { 1 } else { cursor.varint()? };
        Some(Self { cursor, validity, left })
    }

    /// How many pieces there are, at most: each takes two bytes.
    pub(crate) fn left(&self) -> usize {
        self.left.min(self.cursor.rest().len() as u64 / 2) as usize
    }

    /// Whether everything was read and nothing is left over.
    pub(crate) fn is_done(&self) -> bool {
        self.left == 0 && self.cursor.rest().is_empty()
    }

    /// Reads one piece; the inner `None`: there is none left.
    pub(crate) fn next(&mut self, of: &impl Surroundings) -> Option<Option<EvidenceVersion>> {
        if self.left == 0 {
            return Some(None);
        }
        self.left -= 1;
        let cursor = &mut self.cursor;
        let bits = cursor.byte()?;
        let (kind, named) = (bits & GROUND, bits & TEACHER != 0);
        if bits & 0x80 != 0 || named && kind != WORD {
            return None;
        }
        let ground = match kind {
            WORD => Ground::AssertedBy(of.teacher(if named { cursor.small()? } else { 0 })?),
            OF_SOURCE => Ground::Statement(of.source()?),
            OF_TARGET => Ground::Statement(of.target()?),
            _ => Ground::Statement(of.id(cursor.small()?)?),
        };
        let confidence = if bits & CONFIDENCE != 0 { cursor.float()? } else { 1.0 };
        let strength = if bits & STRENGTH != 0 { cursor.float()? } else { 1.0 };
        let [source_incarnation, target_incarnation, ground_incarnation] = match bits & INCARNATIONS {
            0 => [1, 1, usual_ground_incarnation(&ground)],
            _ => [cursor.varint()?, cursor.varint()?, cursor.varint()?],
        };
        let recorded_at = of.base_time().wrapping_add(cursor.varint()? as i64);
        let retracted_at = match bits & RETRACTED {
            0 => None,
            _ => Some(Timestamp::from_micros(recorded_at.wrapping_add(cursor.signed()?))),
        };
        Some(Some(EvidenceVersion {
            ground,
            confidence,
            strength,
            source_incarnation,
            target_incarnation,
            ground_incarnation,
            recorded_at: Timestamp::from_micros(recorded_at),
            retracted_at,
        }))
    }
}
