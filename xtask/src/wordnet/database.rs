//! The four data files of a WordNet directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::synset::{Pos, Synset, SynsetId};

/// Every synset, in the order of the files and of their lines.
#[derive(Debug, Default)]
pub(crate) struct Database {
    pub(crate) synsets: BTreeMap<SynsetId, Synset>,
}

impl Database {
    /// Reads `data.noun`, `data.verb`, `data.adj` and `data.adv`. The error names file and line.
    pub(crate) fn open(directory: &Path) -> Result<Self, String> {
        let mut database = Self::default();
        for pos in Pos::ALL {
            let path = directory.join(pos.file());
            let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            // The licence at the head of each file is indented by two blanks.
            for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with("  ")) {
                let synset = Synset::parse(pos, line).map_err(|error| format!("{}, line {}: {error}", path.display(), at + 1))?;
                database.synsets.insert(synset.id, synset);
            }
        }
        Ok(database)
    }
}
