//! The manifest of a replica: what a start begins with, and what another replica needs to become equal.
//!
//! Memory is the manifest's files and the log behind `applied`. The file is written whole, synced, and put in place of the old one:
//!
//! ```text
//!   "SUTRAMAN" · version u32 · length of the payload u64 · CRC32C of the payload u32 · CRC32C of the 24 bytes before u32 · payload
//! ```
//!
//! Numbers are little endian; the payload is [`Manifest`] as MessagePack with named fields.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sutra_disk::Disk;
use sutra_protocol::command::{Applied, LogIndex};
use sutra_protocol::http::NamespaceSettings;
use sutra_protocol::{ConceptId, KeyRange, Namespace, PlacementKey, Timestamp};
use sutra_wal::LogPoint;

use crate::memory::{Counts, Dealings};

const MAGIC: &[u8; 8] = b"SUTRAMAN";
/// Newest version that this release reads, and the one that it writes.
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 28;

/// The content of a manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) grid_id: String,
    pub(crate) store_id: String,
    pub(crate) shard: u64,
    pub(crate) replica: u64,
    /// First placement key.
    pub(crate) range_start: PlacementKey,
    /// First placement key that is not in it; `None`: to the end.
    pub(crate) range_end: Option<PlacementKey>,
    /// Of the shard map that gave it this range.
    pub(crate) epoch: u64,
    /// The voters.
    pub(crate) membership: Vec<u64>,
    /// Last entry that is in the files.
    pub(crate) applied: LogIndex,
    /// Its term.
    pub(crate) applied_term: u64,
    /// Who belongs to the group.
    #[serde(default)]
    pub(crate) configuration: Option<Configuration>,
    /// Greatest record time in the files.
    pub(crate) clock: Timestamp,
    /// Oldest first.
    pub(crate) files: Vec<FileEntry>,
    pub(crate) graphs: Vec<GraphEntry>,
    pub(crate) namespaces: Vec<NamespaceEntry>,
    /// Oldest first.
    pub(crate) sessions: Vec<SessionEntry>,
    /// Erasures whose content may still be on the disk.
    pub(crate) scrubs: Vec<Scrub>,
    /// The next file's number.
    pub(crate) next_file: u64,
    /// With other shards.
    #[serde(default)]
    pub(crate) dealings: Dealings,
}

/// Who belongs to a group, as an entry of its log said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// The entry.
    pub index: LogIndex,
    /// Its term.
    pub term: u64,
    /// In the words of the consensus.
    #[serde(with = "serde_bytes")]
    pub words: Vec<u8>,
}

/// A segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    pub(crate) id: u64,
    pub(crate) bytes: u64,
    /// See [`sutra_segment::Segment::root`].
    #[serde(with = "serde_bytes_array")]
    pub(crate) root: [u8; 16],
}

/// A graph over the vectors of one part of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GraphEntry {
    pub(crate) segment: u64,
    /// The part's place in the segment.
    pub(crate) part: u32,
    pub(crate) bytes: u64,
    /// Over the whole file.
    pub(crate) checksum: u32,
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct NamespaceEntry {
    pub(crate) name: Namespace,
    pub(crate) settings: NamespaceSettings,
    /// Of its vectors.
    pub(crate) dimension: Option<u32>,
    /// How they are kept.
    pub(crate) scalar: Option<String>,
    pub(crate) counts: Counts,
    pub(crate) born: LogIndex,
    /// Incarnations begin after this one.
    #[serde(default)]
    pub(crate) base: u64,
    /// What was before it may have been forgotten.
    pub(crate) forgotten_to: Option<Timestamp>,
    /// The segments that have a part of it, oldest first.
    pub(crate) segments: Vec<u64>,
}

/// A remembered request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SessionEntry {
    pub(crate) namespace: Namespace,
    pub(crate) key: String,
    pub(crate) digest: u128,
    pub(crate) applied: Applied,
}

/// A concept that was erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scrub {
    pub(crate) namespace: Namespace,
    pub(crate) id: ConceptId,
    /// The entry that erased it.
    pub(crate) index: LogIndex,
}

/// Why a manifest can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The operating system refused.
    #[error("{step} {file}")]
    Io {
        /// What was tried.
        step: &'static str,
        /// With what.
        file: PathBuf,
        /// Its answer.
        #[source]
        source: io::Error,
    },
    /// It is gone, and the log is not.
    #[error("manifest {file} is missing, but there is a log")]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// It is not what was written.
    #[error("manifest {file} is damaged: {reason}")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A newer release wrote it.
    #[error("manifest {file} has version {found}; this release reads up to {supported}")]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that is known here.
        supported: u32,
    },
}

/// The manifest's place in a data directory.
pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join("MANIFEST")
}

impl Manifest {
    /// What the shard keeps.
    pub(crate) fn range(&self) -> KeyRange {
        KeyRange { start: self.range_start, end: self.range_end }
    }

    /// The last entry that is in the files; `None`: there never was one.
    pub(crate) fn point(&self) -> Option<LogPoint> {
        let begun = self.applied > LogIndex(0) || self.configuration.is_some();
        begun.then_some(LogPoint { index: self.applied, term: self.applied_term })
    }

    /// The manifest; `None`: there never was one.
    pub(crate) fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<Self>, ManifestError> {
        let file = path(dir);
        match disk.read(&file) {
            Ok(bytes) => Self::decode(&file, &bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ManifestError::Io { step: "read", file, source }),
        }
    }

    /// Puts this manifest durably in place of the one before.
    pub(crate) fn write(&self, disk: &dyn Disk, dir: &Path) -> Result<(), ManifestError> {
        let file = path(dir);
        let failed = |source| ManifestError::Io { step: "write", file: file.clone(), source };
        let bytes = self.encode().map_err(|error| failed(io::Error::other(error)))?;
        sutra_disk::replace(disk, &file, &bytes).map_err(failed)
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, rmp_serde::encode::Error> {
        let payload = rmp_serde::to_vec_named(self)?;
        let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&payload).to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        bytes.extend_from_slice(&payload);
        Ok(bytes)
    }

    /// Reads a manifest back; `file` is for the error.
    pub(crate) fn decode(file: &Path, bytes: &[u8]) -> Result<Self, ManifestError> {
        let damaged = |reason: &str| ManifestError::Damaged { file: file.into(), reason: reason.into() };
        let (header, payload) = bytes.split_at_checked(HEADER_BYTES).ok_or_else(|| damaged("it is cut short"))?;
        if header[..8] != *MAGIC {
            return Err(damaged("it does not begin as a manifest does"));
        }
        let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        if crc32c::crc32c(&header[..24]) != number(24) {
            return Err(damaged("its header does not match its checksum"));
        }
        if number(8) > VERSION {
            return Err(ManifestError::Newer { file: file.into(), found: number(8), supported: VERSION });
        }
        if u64::from(number(12)) | u64::from(number(16)) << 32 != payload.len() as u64 {
            return Err(damaged("it has another length than its header says"));
        }
        if crc32c::crc32c(payload) != number(20) {
            return Err(damaged("its payload does not match its checksum"));
        }
        crate::entry::decode(payload).map_err(|error| damaged(&error.to_string()))
    }
}

/// Sixteen bytes as MessagePack's binary type.
mod serde_bytes_array {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 16], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 16], D::Error> {
        let number = Binary::deserialize(deserializer)?;
        Ok(number.0)
    }

    struct Binary([u8; 16]);

    impl<'de> Deserialize<'de> for Binary {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl de::Visitor<'_> for Visitor {
                type Value = Binary;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("16 bytes")
                }

                fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Binary, E> {
                    bytes.try_into().map(Binary).map_err(|_| E::invalid_length(bytes.len(), &self))
                }
            }
            deserializer.deserialize_bytes(Visitor)
        }
    }
}
