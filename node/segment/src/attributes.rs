//! The values of attributes, by name and sorted: numbers, times, and what can only be equal.
//!
//! The section: the number of names as u64; per name (in the order of their bytes) [`ENTRY`] bytes: where its text begins in the
//! section and how long it is (u32 each), then for numbers, times and equals where the run begins in the section and how many pairs
//! it has (u64 each); the texts; the runs, each at a multiple of eight.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use sutra_protocol::{AttributeValue, Attributes, Timestamp};

use crate::hash::{number_key, text_hash, time_key};
use crate::part::{Code, Part};
use crate::run::{self, Pairs, Run};
use crate::section::Kind;

const ENTRY: usize = 56;

/// Keys of the truth values among the hashes of texts, which have the same chance to meet them as each other.
const FALSE: u64 = 0;
const TRUE: u64 = 1;

/// Collects the values of living concepts.
#[derive(Debug, Default)]
pub(crate) struct Collector(BTreeMap<Box<str>, [Vec<(u64, u32)>; 3]>);

#[derive(Clone, Copy)]
enum Sort {
    Number,
    Time,
    Equal,
}

fn key(value: &AttributeValue) -> (Sort, u64) {
    match value {
        AttributeValue::Bool(value) => (Sort::Equal, if *value { TRUE } else { FALSE }),
        AttributeValue::Integer(number) => (Sort::Number, number_key(*number as f64)),
        AttributeValue::Float(number) => (Sort::Number, number_key(*number)),
        AttributeValue::Text(text) => text_key(text),
    }
}

/// Texts that are times are equal when the times are, so that they stand among the times alone.
fn text_key(text: &str) -> (Sort, u64) {
    match text.parse::<Timestamp>() {
        Ok(time) => (Sort::Time, time_key(time)),
        Err(_) => (Sort::Equal, text_hash(text)),
    }
}

impl Collector {
    pub(crate) fn put(&mut self, row: u32, attributes: &Attributes) {
        for (name, value) in attributes {
            let (sort, key) = key(value);
            if let Some(runs) = self.0.get_mut(name.as_str()) {
                runs[sort as usize].push((key, row));
            } else {
                self.0.entry(name.as_str().into()).or_default()[sort as usize].push((key, row));
            }
        }
    }

    /// The section; empty without attributes. `None`: the names have more than 4 GiB.
    pub(crate) fn encode(mut self) -> Option<Vec<u8>> {
        if self.0.is_empty() {
            return Some(Vec::new());
        }
        let mut table = (self.0.len() as u64).to_le_bytes().to_vec();
        let mut texts = Vec::new();
        let mut runs = Vec::new();
        let texts_at = 8 + ENTRY * self.0.len();
        let runs_at = (texts_at + self.0.keys().map(|name| name.len()).sum::<usize>()).next_multiple_of(8);
        for (name, values) in &mut self.0 {
            table.extend(u32::try_from(texts_at + texts.len()).ok()?.to_le_bytes());
            table.extend(u32::try_from(name.len()).ok()?.to_le_bytes());
            texts.extend_from_slice(name.as_bytes());
            for pairs in values {
                let at = runs_at + runs.len();
                let count = run::encode(&mut runs, pairs);
                runs.resize(runs.len().next_multiple_of(8), 0);
                table.extend((at as u64).to_le_bytes());
                table.extend((count as u64).to_le_bytes());
            }
        }
        table.append(&mut texts);
        table.resize(runs_at, 0);
        table.append(&mut runs);
        Some(table)
    }
}

/// The values of one attribute, of the newest versions of living concepts. What the runs yield are candidates: the caller compares.
#[derive(Clone, Copy, Debug)]
pub struct AttributeRuns<'a> {
    runs: [Run<'a>; 3],
    part: &'a Part,
}

impl<'a> AttributeRuns<'a> {
    pub(crate) fn find(part: &'a Part, name: &str) -> Option<Self> {
        let names = names(part)?;
        let mut failed = false;
        let at = crate::search::lower_bound(names, |index| Some(entry_name(part, index)?.cmp(name.as_bytes()) == Ordering::Less));
        let at = at.unwrap_or_else(|| {
            failed = true;
            names
        });
        if failed || at == names || entry_name(part, at)? != name.as_bytes() {
            return None;
        }
        Self::at(part, at)
    }

    /// The values of the `index`th name.
    pub(crate) fn at(part: &'a Part, index: usize) -> Option<Self> {
        let (container, section) = (part.segment().as_ref(), part.section(Kind::Attributes));
        let entry = container.slice(section, 8 + ENTRY * index, ENTRY)?;
        let mut runs = [Run { container, section, at: 0, count: 0 }; 3];
        for (run, bytes) in runs.iter_mut().zip(entry[8..].as_chunks::<16>().0) {
            let [at, count] = [0, 8].map(|from: usize| bytes[from..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word)));
            let inside = count.checked_mul(12).and_then(|len| at.checked_add(len)).is_some_and(|end| end <= section.len as u64);
            if !inside {
                return container.fault(|| format!("the values of attribute {index} in a {section} lie beyond its end"));
            }
            (run.at, run.count) = (at as usize, count as usize);
        }
        Some(Self { runs, part })
    }

    /// Rows whose number lies in `range`, ascending. The key is [`crate::number_key`] of it. A whole number stands where the nearest
    /// float does, so that an exclusive bound is the caller's to apply.
    pub fn numbers(&self, range: RangeInclusive<f64>) -> Values<'a> {
        self.between(Sort::Number, number_key(*range.start()), number_key(*range.end()))
    }

    /// Rows whose text is a time of RFC 3339 in `range`, ascending. The key is [`crate::time_key`] of it.
    pub fn times(&self, range: RangeInclusive<Timestamp>) -> Values<'a> {
        self.between(Sort::Time, time_key(*range.start()), time_key(*range.end()))
    }

    /// Rows whose text is `text` or has its hash; if `text` is a time, rows with the same time, however it is written.
    pub fn equal_text(&self, text: &str) -> Values<'a> {
        let (sort, key) = text_key(text);
        self.between(sort, key, key)
    }

    /// Rows whose truth value is `value`.
    pub fn equal_bool(&self, value: bool) -> Values<'a> {
        let key = if value { TRUE } else { FALSE };
        self.between(Sort::Equal, key, key)
    }

    /// Rows with any number, ascending.
    pub fn all_numbers(&self) -> Values<'a> {
        self.coded(self.runs[Sort::Number as usize].all())
    }

    /// Rows with any text that is a time, ascending.
    pub fn all_times(&self) -> Values<'a> {
        self.coded(self.runs[Sort::Time as usize].all())
    }

    /// Rows with any other text or a truth value, in the order of hashes.
    pub fn all_others(&self) -> Values<'a> {
        self.coded(self.runs[Sort::Equal as usize].all())
    }

    pub(crate) fn runs(&self) -> [Run<'a>; 3] {
        self.runs
    }

    fn between(&self, sort: Sort, least: u64, greatest: u64) -> Values<'a> {
        self.coded(self.runs[sort as usize].between(least, greatest))
    }

    fn coded(&self, pairs: Pairs<'a>) -> Values<'a> {
        Values { pairs, part: self.part }
    }
}

/// Keys and their rows, ascending. Ends early where the file is damaged.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    pairs: Pairs<'a>,
    part: &'a Part,
}

impl<'a> Values<'a> {
    /// The rows alone, in the same order: for many, which are read at once.
    pub fn rows(self) -> impl Iterator<Item = Code> + use<'a> {
        let part = self.part;
        self.pairs.rows().filter_map(move |row| part.checked(row))
    }
}

impl Iterator for Values<'_> {
    type Item = (u64, Code);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, row) = self.pairs.next()?;
        Some((key, self.part.checked(row)?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.pairs.size_hint()
    }
}

impl DoubleEndedIterator for Values<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let (key, row) = self.pairs.next_back()?;
        Some((key, self.part.checked(row)?))
    }
}

/// How many attributes the part has; `None`: none, or it can't be read.
pub(crate) fn names(part: &Part) -> Option<usize> {
    let section = part.section(Kind::Attributes);
    if section.len == 0 {
        return None;
    }
    let container = part.segment();
    let names = container.u64_at(section, 0)?;
    match usize::try_from(names) {
        Ok(names) if names <= (section.len - 8) / ENTRY => Some(names),
        _ => container.fault(|| format!("a {section} of attributes can't hold {names} names")),
    }
}

fn entry_name(part: &Part, index: usize) -> Option<&[u8]> {
    let (container, section) = (part.segment(), part.section(Kind::Attributes));
    let entry = container.slice(section, 8 + ENTRY * index, 8)?;
    let [at, len] = [0, 4].map(|from: usize| entry[from..].first_chunk().map_or(0, |word| u32::from_le_bytes(*word)));
    container.slice(section, at as usize, len as usize)
}
