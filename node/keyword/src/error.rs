//! What can go wrong with an index.

/// Why the bytes of a part can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damaged {
    /// It doesn't begin as one.
    #[error("keyword index: no index begins with these bytes")]
    Foreign,
    /// A newer release wrote it.
    #[error("keyword index has version {found}; this release reads version {supported}")]
    Version {
        /// Its version.
        found: u32,
        /// The one that is known here.
        supported: u32,
    },
    /// It has another size than it says.
    #[error("keyword index has {found} bytes and says that it has {expected}")]
    Size {
        /// How many bytes there are.
        found: u64,
        /// How many there should be.
        expected: u64,
    },
    /// Bytes are not those that were written.
    #[error("keyword index: the checksum of the bytes from {from} to {to} is wrong")]
    Checksum {
        /// The first of them.
        from: u64,
        /// The one after the last.
        to: u64,
    },
    /// Bytes mean nothing, though their checksum is right.
    #[error("keyword index: {section} can't be read at byte {offset}")]
    Malformed {
        /// What was read.
        section: &'static str,
        /// Where, from the beginning of the index; of an index in memory 0.
        offset: u64,
    },
}

/// Why a document can't be indexed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Documents come in the order of their ordinals, each once.
    #[error("document {ordinal} comes after document {last}; ordinals must grow")]
    Order {
        /// The ordinal that was given.
        ordinal: u32,
        /// The greatest before it.
        last: u32,
    },
    /// A part can't hold so much.
    #[error("{what} of a keyword index: {size} (bytes or number); at most {bound} fit")]
    Size {
        /// What is too large.
        what: &'static str,
        /// Its size in bytes, or how many there are.
        size: u64,
        /// The greatest size.
        bound: u64,
    },
    /// The dictionary can't be written.
    #[error("the dictionary of a keyword index can't be written")]
    Dictionary(#[source] fst::Error),
}
