//! A synset as the body of `POST /v1/learn`.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::relation::{LEXNAMES, relation};
use super::synset::{Synset, SynsetId};

/// What became of the pointers of the synsets written so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) synsets: usize,
    /// Between chosen synsets.
    pub(crate) pointers: usize,
    /// Of these pointers, those between two words.
    pub(crate) lexical: usize,
    /// What the pointers became. Fewer than these: two synsets have at most one association of one type and label, however
    /// many of their words point at one another.
    pub(crate) associations: usize,
    /// Pointers to synsets that were not chosen.
    pub(crate) left_out: usize,
}

/// Appends the line, with the newline, to `out`. Pointers to synsets outside `chosen` are left out.
pub(crate) fn write(out: &mut String, synset: &Synset, chosen: &BTreeSet<SynsetId>, counts: &mut Counts) -> Result<(), String> {
    let Some((name, others)) = synset.words.split_first() else { return Err(format!("{} has no words", synset.id)) };
    let lexname = LEXNAMES.get(synset.lexname).ok_or_else(|| format!("{}: no such lexicographer file", synset.id))?;
    let mut line = Object::open(out);
    line.text("content", &format!("{}: {}", synset.words.join(", "), synset.gloss));
    line.text("key", &synset.id.to_string());
    if !others.is_empty() {
        line.name("aliases");
        list(line.out, others, |out, word| quote(out, word));
    }
    debug_assert!(!name.contains([',', ':']), "the words before the first colon or comma name the concept");
    line.name("attributes");
    let mut attributes = Object::open(line.out);
    attributes.text("lexname", lexname);
    attributes.text("pos", synset.pos_name());
    attributes.close();
    line.name("source");
    let mut source = Object::open(line.out);
    source.text("uri", "https://wordnet.princeton.edu/");
    source.text("title", &format!("WordNet 3.0, {}", synset.id.pos.file()));
    source.name("offset");
    let _ = write!(source.out, "{}", synset.id.offset);
    source.close();

    let mut associations = Vec::new();
    let mut seen = BTreeSet::new();
    for pointer in &synset.pointers {
        if !chosen.contains(&pointer.target) {
            counts.left_out += 1;
            continue;
        }
        let relation = relation(&pointer.symbol, synset.id.pos)
            .ok_or_else(|| format!("{}: WordNet 3.0 has no pointer {:?}", synset.id, pointer.symbol))?;
        counts.pointers += 1;
        counts.lexical += usize::from(pointer.lexical);
        if seen.insert((pointer.target, relation.label)) {
            associations.push((pointer.target, relation));
        }
    }
    if !associations.is_empty() {
        line.name("associations");
        list(line.out, &associations, |out, (target, relation)| {
            let mut association = Object::open(out);
            association.text("target_key", &target.to_string());
            association.text("type", relation.kind);
            association.text("label", relation.label);
            association.close();
        });
    }
    line.close();
    out.push('\n');
    counts.synsets += 1;
    counts.associations += associations.len();
    Ok(())
}

/// A JSON object that is being written.
struct Object<'a> {
    out: &'a mut String,
    empty: bool,
}

impl<'a> Object<'a> {
    fn open(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, empty: true }
    }

    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.empty) {
            self.out.push(',');
        }
        quote(self.out, name);
        self.out.push(':');
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        quote(self.out, value);
    }

    fn close(self) {
        self.out.push('}');
    }
}

fn list<T>(out: &mut String, items: &[T], mut item: impl FnMut(&mut String, &T)) {
    out.push('[');
    for (at, value) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        item(out, value);
    }
    out.push(']');
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wordnet::synset::Pos;

    fn written(line: &str, chosen: &[u32]) -> (String, Counts) {
        let chosen = chosen.iter().map(|&offset| SynsetId { pos: Pos::Noun, offset }).collect();
        let (mut out, mut counts) = (String::new(), Counts::default());
        write(&mut out, &Synset::parse(Pos::Noun, line).unwrap(), &chosen, &mut counts).unwrap();
        (out, counts)
    }

    #[test]
    fn a_synset_is_a_learn_body() {
        let line = "02084071 05 n 02 dog 0 domestic_dog 0 001 @ 02083346 n 0000 | a \"canine\"";
        let expected = concat!(
            r#"{"content":"dog, domestic dog: a \"canine\"","key":"wn30:02084071-n","aliases":["domestic dog"],"#,
            r#""attributes":{"lexname":"noun.animal","pos":"noun"},"#,
            r#""source":{"uri":"https://wordnet.princeton.edu/","title":"WordNet 3.0, data.noun","offset":2084071},"#,
            r#""associations":[{"target_key":"wn30:02083346-n","type":"hierarchical","label":"hypernym"}]}"#,
            "\n"
        );
        assert_eq!(written(line, &[2_084_071, 2_083_346]).0, expected);
    }

    #[test]
    fn pointers_between_several_words_become_one_association_and_outside_ones_none() {
        let line = "00000001 05 n 01 a 0 003 + 00000002 n 0101 + 00000002 n 0102 @ 00000003 n 0000 | g";
        let (out, counts) = written(line, &[1, 2]);
        assert_eq!(out.matches("target_key").count(), 1);
        assert_eq!(counts, Counts { synsets: 1, pointers: 2, lexical: 2, associations: 1, left_out: 1 });
    }

    #[test]
    fn an_unknown_pointer_is_an_error_not_a_silence() {
        let synset = Synset::parse(Pos::Noun, "00000001 05 n 01 a 0 001 ? 00000001 n 0000 | g").unwrap();
        let error = write(&mut String::new(), &synset, &BTreeSet::from([synset.id]), &mut Counts::default()).unwrap_err();
        assert!(error.contains("no pointer \"?\""), "{error}");
    }
}
