//! Digests as of a mark: an entry of the log without commands, told apart by its number. Every replica that was asked before pins its
//! state when it has applied that entry, so that all of them are asked about the same one, however much is written meanwhile.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use sutra_segment::Damage;
use tokio::sync::oneshot;

use super::{Digest, survey};
use crate::control::Control;
use crate::entry::{self, Label};
use crate::memory::State;
use crate::store::Store;

/// How long the thread works before it rests as long: half of one processor is the most that a check takes, at the lowest priority.
const TURN: Duration = Duration::from_millis(5);
/// How many rows, or blocks, pass between two looks at the clock.
const LOOKED: u32 = 16;

/// Why there is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// The mark was not applied here, one entry after the other: a checkpoint of another replica was, or the store is closed.
    #[error("the mark was not applied here")]
    Unmarked,
    /// A file is damaged.
    #[error("{0}")]
    Damaged(String),
    /// There is no thread for it.
    #[error("start a thread that takes the digest: {0}")]
    Thread(String),
}

/// The payload of an entry that changes nothing, and is found again by `mark`.
///
/// # Errors
/// It can't be encoded.
pub fn mark_entry(mark: u64) -> Result<Vec<u8>, String> {
    let mut payload = Vec::new();
    entry::pack(Label::Proposal(mark), 0, std::iter::empty(), &mut payload).map_err(|error| error.to_string())?;
    Ok(payload)
}

impl Store {
    /// The digest of what the store knows once the entry of `mark` is applied, which must not have been proposed before this returns;
    /// and that its segments are what their checksums say, to the last byte. It takes as long as there is to read, on a thread of low
    /// priority; dropping the future ends that.
    pub fn digest_at(&self, mark: u64) -> impl Future<Output = Result<Digest, DigestError>> + Send + 'static + use<> {
        let (reply, marked) = oneshot::channel();
        self.shared().write_log.control(Control::Mark { mark, reply });
        async move {
            let state = marked.await.map_err(|_| DigestError::Unmarked)?;
            taken(*state).await
        }
    }

    /// What reading has found damaged of its segments.
    pub fn damage(&self) -> Option<String> {
        self.shared().state.load().damage().map(ToString::to_string)
    }
}

/// The digest of a state, and that its files are sound.
async fn taken(state: State) -> Result<Digest, DigestError> {
    // Held as long as somebody waits.
    let (_waits, gone) = channel::<()>();
    let (reply, digest) = oneshot::channel();
    let thread = std::thread::Builder::new().name("digest".into()).spawn(move || {
        crate::keeper::step_back();
        // Whoever waited may have gone away.
        let _ = reply.send(take(&state, &gone));
    });
    thread.map_err(|error| DigestError::Thread(error.to_string()))?;
    digest.await.unwrap_or(Err(DigestError::Unmarked))
}

fn take(state: &State, gone: &Receiver<()>) -> Result<Digest, DigestError> {
    let mut pause = pacer(gone);
    let parts = state.namespaces.values().flat_map(|graph| graph.parts.iter());
    let files: BTreeMap<u64, _> = parts.map(|part| (part.segment_id(), Arc::clone(part.segment()))).collect();
    for file in files.values() {
        for block in 0..file.blocks() {
            if !file.recheck(block) {
                break;
            }
            if pause().is_break() {
                return Err(DigestError::Unmarked);
            }
        }
    }
    let digest = survey::digest(state, &mut pause);
    let damaged = |damage: &Damage| DigestError::Damaged(damage.to_string());
    // A row that could not be read has told nothing.
    match (state.damage(), digest) {
        (Some(damage), _) => Err(damaged(damage)),
        (None, digest) => digest.ok_or(DigestError::Unmarked),
    }
}

/// Rests every now and then, for as long as it was worked; breaks off when nobody waits any more.
fn pacer(gone: &Receiver<()>) -> impl FnMut() -> ControlFlow<()> {
    let (mut since, mut passed) = (Instant::now(), 0);
    move || {
        passed += 1;
        if passed % LOOKED != 0 || since.elapsed() < TURN {
            return ControlFlow::Continue(());
        }
        let rested = gone.recv_timeout(since.elapsed());
        since = Instant::now();
        match rested {
            Err(RecvTimeoutError::Disconnected) => ControlFlow::Break(()),
            Ok(()) | Err(RecvTimeoutError::Timeout) => ControlFlow::Continue(()),
        }
    }
}
