//! A replica whose state is not what its group knows, while its log and its vote are good: nobody reads it until the checkpoint of
//! another replica has taken its place.
//!
//! ```text
//!   QUARANTINE written, durably ─→ closed ─→ another's checkpoint received ─→ checked ─→ manifest in place ─→ QUARANTINE removed
//! ```
//!
//! The file says so from the first moment to the last, so that a start after any crash in between does not open the replica either, and
//! goes on with it. Until the new manifest is in place nothing of the old state is touched; afterwards it is swept.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sutra_disk::Disk;
use sutra_protocol::command::LogIndex;
use sutra_protocol::{ConceptId, Namespace};
use sutra_segment::{Head, Segment};
use sutra_wal::{GroupId, LogPoint};

use crate::directory::Directory;
use crate::error::{KeepFailure, OpenError};
use crate::foreign::{self, unusable};
use crate::home::Home;
use crate::keeper::{KeepError, sweep, told};
use crate::manifest::{Manifest, ManifestError, Scrub};
use crate::opening::{first, restored};
use crate::placement::Placement;
use crate::replica::Incoming;

/// Longest reason that is kept.
const REASON_BYTES: usize = 4096;

/// A replica that is not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Its number.
    pub replica: u64,
    /// A sentence for the operator.
    pub reason: String,
}

/// Why a replica is not healed. It is in quarantine as before.
#[derive(Debug, thiserror::Error)]
pub enum HealError {
    /// What was received can't be used, or the operating system refused to put it in place.
    #[error(transparent)]
    Keep(#[from] KeepFailure),
    /// It is older than what the replica's log still has.
    #[error("the checkpoint of another replica is of entry {found}, and the log here begins behind entry {purged}", found = found.0, purged = purged.0)]
    Behind {
        /// Its last entry.
        found: LogIndex,
        /// The last that is not in the log any more.
        purged: LogIndex,
    },
    /// The directory.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl From<KeepError> for HealError {
    fn from(error: KeepError) -> Self {
        Self::Keep(KeepFailure { reason: told(&error) })
    }
}

impl From<ManifestError> for HealError {
    fn from(error: ManifestError) -> Self {
        KeepError::from(error).into()
    }
}

impl Directory {
    /// Why the replica of a shard is not read; `None`: it is. One whose reason can't be read is not read either.
    ///
    /// # Errors
    /// The disk's.
    pub fn quarantined(&self, shard: u64) -> Result<Option<Quarantined>, OpenError> {
        let home = Home::of(Arc::clone(&self.dir), GroupId(shard));
        let file = home.quarantine_file();
        match home.disk().read(&file) {
            Ok(bytes) => {
                let unreadable = |_| Quarantined { replica: 0, reason: "why it is in quarantine can't be read any more".into() };
                Ok(Some(serde_json::from_slice(&bytes).unwrap_or_else(unreadable)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(OpenError::io("read", file)(error)),
        }
    }

    /// Has the replica of a shard read by nobody until it is healed, whatever becomes of this process. Blocking.
    ///
    /// # Errors
    /// The disk's; it is not in quarantine then.
    pub fn quarantine(&self, shard: u64, mut quarantined: Quarantined) -> Result<(), OpenError> {
        let home = Home::of(Arc::clone(&self.dir), GroupId(shard));
        home.create()?;
        let cut = quarantined.reason.floor_char_boundary(REASON_BYTES);
        quarantined.reason.truncate(cut);
        let file = home.quarantine_file();
        let bytes = serde_json::to_vec(&quarantined).map_err(|error| OpenError::io("encode", &file)(error.into()))?;
        sutra_disk::replace(&**home.disk(), &file, &bytes).map_err(OpenError::io("write", &file))
    }

    /// Puts another replica's checkpoint in the place of everything that the closed replica of a shard had, but for its log and its vote,
    /// and ends its quarantine. It may be tried again after any error, and after any crash. Blocking.
    ///
    /// # Errors
    /// A [`HealError`].
    pub fn heal(&self, placement: &Placement, incoming: &Incoming) -> Result<LogPoint, HealError> {
        let home = Home::of(Arc::clone(&self.dir), GroupId(placement.shard));
        home.create()?;
        let (disk, dir): (&dyn Disk, PathBuf) = (&**home.disk(), home.segments());
        let theirs = foreign::manifest_in(incoming, home.folder(), home.grid_id(), placement.shard)?;
        let point = theirs.point().ok_or_else(|| unusable("it is of nothing"))?;
        if let Some(purged) = self.log.group(home.shard()).and_then(|group| group.purged)
            && point.index < purged.index
        {
            return Err(HealError::Behind { found: point.index, purged: purged.index });
        }
        let mut mine = self.begun(&home, placement)?;
        let mut segments: Vec<Arc<Segment>> = Vec::with_capacity(incoming.files.len());
        for file in &incoming.files {
            let received = file.received.as_deref().ok_or_else(|| unusable("a file of it was not received"))?;
            let head = Head::read(disk, received).map_err(KeepError::from)?;
            segments.push(foreign::take_in(disk, (received, &head), (&dir, mine.next_file), home.store_id(), file.signature)?);
            mine.next_file += 1;
        }
        disk.sync_dir(&dir).map_err(OpenError::io("sync", &dir))?;
        let mut manifest = foreign::manifest_over(&mine, theirs, &segments)?;
        // The log here may hold what was erased while the replica was in quarantine: it is cut as after an erasure, of a concept that there is
        // not, before anybody is told that it holds nothing of it.
        manifest.scrubs.insert(0, Scrub { namespace: Namespace::default(), id: ConceptId::from_u128(0), index: LogIndex(0) });
        restored(home.folder(), &manifest, &segments).map_err(|error| unusable(&error.to_string()))?;
        manifest.write(disk, home.folder())?;
        sweep(disk, &dir, &manifest).map_err(OpenError::io("clear", &dir))?;
        self.leave_quarantine(&home)?;
        Ok(point)
    }

    fn leave_quarantine(&self, home: &Home) -> Result<(), HealError> {
        let file = home.quarantine_file();
        match home.disk().remove(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => Ok(removed.and_then(|()| home.disk().sync_dir(home.folder())).map_err(OpenError::io("remove", file))?),
        }
    }

    /// The replica's manifest, or, where it can't be read, one that names nothing, and whose files have other numbers than those there.
    fn begun(&self, home: &Home, placement: &Placement) -> Result<Manifest, HealError> {
        let read = Manifest::read(&**home.disk(), home.folder());
        let is_mine =
            |manifest: &Manifest| (manifest.store_id.as_str(), manifest.replica) == (home.store_id(), placement.replica);
        let mut manifest = match read {
            Ok(Some(manifest)) if is_mine(&manifest) => manifest,
            Err(error @ (ManifestError::Io { .. } | ManifestError::Newer { .. })) => return Err(error.into()),
            Ok(_) | Err(ManifestError::Missing { .. } | ManifestError::Damaged { .. }) => {
                first(home.grid_id(), home.store_id(), placement)
            }
        };
        let names = home.disk().list(&home.segments()).map_err(OpenError::io("list", home.segments()))?;
        let number = |name: &String| name.get(..16)?.parse::<u64>().ok();
        let greatest = names.iter().filter_map(number).max().unwrap_or_default();
        manifest.next_file = manifest.next_file.max(greatest + 1);
        Ok(manifest)
    }
}
