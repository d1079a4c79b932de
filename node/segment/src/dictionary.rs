//! Texts that repeat within a part, stored once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::varint;

/// Collects texts while a part is surveyed. What occurs once costs a hash; what repeats is kept.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    seen: HashMap<[u8; 16], Seen>,
    /// The last teacher: most rows of a batch have the same.
    last_teacher: Option<(Arc<str>, [u8; 16])>,
}

#[derive(Debug)]
struct Seen {
    /// Order of first sight.
    order: u64,
    count: u64,
    teacher: bool,
    text: Option<Box<str>>,
}

fn hash(text: &str) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
    first
}

impl Collector {
    /// A text that may repeat.
    pub(crate) fn text(&mut self, text: &str) {
        self.see(text, hash(text), false);
    }

    /// Who taught something: always in the dictionary.
    pub(crate) fn teacher(&mut self, text: &Arc<str>) {
        let known = self.last_teacher.as_ref().filter(|(last, _)| Arc::ptr_eq(last, text) || last == text).map(|(_, hash)| *hash);
        let hash = known.unwrap_or_else(|| hash(text));
        if known.is_none() {
            self.last_teacher = Some((Arc::clone(text), hash));
        }
        self.see(text, hash, true);
    }

    fn see(&mut self, text: &str, hash: [u8; 16], teacher: bool) {
        let order = self.seen.len() as u64;
        let seen = self.seen.entry(hash).or_insert(Seen { order, count: 0, teacher: false, text: None });
        seen.count += 1;
        seen.teacher |= teacher;
        if seen.text.is_none() && (seen.teacher || seen.count > 1) {
            seen.text = Some(text.into());
        }
    }

    /// Numbers what is kept: teachers first, then the commonest, then the first seen.
    pub(crate) fn finish(self) -> Dictionary {
        let mut kept: Vec<Seen> = self.seen.into_values().filter(|seen| seen.text.is_some()).collect();
        kept.sort_unstable_by_key(|seen| (!seen.teacher, std::cmp::Reverse(seen.count), seen.order));
        let texts: Vec<Box<str>> = kept.into_iter().filter_map(|seen| seen.text).collect();
        let codes = texts.iter().zip(0..).map(|(text, code)| (text.clone(), code)).collect();
        Dictionary { texts, codes, last_teacher: None }
    }
}

/// The numbered texts.
#[derive(Debug)]
pub(crate) struct Dictionary {
    texts: Vec<Box<str>>,
    codes: HashMap<Box<str>, u32>,
    last_teacher: Option<(Arc<str>, u32)>,
}

impl Dictionary {
    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(crate) fn section(&self) -> Vec<u8> {
        crate::texts::encode(self.texts.iter().map(|text| text.as_bytes()))
    }

    /// The code of a teacher; `None`: the source gave other rows than before.
    pub(crate) fn teacher(&mut self, text: &Arc<str>) -> Option<u32> {
        if let Some((last, code)) = &self.last_teacher
            && (Arc::ptr_eq(last, text) || last == text)
        {
            return Some(*code);
        }
        let code = *self.codes.get(&**text)?;
        self.last_teacher = Some((Arc::clone(text), code));
        Some(code)
    }

    /// Appends a text: 1 + twice its code, or twice its length and itself.
    pub(crate) fn put(&self, out: &mut Vec<u8>, text: &str) {
        match self.codes.get(text) {
            Some(code) => varint::put(out, u64::from(*code) << 1 | 1),
            None => {
                varint::put(out, (text.len() as u64) << 1);
                out.extend_from_slice(text.as_bytes());
            }
        }
    }
}
