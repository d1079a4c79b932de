//! Search by words.

use std::collections::HashSet;
use std::sync::Arc;

use sutra_keyword::{Damaged, Query, QueryError, Statistics};
use sutra_protocol::Concept;

use super::Hit;
use crate::memory::graph::Found;
use crate::memory::liveness::Reader;
use crate::memory::view::View;

impl View {
    /// At most `k` living concepts that fit `query` (see [`Query`]) in content or aliases and pass `passes`: best first, then by id.
    /// Word statistics are those of now, whatever time the view is of; those of a segment count what has been replaced or
    /// retracted since until the segment is merged.
    ///
    /// # Errors
    /// [`QueryError`]: too many words.
    pub fn search(&self, query: &str, k: usize, passes: &dyn Fn(&Concept) -> bool) -> Result<Vec<Hit>, QueryError> {
        Self::search_all(std::slice::from_ref(self), query, k, passes)
    }

    /// The same over the views of several shards, whose words weigh together.
    ///
    /// # Errors
    /// [`QueryError`]: too many words.
    pub(crate) fn search_all(
        views: &[Self],
        query: &str,
        k: usize,
        passes: &dyn Fn(&Concept) -> bool,
    ) -> Result<Vec<Hit>, QueryError> {
        let mut statistics = Statistics::default();
        for view in views {
            statistics.merge(&view.words(query)?);
        }
        let mut hits = Vec::new();
        for view in views {
            hits.extend(view.search_weighed(query, &statistics, k, passes)?);
        }
        Hit::best(&mut hits, k);
        Ok(hits)
    }

    /// How common the words of `query` are here. Those of several shards are added up.
    ///
    /// # Errors
    /// [`QueryError`]: too many words.
    pub fn words(&self, query: &str) -> Result<Statistics, QueryError> {
        // An index that contradicts itself is damage of its segment, which the view tells.
        Ok(self.statistics(&Query::parse(query)?).unwrap_or_default())
    }

    /// As [`View::search`], where words weigh by these statistics: those of all shards that are searched.
    ///
    /// # Errors
    /// [`QueryError`]: too many words.
    pub fn search_weighed(
        &self,
        query: &str,
        statistics: &Statistics,
        k: usize,
        passes: &dyn Fn(&Concept) -> bool,
    ) -> Result<Vec<Hit>, QueryError> {
        let query = Query::parse(query)?;
        if query.is_empty() || k == 0 {
            return Ok(Vec::new());
        }
        Ok(self.find_words(&query, statistics, k, passes).unwrap_or_default())
    }

    fn statistics(&self, query: &Query) -> Result<Statistics, Damaged> {
        let graph = self.graph();
        let mut statistics = Statistics::default();
        for delta in graph.deltas() {
            statistics.merge(&delta.texts.index().statistics(query, delta.texts.visible())?);
        }
        for layer in graph.parts.iter() {
            let Some(keywords) = layer.keywords() else { continue };
            statistics.merge(&keywords.statistics(query).inspect_err(|damaged| layer.found_damaged(damaged))?);
        }
        Ok(statistics)
    }

    fn find_words(
        &self,
        query: &Query,
        statistics: &Statistics,
        k: usize,
        passes: &dyn Fn(&Concept) -> bool,
    ) -> Result<Vec<Hit>, Damaged> {
        let graph = self.graph();
        let reader = self.reader();
        let mut hits: Vec<Hit> = Vec::new();
        for delta in graph.deltas() {
            // A text that left and came back is there twice.
            let mut found_already = HashSet::new();
            let mut accept = |ordinal| {
                let text = delta.texts.document(ordinal);
                let seen = text.and_then(|text| seen(&reader, text));
                seen.is_some_and(|seen| passes(&seen) && found_already.insert(seen.id))
            };
            let texts = &delta.texts;
            let rank = |ordinal| texts.document(ordinal).map_or(u128::MAX, |text| text.id.as_u128());
            let found = texts.index().search(query, statistics, texts.visible(), k, &rank, &mut accept)?;
            hits.extend(found.iter().filter_map(|hit| {
                let concept = seen(&reader, texts.document(hit.ordinal)?)?;
                Some(Hit { concept, score: hit.score })
            }));
        }
        for layer in graph.parts.iter() {
            let Some(keywords) = layer.keywords() else { continue };
            let concept = |ordinal| {
                let code = layer.code(ordinal)?;
                let id = layer.id_of(code);
                let newest = match graph.find(id)? {
                    Found::Stored(other, _) => other.segment_id() == layer.segment_id(),
                    Found::Recent(_) => false,
                };
                let seen_now = reader.concept(id)?;
                if newest && self.as_of().known_at.is_none() {
                    return Some(seen_now);
                }
                // Another layer, or another time, may have another text.
                let text = layer.concept(code, None)?;
                (text.content == seen_now.content && text.aliases == seen_now.aliases).then_some(seen_now)
            };
            let mut accept = |ordinal| concept(ordinal).is_some_and(|concept| passes(&concept));
            let rank = |ordinal| layer.code(ordinal).map_or(u128::MAX, |code| layer.id_of(code).as_u128());
            let found =
                keywords.search(query, statistics, k, &rank, &mut accept).inspect_err(|damaged| layer.found_damaged(damaged))?;
            hits.extend(found.iter().filter_map(|hit| Some(Hit { concept: concept(hit.ordinal)?, score: hit.score })));
        }
        Hit::best(&mut hits, usize::MAX);
        let mut found_already = HashSet::new();
        hits.retain(|hit| found_already.insert(hit.concept.id));
        hits.truncate(k);
        Ok(hits)
    }
}

/// The concept with this text, if the reader sees it with this text.
fn seen(reader: &Reader<'_>, text: &Concept) -> Option<Arc<Concept>> {
    reader.concept(text.id).filter(|seen| seen.content == text.content && seen.aliases == text.aliases)
}
