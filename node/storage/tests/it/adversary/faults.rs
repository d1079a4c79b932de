//! Histories on a disk that fails: the store refuses with a reason and goes on, or says that it ended; it never lies.

use sutra_disk::{DiskCall, Failure, Fault, When};

use super::budget::each_seed;
use super::trial::Trial;

#[test]
fn a_failing_disk_is_told_and_nothing_acknowledged_is_lost() {
    let mut ended = 0;
    let mut refused = 0;
    each_seed("faults", 1.0, |seed| {
        let mut trial = Trial::new(seed);
        for _ in 0..4 {
            for _ in 0..1 + trial.random.below(3) {
                let fault = fault(&mut trial);
                trial.disk.fault(fault);
            }
            for _ in 0..25 {
                if trial.is_over() {
                    ended += 1;
                    break;
                }
                match trial.random.below(16) {
                    0..=2 => trial.try_keep(),
                    3 => trial.look_back(),
                    _ => trial.try_write(3),
                }
            }
            refused += trial.refused.len();
            trial.disk.heal();
            // The disk is well again. Without a failure the store must be too; else it is opened again, with or without a crash.
            if !trial.is_over() && trial.random.one_in(3) {
                trial.settle();
                // The keeper may have met a fault, and be about to say that this is the end.
                trial.try_write(2);
                continue;
            }
            if trial.random.one_in(2) {
                trial.crash();
                trial.recover();
            } else {
                trial.close();
                trial.open();
                trial.settle();
            }
        }
        trial.close();
    });
    eprintln!("faults: the store ended {ended} times, and refused {refused} commands");
}

fn fault(trial: &mut Trial) -> Fault {
    let calls: Vec<DiskCall> = DiskCall::ALL.into();
    let call = *trial.random.pick(&calls).unwrap();
    let failures = [Failure::Io, Failure::Full, Failure::Torn, Failure::Lost, Failure::Late];
    let failure = failures[trial.random.index(failures.len())];
    let when = match trial.random.below(3) {
        0 => When::Nth(1 + trial.random.below(20)),
        1 => When::From(1 + trial.random.below(20)),
        _ => When::OneIn(2 + trial.random.below(10)),
    };
    Fault::new(call, failure, when)
}

#[test]
fn a_store_under_faults_opens_or_says_why_and_opens_when_they_are_gone() {
    each_seed("faults while opening", 0.5, |seed| {
        let mut trial = Trial::new(seed);
        for _ in 0..8 {
            trial.write(3);
        }
        trial.checkpoint();
        trial.write(3);
        trial.close();
        for _ in 0..6 {
            let fault = fault(&mut trial);
            trial.disk.fault(fault);
            match trial.try_open() {
                Ok(()) => trial.settle(),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
            trial.close();
            trial.disk.heal();
        }
        trial.open();
        trial.settle();
        trial.close();
    });
}

#[test]
fn a_manifest_that_landed_although_its_writing_failed_keeps_its_segments() {
    each_seed("late manifests", 0.25, |seed| {
        let mut trial = Trial::new(seed);
        for _ in 0..2 {
            (0..4).for_each(|_| trial.write(3));
            trial.checkpoint();
        }
        // The rename happens, or it happens and only its directory's sync fails: either way the new manifest may be the one that is
        // found, and the store was told that it is not there.
        let late = if trial.random.one_in(2) {
            Fault::new(DiskCall::Rename, Failure::Late, When::Nth(1)).on("MANIFEST")
        } else {
            Fault::new(DiskCall::SyncDir, Failure::Io, When::Nth(2))
        };
        trial.disk.fault(late);
        trial.try_compact();
        (0..4).for_each(|_| trial.try_write(3));
        trial.disk.heal();
        // What is written next is written, but no manifest names it.
        trial.disk.fault(Fault::new(DiskCall::Rename, Failure::Io, When::From(1)).on("MANIFEST"));
        trial.try_checkpoint();
        trial.crash();
        trial.open();
        trial.settle();
        trial.close();
    });
}
