//! Lines of the import file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;
use sutra_protocol::{AssociationType, ConceptId, Namespace, Source};

/// A synset: a line, which is a body of `POST /v1/learn`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Synset {
    pub(crate) content: String,
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) aliases: Vec<String>,
    #[serde(default)]
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) source: Source,
    #[serde(default)]
    pub(crate) associations: Vec<Pointer>,
}

/// An association of a synset.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pointer {
    pub(crate) target_key: String,
    #[serde(rename = "type")]
    pub(crate) kind: AssociationType,
    pub(crate) label: String,
}

impl Synset {
    /// The id that a node gives it.
    pub(crate) fn id(&self) -> ConceptId {
        ConceptId::derive(&Namespace::default(), &self.content, Some(&self.key))
    }
}

/// Every line of the file.
///
/// # Errors
/// If the file cannot be read, or a line is none of WordNet's.
pub(crate) fn read(file: &Path) -> anyhow::Result<Vec<Synset>> {
    let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let lines = text.lines().enumerate().map(|(at, line)| {
        serde_json::from_str(line).with_context(|| format!("{}, line {}, is no synset", file.display(), at + 1))
    });
    lines.collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const DOG: &str = concat!(
        r#"{"content":"dog, domestic dog: a man's best friend","key":"wn30:02084071-n","aliases":["domestic dog"],"#,
        r#""attributes":{"lexname":"noun.animal","pos":"noun"},"#,
        r#""source":{"uri":"https://wordnet.princeton.edu/","title":"WordNet 3.0, data.noun","offset":2084071},"#,
        r#""associations":[{"target_key":"wn30:02083346-n","type":"hierarchical","label":"hypernym"}]}"#
    );
    pub(crate) const CANINE: &str = concat!(
        r#"{"content":"canine, canid: a fissiped mammal","key":"wn30:02083346-n","#,
        r#""source":{"uri":"https://wordnet.princeton.edu/","title":"WordNet 3.0, data.noun","offset":2083346}}"#
    );

    pub(crate) fn synset(line: &str) -> Synset {
        serde_json::from_str(line).unwrap()
    }

    #[test]
    fn a_file_is_read_and_a_bad_line_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("wordnet.ndjson");
        fs::write(&file, format!("{DOG}\n{CANINE}\n")).unwrap();
        let synsets = read(&file).unwrap();
        assert_eq!(synsets[0].associations[0].target_key, synsets[1].key);
        assert_ne!(synsets[0].id(), synsets[1].id());
        fs::write(&file, format!("{DOG}\n{{}}\n")).unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("line 2"));
    }
}
