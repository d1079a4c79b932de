//! Checkpoints that are given to replicas in quarantine.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use sutra_replication::ReplicaId;
use sutra_storage::{Checkpoint, ManifestHead};
use tokio::time::Instant;

use crate::hosted::HostedShard;
use crate::messages::{Gift, GiftFile, Given, PieceOf, Wish, Wished};

/// How long files are kept open that nobody reads.
const KEPT: Duration = Duration::from_secs(60);
/// Most checkpoints that are given at once.
const MOST: usize = 8;
/// Most bytes of a piece.
pub(super) const PIECE_BYTES: u64 = 1 << 20;

/// What is being given. Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Giving(Arc<Mutex<BTreeMap<u64, One>>>);

struct One {
    to: ReplicaId,
    checkpoint: Arc<Checkpoint>,
    asked: Instant,
}

impl Giving {
    /// A new checkpoint of a replica, whose files stay until they are read, or nobody does; `None`: it does not lead, and whose leads was
    /// wished for, or it is not sound itself. One that the same replica was given before is let go: it begins anew.
    ///
    /// # Errors
    /// It can't be made now: a sentence.
    pub(crate) async fn begin(&self, shard: &HostedShard, wished: Wished) -> Result<Given, String> {
        let group = shard.group();
        let is_it = wished.wish == Wish::OfAny || group.status().leads_fully(group.timing().lease());
        if !is_it || shard.store().damage().is_some() {
            return Ok(None);
        }
        shard.store().checkpoint().await.map_err(|error| error.to_string())?;
        let Some(checkpoint) = shard.store().newest_checkpoint().await.map_err(|error| error.to_string())? else {
            return Ok(None);
        };
        let file = |file: &sutra_storage::CheckpointFile| GiftFile { bytes: file.bytes, signature: file.signature.to_vec() };
        let files = checkpoint.files.iter().map(file).collect();
        let number = uuid::Uuid::new_v4().as_u64_pair().0;
        let manifest = ManifestHead::of(&checkpoint.manifest);
        {
            let (mut all, now) = (self.lock(), Instant::now());
            all.retain(|_, one| one.to != wished.by && one.asked + KEPT > now);
            if all.len() >= MOST {
                return Err(format!("{MOST} checkpoints are being given, and no more at once"));
            }
            all.insert(number, One { to: wished.by, checkpoint: Arc::new(checkpoint), asked: now });
        }
        tokio::spawn(forget(Arc::downgrade(&self.0), number));
        Ok(Some(Gift { number, manifest, files }))
    }

    /// A piece of the manifest or of a file; empty at its end.
    ///
    /// # Errors
    /// There is no such file any more, or the disk's.
    pub(crate) async fn piece(&self, of: PieceOf) -> Result<Vec<u8>, String> {
        let checkpoint = {
            let mut all = self.lock();
            let one = all.get_mut(&of.number).ok_or("that checkpoint is not given any more")?;
            one.asked = Instant::now();
            Arc::clone(&one.checkpoint)
        };
        let length = |bytes: u64| usize::try_from(bytes.saturating_sub(of.offset).min(PIECE_BYTES)).unwrap_or_default();
        let Some(at) = of.file else {
            let manifest = &checkpoint.manifest;
            let from = usize::try_from(of.offset).unwrap_or(usize::MAX).min(manifest.len());
            return Ok(manifest[from..from + length(manifest.len() as u64)].to_vec());
        };
        let file = usize::try_from(at).ok().and_then(|at| checkpoint.files.get(at)).ok_or("there is no such file")?;
        let (content, mut piece) = (Arc::clone(&file.content), vec![0; length(file.bytes)]);
        let read = move || {
            let mut read = 0;
            while read < piece.len() {
                match content.read_at(of.offset + read as u64, &mut piece[read..])? {
                    0 => return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof)),
                    more => read += more,
                }
            }
            Ok(piece)
        };
        let read = tokio::task::spawn_blocking(read).await.map_err(|error| error.to_string())?;
        read.map_err(|error| format!("read a segment: {error}"))
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, One>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets go of the files of one once nobody has read them for a while. They go with the node, too.
async fn forget(giving: Weak<Mutex<BTreeMap<u64, One>>>, number: u64) {
    while let Some(giving) = giving.upgrade().map(Giving) {
        let Some(asked) = giving.lock().get(&number).map(|one| one.asked) else { return };
        if asked.elapsed() >= KEPT {
            giving.lock().remove(&number);
            return;
        }
        drop(giving);
        tokio::time::sleep_until(asked + KEPT).await;
    }
}
