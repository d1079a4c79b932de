//! A corpus spread over several indexes, searched as one.

use sutra_keyword::{Builder, Hit, Part, Query, Recent, Statistics};

use crate::corpus::Text;

/// Parts, the older first, and what came after them.
pub(crate) struct Spread {
    pub(crate) parts: Vec<Part<Vec<u8>>>,
    pub(crate) recent: Recent,
}

impl Spread {
    /// Cuts the corpus at `cuts`, which ascend: what lies before each is a part, what is left the recent index. A removed document is
    /// removed in the index that comes after its own, as a later write does; that of the recent index at once.
    pub(crate) fn new(corpus: &[Text], cuts: &[usize]) -> Self {
        let mut start = 0;
        let mut earlier: Vec<&Text> = Vec::new();
        let mut parts = Vec::new();
        for cut in cuts {
            let mut builder = Builder::new();
            earlier.drain(..).for_each(|document| builder.remove(&document.texts));
            for document in &corpus[start..*cut] {
                builder.put(document.ordinal, &document.texts).unwrap();
                if document.removed {
                    earlier.push(document);
                }
            }
            parts.push(Part::open(builder.finish().unwrap()).unwrap());
            start = *cut;
        }
        let recent = Recent::default();
        earlier.into_iter().for_each(|document| recent.remove(0, &document.texts));
        for document in &corpus[start..] {
            recent.put(document.ordinal, &document.texts).unwrap();
            if document.removed {
                recent.remove(document.ordinal, &document.texts);
            }
        }
        Self { parts, recent }
    }

    pub(crate) fn statistics(&self, query: &Query) -> Statistics {
        let mut sum = self.recent.statistics(query, u32::MAX).unwrap();
        self.parts.iter().for_each(|part| sum.merge(&part.statistics(query).unwrap()));
        sum
    }

    pub(crate) fn search(&self, query: &str, k: usize, mut accept: impl FnMut(u32) -> bool) -> Vec<Hit> {
        let query = Query::parse(query).unwrap();
        let statistics = self.statistics(&query);
        let mut hits = self.recent.search(&query, &statistics, u32::MAX, k, &|ordinal| ordinal.into(), &mut accept).unwrap();
        for part in &self.parts {
            hits.extend(part.search(&query, &statistics, k, &|ordinal| ordinal.into(), &mut accept).unwrap());
        }
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.ordinal.cmp(&b.ordinal)));
        hits.truncate(k);
        hits
    }
}
