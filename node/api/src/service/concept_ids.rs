//! The ids of all living concepts, page by page.

use sutra_protocol::{ApiError, ConceptId, limits};

use super::{Caller, Read, Service};

impl Service {
    /// A page of ids in their order, and the cursor of the next page, if there is one; `limit` is 1 to 1000. The cursor is opaque to
    /// callers; it is the last id of the page, so it stays good whatever is taught or retracted between two pages.
    ///
    /// # Errors
    /// `invalid_argument`, `deadline_exceeded`.
    pub async fn concept_ids(
        &self,
        caller: &Caller,
        read: &Read,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<ConceptId>, Option<String>), ApiError> {
        limits::in_range("limit", limit as u64, 1, limits::K as u64)?;
        let malformed = |text: &str| {
            let message = format!("cursor {} is none that a page ended with", limits::excerpt(text));
            ApiError::invalid("cursor", message)
        };
        let after = cursor.map(|text| text.parse::<ConceptId>().map_err(|_| malformed(text))).transpose()?;
        self.heavy(caller, read.clone(), move |view| {
            let mut ids: Vec<_> = view.concepts(after, limit + 1).iter().map(|concept| concept.id).collect();
            let more = ids.len() > limit;
            ids.truncate(limit);
            let next = if more { ids.last().map(ToString::to_string) } else { None };
            Ok((ids, next))
        })
        .await
    }
}
