//! What an index offers to a search.

use crate::error::Damaged;
use crate::posting::Impact;

/// An index as one search sees it. Its documents are numbered from 0, by ordinal: slots.
pub(crate) trait Source {
    type List: List;

    /// The postings of a word, if it has any.
    fn list(&self, word: &str) -> Result<Option<Self::List>, Damaged>;

    /// The slot after the last one that may be seen.
    fn end(&self) -> u32;

    /// How many words the document has.
    fn length(&self, slot: u32) -> Result<u32, Damaged>;

    /// The document's ordinal.
    fn ordinal(&self, slot: u32) -> Result<u32, Damaged>;
}

/// The postings of a word, in blocks.
pub(crate) trait List {
    /// How many blocks there are.
    fn blocks(&self) -> usize;

    /// The postings of a block, encoded.
    fn bytes(&self, block: usize) -> Result<&[u8], Damaged>;

    /// The slot of a block's last posting. Of the last block it may say a later one.
    fn last(&self, block: usize) -> u32;

    /// What no posting of the block exceeds, if that is known.
    fn impact(&self, block: usize) -> Option<Impact>;

    /// The error for a block that can't be read.
    fn malformed(&self, block: usize) -> Damaged;
}
