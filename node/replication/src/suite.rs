//! Openraft's own suite for logs and state machines, run against ours: a store on real files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use openraft::testing::{StoreBuilder, Suite};
use sutra_disk::RealDisk;
use sutra_protocol::command::LogIndex;
use sutra_storage::{
    Checkpoint, Committed, Consensus, Cut, Directory, Fate, HeldSegments, Incoming, NotTaken, Placement, Progress, Proposal,
    Store, StoreConfig, blank_entry,
};
use sutra_wal::{GroupId, LogPoint};

use crate::calm::Calm;
use crate::group::GroupSetup;
use crate::held::Held;
use crate::log_store::LogStore;
use crate::machine::{Doing, Driven, Inbox, Machine};
use crate::syncer::Syncer;
use crate::types::{ReplicaId, StorageError, TypeConfig};

/// The suite proposes nothing.
struct Silent;

impl Consensus for Silent {
    fn propose(&self, _: Vec<u8>, proposal: Proposal) {
        proposal.resolve(Fate::Refused);
    }

    fn checkpointed(&self, _: LogIndex) {}

    fn cut(&self, _: LogIndex, cut: Cut) {
        cut.resolve(Err("nobody cuts it".into()));
    }
}

/// A store with two licences that Raft never takes and the suite does. It applies entries with gaps between them: here what is missing
/// was empty, where the store itself would end. And it builds a snapshot of whatever is applied: here a checkpoint follows whatever is
/// applied after the first, where ours are as of the newest that the store has made for its own reasons.
struct Lenient(Store);

impl Machine for Lenient {
    fn progress(&self) -> Progress {
        self.0.progress()
    }

    fn apply(&self, entries: Vec<Committed>) -> Doing<'_, Vec<Vec<u8>>, NotTaken<Vec<Committed>>> {
        Box::pin(async move {
            let answers = vec![Vec::new(); entries.len()];
            let mut next =
                self.0.progress().applied.map(|applied| applied.index.0 + 1).or(entries.first().map(|_| 0)).unwrap_or(0);
            let mut whole = Vec::new();
            for entry in entries {
                for missing in next..entry.point.index.0 {
                    whole.push(Committed { point: LogPoint { index: LogIndex(missing), ..entry.point }, payload: blank_entry() });
                }
                next = entry.point.index.0 + 1;
                whole.push(entry);
            }
            self.0.apply(whole).await.map_err(NotTaken::for_good)?;
            if self.0.newest_checkpoint().await.map_err(|error| NotTaken::for_good(error.reason))?.is_some() {
                Machine::checkpoint(&self.0).await.map_err(NotTaken::for_good)?;
            }
            Ok(answers)
        })
    }

    fn newest_checkpoint(&self) -> Doing<'_, Option<Checkpoint>> {
        Machine::newest_checkpoint(&self.0)
    }

    fn point_of(&self, manifest: &[u8]) -> Result<LogPoint, String> {
        self.0.point_of(manifest)
    }

    fn checkpoint(&self) -> Doing<'_, ()> {
        Machine::checkpoint(&self.0)
    }

    fn hold(&self) -> Doing<'_, HeldSegments> {
        Machine::hold(&self.0)
    }

    fn install(&self, incoming: Incoming) -> Doing<'_, (), NotTaken<Incoming>> {
        Machine::install(&self.0, incoming)
    }
}

struct Builder {
    /// Directories lie in it, one for each check.
    folder: tempfile::TempDir,
    next: AtomicU64,
}

impl StoreBuilder<TypeConfig, LogStore, Driven, Store> for Builder {
    async fn build(&self) -> Result<(Store, LogStore, Driven), StorageError> {
        let config = StoreConfig::at(self.folder.path().join(self.next.fetch_add(1, Ordering::Relaxed).to_string()));
        let directory = Directory::open(&config, "grid-of-the-suite").unwrap();
        let store = Store::replica(&directory, &Placement::ALONE, config, Arc::new(Silent)).unwrap();
        let (syncer, _) = Syncer::start(directory.log().clone(), |reason| panic!("{reason}")).unwrap();
        let closing = Arc::new(AtomicBool::new(false));
        let setup = GroupSetup { group: GroupId::FIRST_SHARD, replica: ReplicaId(1) };
        // The suite purges what no checkpoint holds.
        let held = Held::new(Some(LogIndex(u64::MAX)));
        let log = LogStore::new(directory.log().clone(), setup, syncer, Arc::clone(&closing), held.clone(), Calm::default());
        let inbox = Inbox::open(Arc::new(RealDisk), directory.path().join("incoming")).unwrap();
        let machine = Driven::new(Arc::new(Lenient(store.clone())), inbox, held, closing);
        Ok((store, log, machine))
    }
}

type Checks = Suite<TypeConfig, LogStore, Driven, Builder, Store>;

/// Runs checks of the suite, each with a log and a machine of its own.
macro_rules! run {
    ($($check:ident)*) => {
        let builder = Builder { folder: tempfile::tempdir().unwrap(), next: AtomicU64::new(0) };
        $({
            // In a runtime of its own, so that what it leaves unfinished disturbs no other.
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let checked = runtime.block_on(async {
                let (_store, log, machine) = builder.build().await?;
                Checks::$check(log, machine).await
            });
            checked.unwrap_or_else(|error| panic!("{}: {error}", stringify!($check)));
        })*
        tokio::runtime::Runtime::new().unwrap().block_on(Checks::transfer_snapshot(&builder)).unwrap();
    };
}

#[test]
fn the_log_and_the_machine_do_what_openraft_asks_of_them() {
    // All of `Suite::test_all` but three. get_initial_state_membership_from_log_and_sm appends an entry in a place that is purged, which
    // our log refuses and openraft never does; the get_membership_ checks ask the same. get_initial_state_log_ids purges a log whose
    // machine holds nothing and then wants a snapshot of it: such a replica has lost entries, and does not open. apply_single has an
    // empty first entry, where Raft's says who founds the group; apply_multiple goes on from there to one that does.
    run! {
        last_membership_in_log_initial last_membership_in_log last_membership_in_log_multi_step
        get_membership_initial get_membership_from_log_and_empty_sm get_membership_from_empty_log_and_sm
        get_membership_from_log_le_sm_last_applied get_membership_from_log_gt_sm_last_applied_1
        get_membership_from_log_gt_sm_last_applied_2
        get_initial_state_without_init get_initial_state_with_state get_initial_state_last_log_gt_sm
        get_initial_state_last_log_lt_sm get_initial_state_re_apply_committed
        save_vote get_log_entries limited_get_log_entries try_get_log_entry initial_logs get_log_state get_log_id
        last_id_in_log last_applied_state
        purge_logs_upto_0 purge_logs_upto_5 purge_logs_upto_20 delete_logs_since_11 delete_logs_since_0 append_to_log
        snapshot_meta apply_multiple
    }
}
