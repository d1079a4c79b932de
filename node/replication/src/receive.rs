//! Receiving the snapshot of another replica.
//!
//! ```text
//!   leader ─ offer (meta, what files) ─→ which of them are not here
//!          ─ piece, piece, … ──────────→ of the manifest, and of those
//!          ─ end ──────────────────────→ synced, installed
//! ```

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use openraft::SnapshotMeta;
use openraft::raft::SnapshotResponse;
use openraft::storage::Snapshot;
use serde::{Deserialize, Serialize};
use sutra_disk::{DiskFile, Open};
use sutra_storage::{Incoming, IncomingFile, ManifestHead, ManifestParts};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use crate::files::SnapshotFiles;
use crate::machine::{Inbox, Machine};
use crate::patience::Patience;
use crate::types::{Member, Raft, Vote};

/// The beginning of a transfer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Offer {
    pub(crate) vote: Vote,
    pub(crate) meta: SnapshotMeta<u64, Member>,
    pub(crate) manifest: ManifestHead,
    pub(crate) files: Vec<OfferedFile>,
}

/// A file of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OfferedFile {
    pub(crate) bytes: u64,
    #[serde(with = "serde_bytes")]
    pub(crate) signature: Vec<u8>,
}

/// The answer to an offer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// Names the transfer.
    pub(crate) transfer: u64,
    /// The places of the files that are not here.
    pub(crate) files: Vec<usize>,
}

/// A piece of a file, or of the manifest.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Piece {
    pub(crate) transfer: u64,
    /// The file's place in the offer; `None`: the manifest.
    pub(crate) file: Option<usize>,
    pub(crate) offset: u64,
    #[serde(with = "serde_bytes")]
    pub(crate) content: Vec<u8>,
}

/// The end of a transfer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) transfer: u64,
}

/// What a group receives.
pub(crate) struct Receiving {
    machine: Arc<dyn Machine>,
    inbox: Inbox,
    patience: Patience,
    /// One at a time: a newer offer takes the place of an older one, whose sender is gone or has begun anew.
    current: Mutex<Option<Stage>>,
    next: AtomicU64,
}

/// How far a transfer has come.
enum Stage {
    Receiving(Box<Transfer>),
    /// All has come, and is put in place; whoever asks again how it went gets the same answer.
    Ending {
        number: u64,
        ended: watch::Receiver<Option<Result<Vote, String>>>,
    },
}

struct Transfer {
    number: u64,
    offer: Offer,
    manifest: ManifestParts,
    /// By their place in the offer.
    files: HashMap<usize, Part>,
    inbox: Inbox,
}

struct Part {
    path: PathBuf,
    bytes: u64,
    /// Until all of it has come.
    file: Option<Box<dyn DiskFile>>,
    /// The offsets of the pieces that came: one may come twice.
    pieces: HashSet<u64>,
    received: u64,
    /// Made durable while the next file comes.
    synced: Option<JoinHandle<io::Result<()>>>,
}

impl Part {
    fn new(path: PathBuf, bytes: u64, file: Box<dyn DiskFile>) -> Self {
        Self { path, bytes, file: Some(file), pieces: HashSet::new(), received: 0, synced: None }
    }

    fn put(&mut self, offset: u64, content: &[u8]) -> Result<(), String> {
        let end = offset.checked_add(content.len() as u64).filter(|end| *end <= self.bytes);
        end.ok_or("a piece lies beyond the file's end")?;
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_at(offset, content).map_err(|error| format!("write a piece of a snapshot: {error}"))?;
        if self.pieces.insert(offset) {
            self.received += content.len() as u64;
        }
        if self.received == self.bytes {
            self.sync();
        }
        Ok(())
    }

    /// Begins to make it durable, unless that has begun.
    fn sync(&mut self) {
        if let Some(mut file) = self.file.take() {
            self.synced = Some(tokio::task::spawn_blocking(move || file.sync()));
        }
    }

    /// Ends when it is durable.
    async fn end(&mut self) -> Result<(), String> {
        if self.received != self.bytes {
            return Err(format!("a file has {} bytes, and {} of them came", self.bytes, self.received));
        }
        self.sync();
        let Some(synced) = self.synced.take() else { return Ok(()) };
        let synced = synced.await.map_err(|error| error.to_string())?;
        synced.map_err(|error| format!("sync a file of a snapshot: {error}"))
    }
}

impl Receiving {
    pub(crate) fn new(machine: Arc<dyn Machine>, inbox: Inbox, patience: Patience) -> Self {
        Self { machine, inbox, patience, current: Mutex::default(), next: AtomicU64::new(1) }
    }

    pub(crate) async fn offer(&self, offer: Offer) -> Result<Wanted, String> {
        refuse_another(self.current.lock().await.as_ref())?;
        let manifest = ManifestParts::new(offer.manifest)?;
        // In the order in which they come: one that waits here for long must not take the place of a later one.
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // They need not stay until all has come: who sends it begins anew then.
        let held = self.machine.hold().await?.signatures;
        let mut files = HashMap::new();
        for (at, file) in offer.files.iter().enumerate() {
            // Of two equal files only one can be taken from what is here.
            let is_first = offer.files.iter().take(at).all(|other| other.signature != file.signature);
            if is_first && held.iter().any(|held| held[..] == file.signature[..]) {
                continue;
            }
            let path = self.inbox.path();
            let opened =
                self.inbox.disk().open(&path, Open::Create).map_err(|error| format!("make a file for a snapshot: {error}"))?;
            files.insert(at, Part::new(path, file.bytes, opened));
        }
        let mut wanted: Vec<usize> = files.keys().copied().collect();
        wanted.sort_unstable();
        let transfer = Transfer { number, offer, manifest, files, inbox: self.inbox.clone() };
        let mut current = self.current.lock().await;
        refuse_another(current.as_ref())?;
        if current.as_ref().is_some_and(|stage| stage.number() > number) {
            return Err("another snapshot has begun to come".into());
        }
        *current = Some(Stage::Receiving(Box::new(transfer)));
        Ok(Wanted { transfer: number, files: wanted })
    }

    pub(crate) async fn piece(&self, piece: Piece) -> Result<(), String> {
        let mut current = self.current.lock().await;
        let Some(Stage::Receiving(transfer)) = current.as_mut().filter(|stage| stage.is(piece.transfer)) else {
            return Err("another snapshot has begun to come".into());
        };
        let Some(file) = piece.file else { return transfer.manifest.put(piece.offset, piece.content) };
        let part = transfer.files.get_mut(&file).ok_or("this file was not asked for")?;
        part.put(piece.offset, &piece.content)
    }

    /// All has come. It may be asked again, as the answer may be lost.
    pub(crate) async fn end(self: Arc<Self>, raft: &Raft, end: End) -> Result<SnapshotResponse<u64>, String> {
        let mut ended = {
            let mut current = self.current.lock().await;
            match current.take_if(|stage| stage.is(end.transfer)) {
                None => return Err("another snapshot has begun to come".into()),
                Some(Stage::Receiving(transfer)) => {
                    let (tell, ended) = watch::channel(None);
                    *current = Some(Stage::Ending { number: transfer.number, ended: ended.clone() });
                    let (receiving, raft) = (Arc::clone(&self), raft.clone());
                    tokio::spawn(async move { tell.send_replace(Some(receiving.put_in_place(&raft, transfer).await)) });
                    ended
                }
                Some(Stage::Ending { number, ended }) => {
                    *current = Some(Stage::Ending { number, ended: ended.clone() });
                    ended
                }
            }
        };
        let outcome = ended.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or_else(|| Err("the replica is stopped".into())).map(SnapshotResponse::new)
    }

    async fn put_in_place(&self, raft: &Raft, mut transfer: Box<Transfer>) -> Result<Vote, String> {
        for part in transfer.files.values_mut() {
            part.end().await?;
        }
        let manifest = transfer.manifest.whole()?;
        // They stay until it is in place: a replica whose consensus is refused a snapshot has failed.
        let held = self.machine.hold().await?;
        let is_here = |at: &usize| held.signatures.iter().any(|held| held[..] == transfer.offer.files[*at].signature[..]);
        if !(0..transfer.offer.files.len()).all(|at| transfer.files.contains_key(&at) || is_here(&at)) {
            return Err("a file that was here has gone meanwhile".into());
        }
        let files = transfer.offer.files.iter().enumerate().map(|(at, file)| {
            let signature = file.signature[..].try_into().map_err(|_| "a signature has 16 bytes")?;
            Ok(IncomingFile { signature, received: transfer.files.get(&at).map(|part| part.path.clone()) })
        });
        let files = files.collect::<Result<Vec<_>, &str>>()?;
        let incoming = Incoming { manifest, files, held };
        let snapshot = Snapshot { meta: transfer.offer.meta.clone(), snapshot: Box::new(SnapshotFiles::Incoming(incoming)) };
        // Until it is in place openraft answers nobody, and asks nobody for a vote.
        let _hold = self.patience.hold();
        let installed = raft.install_full_snapshot(transfer.offer.vote, snapshot).await;
        installed.map(|response| response.vote).map_err(|error| error.to_string())
    }
}

/// While one is put in place, which may take hours where the disk is full, another would be answered as if it were in place already.
fn refuse_another(current: Option<&Stage>) -> Result<(), String> {
    match current {
        // Whoever ends without an answer is closed.
        Some(Stage::Ending { ended, .. }) if ended.borrow().is_none() && ended.has_changed().is_ok() => {
            Err("a snapshot that came before is being put in place".into())
        }
        _ => Ok(()),
    }
}

impl Stage {
    fn number(&self) -> u64 {
        match self {
            Self::Receiving(transfer) => transfer.number,
            Self::Ending { number, .. } => *number,
        }
    }

    fn is(&self, number: u64) -> bool {
        self.number() == number
    }
}

impl Drop for Transfer {
    /// What was installed has another name by now; the rest is nobody's.
    fn drop(&mut self) {
        for part in self.files.values() {
            // Swept at the next start if it stays.
            let _ = self.inbox.disk().remove(&part.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_other_snapshot_comes_while_one_is_put_in_place() {
        let (tell, ended) = watch::channel(None);
        let ending = Stage::Ending { number: 1, ended: ended.clone() };
        assert!(refuse_another(Some(&ending)).is_err());
        tell.send_replace(Some(Err("the disk failed".into())));
        assert_eq!((refuse_another(Some(&ending)), refuse_another(None)), (Ok(()), Ok(())));
        // Whoever puts it in place was ended.
        let (tell, ended) = watch::channel(None);
        drop(tell);
        assert_eq!(refuse_another(Some(&Stage::Ending { number: 2, ended })), Ok(()));
    }
}
