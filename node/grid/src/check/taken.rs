//! The digests that a node was asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sutra_storage::{DIGEST_VERSION, Digest, DigestError};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::hosted::HostedShard;
use crate::messages::{Digested, Marking};

/// How long a digest is kept, or worked on, that nobody asks for.
const KEPT: Duration = Duration::from_secs(120);
/// Most that are taken at once: a state that is pinned keeps what was replaced since.
const MOST: usize = 8;

/// Digests by shard and mark. Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Taken(Arc<Mutex<HashMap<(u64, u64), One>>>);

struct One {
    taking: JoinHandle<()>,
    asked: Instant,
    digest: Arc<Mutex<Option<Result<Digest, DigestError>>>>,
}

impl Drop for One {
    fn drop(&mut self) {
        self.taking.abort();
    }
}

impl Taken {
    /// Takes a digest of a replica once it comes to the mark.
    ///
    /// # Errors
    /// A sentence for the asker.
    pub(crate) fn begin(&self, shard: &HostedShard, marking: Marking) -> Result<(), String> {
        if marking.version != DIGEST_VERSION {
            return Err(format!(
                "digests of version {} are asked for, and this node has version {DIGEST_VERSION}",
                marking.version
            ));
        }
        let mut all = lock(&self.0);
        let now = Instant::now();
        all.retain(|_, one| one.asked + KEPT > now);
        let at_work = all.values().filter(|one| !one.taking.is_finished()).count();
        if at_work >= MOST {
            return Err(format!("{MOST} digests are being taken here, and no more at once"));
        }
        let coming = shard.store().digest_at(marking.mark);
        let digest = Arc::new(Mutex::new(None));
        let place = Arc::clone(&digest);
        let taking = tokio::spawn(async move {
            let taken = coming.await;
            *lock(&place) = Some(taken);
        });
        all.insert((shard.id().0, marking.mark), One { taking, asked: now, digest });
        Ok(())
    }

    /// What came of it.
    pub(crate) fn ask(&self, shard: u64, mark: u64) -> Digested {
        let mut all = lock(&self.0);
        let Some(one) = all.get_mut(&(shard, mark)) else { return Digested::Unmarked };
        one.asked = Instant::now();
        let taken = lock(&one.digest).clone();
        match taken {
            None => Digested::NotYet,
            Some(Ok(digest)) => Digested::Digest(digest),
            Some(Err(DigestError::Damaged(what))) => Digested::Damaged(what),
            Some(Err(DigestError::Unmarked)) => Digested::Unmarked,
            Some(Err(DigestError::Thread(why))) => Digested::Failed(why),
        }
    }

    /// Nobody asks for it any more.
    pub(crate) fn forget(&self, shard: u64, mark: u64) {
        lock(&self.0).remove(&(shard, mark));
    }
}

/// No code panics while it holds the lock.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
