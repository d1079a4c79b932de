//! The hand-off of the group commit under a model checker: the crate's own source, with the checker's locks.

use std::io;

use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::sync::{Arc, Condvar, Mutex};
use shuttle::{check_pct, check_random, thread};

use crate::group_commit::{Failed, GroupCommit};

const WRITERS: u64 = 4;
const WRITES: u64 = 2;

/// A file that counts what is written and what is synced.
#[derive(Default)]
struct Ward {
    written: AtomicU64,
    synced: AtomicU64,
    /// What was written when each fsync began.
    syncs: Mutex<Vec<u64>>,
    under_way: AtomicU64,
    commit: GroupCommit,
}

impl Ward {
    /// Appends and syncs.
    fn write(&self, fails: impl Fn(usize) -> bool) -> Result<(), Failed<io::ErrorKind>> {
        let position = self.written.fetch_add(1, Ordering::SeqCst) + 1;
        let result = self.commit.wait(position, || {
            // One fsync serves all who wrote before it began: nobody makes another for what it has served.
            assert!(self.synced.load(Ordering::SeqCst) < position, "an fsync that {position} did not need");
            self.sync(&fails)
        });
        if result.is_ok() {
            assert!(self.synced.load(Ordering::SeqCst) >= position, "{position} was answered before it was durable");
        }
        result
    }

    fn sync(&self, fails: impl Fn(usize) -> bool) -> Result<u64, io::ErrorKind> {
        assert_eq!(self.under_way.fetch_add(1, Ordering::SeqCst), 0, "two fsyncs at once");
        let reached = self.written.load(Ordering::SeqCst);
        let nth = {
            let mut syncs = self.syncs.lock().unwrap();
            syncs.push(reached);
            syncs.len()
        };
        thread::yield_now();
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        if fails(nth) {
            return Err(io::ErrorKind::Other);
        }
        self.synced.fetch_max(reached, Ordering::SeqCst);
        Ok(reached)
    }
}

fn all_are_served() {
    let ward = Arc::new(Ward::default());
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let ward = Arc::clone(&ward);
            thread::spawn(move || (0..WRITES).for_each(|_| ward.write(|_| false).unwrap()))
        })
        .collect();
    // A writer that waited for ever would be a deadlock, which the checker reports.
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    assert!(ward.syncs.lock().unwrap().len() as u64 <= WRITERS * WRITES);
    assert_eq!(ward.synced.load(Ordering::SeqCst), WRITERS * WRITES);
}

/// The second fsync fails: whoever is answered well was served by the first, and everybody else is told.
fn a_failure_reaches_all() {
    let ward = Arc::new(Ward::default());
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let ward = Arc::clone(&ward);
            thread::spawn(move || (0..WRITES).map(|_| ward.write(|nth| nth >= 2)).collect::<Vec<_>>())
        })
        .collect();
    let answers: Vec<_> = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
    let served = ward.synced.load(Ordering::SeqCst);
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count() as u64, served);
    let syncs = ward.syncs.lock().unwrap().len();
    assert!(syncs <= 2, "after the failure nobody tries again: {syncs}");
    let here = answers.iter().filter(|answer| matches!(answer, Err(Failed::Here(_)))).count();
    assert_eq!(here, syncs - 1, "who made the fsync that failed knows why");
}

/// Somebody else makes all durable, as beginning a new file does, while the only fsync never ends well.
fn what_others_make_durable_is_waited_for() {
    let ward = Arc::new(Ward::default());
    let (begun, end) = (Arc::new(Mutex::new(false)), Arc::new(Condvar::new()));
    let leads = {
        let (ward, begun, end) = (Arc::clone(&ward), Arc::clone(&begun), Arc::clone(&end));
        thread::spawn(move || {
            ward.commit.wait(1, || {
                let mut ended = begun.lock().unwrap();
                while !*ended {
                    ended = end.wait(ended).unwrap();
                }
                Err::<u64, _>(io::ErrorKind::Other)
            })
        })
    };
    // Both may find the first's fsync under way; neither may wait for its end.
    let waits: Vec<_> = (0..2)
        .map(|_| {
            let ward = Arc::clone(&ward);
            thread::spawn(move || ward.commit.wait(2, || Ok::<u64, ()>(2)).unwrap())
        })
        .collect();
    ward.commit.raise(2);
    waits.into_iter().for_each(|waiter| waiter.join().unwrap());
    *begun.lock().unwrap() = true;
    end.notify_all();
    assert!(matches!(leads.join().unwrap(), Ok(()) | Err(Failed::Here(_))));
}

/// Somebody finds that nothing becomes durable any more, while the only fsync never ends well.
fn a_failure_elsewhere_is_heard() {
    let commit = Arc::new(GroupCommit::default());
    let waiter = Arc::clone(&commit);
    let waiter = thread::spawn(move || waiter.wait(1, || Err::<u64, ()>(())));
    commit.fail();
    assert!(waiter.join().unwrap().is_err());
    assert_eq!(commit.wait(9, || Ok::<u64, ()>(9)), Err(Failed::Elsewhere));
}

#[test]
fn nobody_is_answered_early_and_nobody_waits_for_ever() {
    check_random(all_are_served, 4_000);
    check_pct(all_are_served, 4_000, 3);
}

#[test]
fn a_failed_fsync_reaches_everybody_it_was_for() {
    check_random(a_failure_reaches_all, 4_000);
    check_pct(a_failure_reaches_all, 4_000, 3);
}

#[test]
fn what_became_durable_by_other_means_counts() {
    check_random(what_others_make_durable_is_waited_for, 4_000);
    check_pct(what_others_make_durable_is_waited_for, 4_000, 3);
    check_random(a_failure_elsewhere_is_heard, 1_000);
}

#[test]
fn a_panic_of_who_fsyncs_is_a_failure_to_those_who_wait() {
    // Without the checker, which reports every panic: the locks work outside of it too.
    check_random(
        || {
            let commit = Arc::new(GroupCommit::default());
            let other = Arc::clone(&commit);
            let leader = std::panic::AssertUnwindSafe(move || {
                let _ = other.wait(1, || -> Result<u64, ()> { std::panic::resume_unwind(Box::new("the disk's driver")) });
            });
            assert!(std::panic::catch_unwind(leader).is_err());
            assert_eq!(commit.wait(1, || Ok::<u64, ()>(1)), Err(Failed::Elsewhere));
        },
        10,
    );
}
