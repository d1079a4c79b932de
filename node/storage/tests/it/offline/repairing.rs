//! Repairing what was damaged, and what is told of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sutra_disk::Disk;
use sutra_protocol::command::{LogIndex, Operation};
use sutra_protocol::{AsOf, ConceptId, Ground, Knowledge};
use sutra_storage::offline::{self, Change, OfflineError, Repaired};
use sutra_storage::{SHARD, Store};

use super::archive::{Archive, Contents, DIR, archive, command, config, learn, namespaces, read, runtime, ward};

fn repair(archive: &Archive, accept: bool) -> Repaired {
    offline::repair(archive.disk(), Path::new(DIR), accept).unwrap()
}

fn contents(archive: &Archive) -> Contents {
    read(&offline::open_read_only(archive.disk(), Path::new(DIR)).unwrap())
}

/// Asks what a repair would do, has it done, and compares the two; the store is whole afterwards and takes writes.
fn repaired(archive: &Archive) -> Repaired {
    let before = (archive.bytes(), archive.disk.mutations());
    let planned = repair(archive, false);
    assert_eq!((archive.bytes(), archive.disk.mutations()), before, "nothing was accepted");
    assert!(!planned.done && planned.kept.is_none());
    let done = repair(archive, true);
    assert_eq!(done.changes, planned.changes, "what was told is what is done");
    assert!(done.done);
    let report = archive.verify();
    assert!(report.is_whole(), "after {:?}: {:?}", done.changes, report.faults().collect::<Vec<_>>());
    let bytes = archive.bytes();
    assert_eq!(repair(archive, true), Repaired::default(), "a second time there is nothing to do");
    assert_eq!(archive.bytes(), bytes);
    done
}

#[test]
fn a_replica_of_a_grid_is_not_repaired() {
    let archive = archive(1);
    let file = Path::new(DIR).join(sutra_storage::GRID_FILE);
    sutra_disk::replace(archive.disk().as_ref(), &file, b"{}").unwrap();
    let before = (archive.bytes(), archive.disk.mutations());
    let refused = offline::repair(archive.disk(), Path::new(DIR), true).unwrap_err();
    assert!(matches!(refused, OfflineError::Replica { .. }) && refused.to_string().contains("replace-node"), "{refused}");
    assert_eq!((archive.bytes(), archive.disk.mutations()), before);
}

/// Opens what was repaired, asks it and writes to it.
fn lives_on(archive: &Archive) -> Contents {
    let now = contents(archive);
    let store = Store::open(config(&archive.disk)).unwrap();
    runtime().block_on(async {
        let told = store.namespaces();
        for (name, right) in &now {
            let view = store.view(name, AsOf { valid_at: None, known_at: None }).unwrap();
            assert_eq!(ward(&told, name, &view), *right);
        }
        store.submit(learn(&namespaces()[0], "lisinopril", "hypertension")).await.unwrap();
        store.compact().await.unwrap();
        let view = store.view(&namespaces()[0], AsOf { valid_at: None, known_at: None }).unwrap();
        assert!(view.concept(ConceptId::derive(&namespaces()[0], "lisinopril", None)).is_some());
        assert_eq!(store.failure(), None);
        store.close().await;
    });
    now
}

/// What is left is what was there without what the repair has told, to the last association, and the numbers are right.
fn is_exact(before: &Contents, now: &Contents, changes: &[Change]) {
    let losses = changes.iter().flat_map(|change| match change {
        Change::SegmentRewritten { losses, .. } => losses.clone(),
        _ => Vec::new(),
    });
    let losses: Vec<_> = losses.collect();
    let blind = losses.iter().any(|loss| loss.unknown_concepts + loss.unknown_associations > 0)
        || changes.iter().any(|change| matches!(change, Change::SegmentDropped { .. }));
    for (name, right) in before {
        let of = losses.iter().filter(|loss| loss.namespace == *name);
        let lost: BTreeSet<ConceptId> = of.clone().flat_map(|loss| loss.concepts.clone()).collect();
        let keys: Vec<_> = of.flat_map(|loss| loss.associations.clone()).collect();
        let left = &now[name];
        assert_eq!(left.view.concepts, left.concepts.len() as u64, "{changes:?}");
        assert_eq!(left.view.associations, left.associations.len() as u64, "{changes:?}");
        let mut expected = right.clone();
        expected.concepts.retain(|id, _| !lost.contains(id));
        expected.associations.retain(|one| {
            let rests_on_lost =
                one.evidence.iter().any(|piece| matches!(piece.ground, Ground::Statement(id) if lost.contains(&id)));
            !keys.contains(&one.key) && !lost.contains(&one.key.source) && !lost.contains(&one.key.target) && !rests_on_lost
        });
        if !blind {
            assert_eq!(left.concepts, expected.concepts, "{changes:?}");
            assert_eq!(left.associations, expected.associations, "{changes:?}");
        }
        for id in &lost {
            assert!(!left.concepts.contains_key(id), "{id} is told as lost");
        }
    }
}

#[test]
fn what_is_sound_is_left_as_it_is() {
    let archive = archive(3);
    let before = archive.bytes();
    assert_eq!(repair(&archive, false), Repaired::default());
    assert_eq!(repair(&archive, true), Repaired::default());
    assert_eq!(archive.bytes(), before);
}

#[test]
fn of_a_segment_only_what_does_not_read_is_lost_and_told() {
    let archive = archive(3);
    let (mut lossless, mut exact, mut dropped) = (0, 0, 0);
    for file in archive.files("segments") {
        // The body begins behind a page.
        for place in (4_096..archive.size(&file)).step_by(2_999) {
            let copy = archive.copy();
            copy.flip(&file, place);
            let done = repaired(&copy);
            let told: Vec<String> = done.changes.iter().map(ToString::to_string).collect();
            assert!(told[0].contains(&*file.to_string_lossy()), "{told:?}");
            match &done.changes[..] {
                [Change::SegmentRewritten { losses, .. }] if losses.is_empty() => {
                    assert!(!done.loses());
                    lossless += 1;
                    let left = contents(&copy);
                    assert_eq!(left, archive.contents, "byte {place} of {file:?}");
                }
                [Change::SegmentRewritten { .. }] => {
                    assert!(done.loses());
                    exact += 1;
                    is_exact(&archive.contents, &contents(&copy), &done.changes);
                }
                [Change::SegmentDropped { namespaces, .. }] => {
                    assert!(done.loses() && !namespaces.is_empty());
                    dropped += 1;
                    is_exact(&archive.contents, &contents(&copy), &done.changes);
                }
                other => panic!("byte {place} of {file:?}: {other:?}"),
            }
            let kept = done.kept.unwrap().join(file.file_name().unwrap());
            let mut original = archive.bytes()[&file].clone();
            original[place as usize] ^= 0x20;
            assert_eq!(copy.bytes()[&kept], original, "the original is kept");
            if place % 5 == 0 {
                lives_on(&copy);
            }
        }
    }
    assert!(lossless > 0 && exact > 0 && dropped > 0, "{lossless} without loss, {exact} with, {dropped} dropped");
}

#[test]
fn an_older_version_of_a_lost_row_does_not_come_back() {
    let archive = archive(1);
    let ward = namespaces()[0].clone();
    let store = Store::open(config(&archive.disk)).unwrap();
    let view = store.view(&ward, AsOf { valid_at: None, known_at: None }).unwrap();
    let cases: Vec<_> = view.concepts(None, usize::MAX).into_iter().filter(|one| one.content.starts_with("Case ")).collect();
    runtime().block_on(async {
        for case in &cases {
            store.submit(command(&ward, Operation::Retract(case.id))).await.unwrap();
        }
        store.close().await;
    });
    let lost = cases.iter().find(|one| one.content.starts_with("Case 17:")).unwrap();
    let newest = archive.files("segments").pop().unwrap();
    archive.flip(&newest, archive.find(&newest, b"Case 17:"));
    let done = repaired(&archive);
    let [Change::SegmentRewritten { losses, .. }] = &done.changes[..] else { panic!("{:?}", done.changes) };
    assert!(losses[0].concepts.contains(&lost.id), "{losses:?}");
    let now = lives_on(&archive);
    assert!(cases.iter().all(|case| !now[&ward].concepts.contains_key(&case.id)), "what was retracted stays so");
}

#[test]
fn a_segment_that_is_gone_is_dropped_and_its_namespaces_are_told() {
    let archive = archive(3);
    let file = archive.files("segments")[1].clone();
    archive.remove(&file);
    let done = repaired(&archive);
    let [Change::SegmentDropped { file: told, namespaces: named, .. }] = &done.changes[..] else { panic!("{:?}", done.changes) };
    assert_eq!(*told, file);
    assert_eq!(named.iter().collect::<BTreeSet<_>>(), namespaces().iter().collect());
    let now = lives_on(&archive);
    let has = |ward: usize, content| {
        let namespace = &namespaces()[ward];
        now[namespace].concepts.contains_key(&ConceptId::derive(namespace, content, None))
    };
    assert!(!has(1, "Basel III") && !has(0, "paracetamol"));
    assert!(has(1, "GDPR, article 17") && has(0, "metformin") && has(1, "MiFID II"));
    assert!(has(0, "bleeding"), "its retraction was in the segment; the report warns of that");
    assert!(done.changes[0].to_string().contains("even retracted or erased ones"));
}

#[test]
fn a_log_is_cut_at_its_first_damage_and_what_goes_is_counted() {
    let mut cuts = 0;
    for checkpoints in [0, 1, 3] {
        let archive = archive(checkpoints);
        let store = archive.verify();
        let all = store.applied[&SHARD];
        for file in archive.files("wal").into_iter().step_by(6) {
            // Behind the last frame there is only room.
            let frames = archive.disk.read(&file).unwrap().iter().rposition(|byte| *byte != 0).unwrap() as u64;
            for place in [0, frames / 2, frames] {
                let copy = archive.copy();
                copy.flip(&file, place);
                let done = repaired(&copy);
                let Some(Change::LogCut { file: told, offset, entries, last, files, .. }) = done.changes.first() else {
                    panic!("{:?}", done.changes)
                };
                assert_eq!(*told, file);
                assert!(*offset <= place);
                let snapshot = offline::open_read_only(copy.disk(), Path::new(DIR)).unwrap();
                let lost = all.0 - snapshot.applied().0;
                // What stands at the damaged place itself may be an entry or not.
                assert!(lost == *entries || lost == entries + 1, "{lost} lost, {:?}", done.changes);
                assert!(last.is_none_or(|last| last == all), "{:?}", done.changes);
                assert!(files.iter().all(|later| *later > file));
                let left = read(&snapshot);
                for (name, ward) in &left {
                    let right = &archive.contents[name];
                    assert!(ward.concepts.len() <= right.concepts.len() + 1, "but for a retraction, nothing comes back");
                }
                drop(snapshot);
                if place % 2 == 0 {
                    lives_on(&copy);
                }
                cuts += 1;
            }
        }
    }
    assert!(cuts > 10, "{cuts} cuts");
}

#[test]
fn a_log_that_is_gone_or_too_short_is_begun_behind_the_segments() {
    let archive = archive(2);
    let logs = archive.files("wal");
    logs.iter().for_each(|log| archive.remove(log));
    let done = repaired(&archive);
    let [Change::LogCut { entries: 0, last: None, .. }] = &done.changes[..] else { panic!("{:?}", done.changes) };
    let now = lives_on(&archive);
    assert!(now[&namespaces()[1]].concepts.contains_key(&ConceptId::derive(&namespaces()[1], "Basel III", None)));

    let archive = super::archive::archive(2);
    archive.files("wal").iter().for_each(|log| archive.remove(log));
    archive.remove(&Path::new(DIR).join("DURABLE"));
    let done = repaired(&archive);
    assert!(matches!(done.changes[..], [Change::LogBegun { after: LogIndex(48) }]), "{:?}", done.changes);
    assert!(!done.loses());
    lives_on(&archive);
}

#[test]
fn a_log_that_begins_behind_the_segments_is_dropped_whole() {
    let archive = archive(2);
    let manifest = Path::new(DIR).join("MANIFEST");
    let before = archive.bytes()[&manifest].clone();
    let store = Store::open(config(&archive.disk)).unwrap();
    runtime().block_on(async {
        store.checkpoint().await.unwrap();
        store.submit(learn(&namespaces()[0], "lisinopril", "hypertension")).await.unwrap();
        store.flush().await.unwrap();
    });
    let archive = Archive { disk: archive.disk.snapshot().disk(1), contents: archive.contents.clone() };
    sutra_disk::replace(&archive.disk, &manifest, &before).unwrap();
    let done = repaired(&archive);
    let Some(Change::LogCut { offset: 0, last: Some(LogIndex(53)), reason, .. }) = done.changes.first() else {
        panic!("{:?}", done.changes)
    };
    assert!(reason.contains("begins behind entry 52"), "{reason}");
    assert!(!lives_on(&archive)[&namespaces()[1]].concepts.contains_key(&ConceptId::derive(&namespaces()[1], "MiFID II", None)));
}

#[test]
fn how_far_the_log_must_reach_can_be_forgotten() {
    let archive = archive(2);
    archive.flip(&Path::new(DIR).join("DURABLE"), 12);
    let done = repaired(&archive);
    assert!(matches!(&done.changes[..], [Change::ReachForgotten { .. }]) && done.loses(), "{:?}", done.changes);
    assert_eq!(lives_on(&archive), archive.contents);
}

#[test]
fn a_lost_identity_is_that_of_the_manifest() {
    let sound = archive(2);
    let file = Path::new(DIR).join("IDENTITY");
    let original = sound.bytes()[&file].clone();
    for damage in [|archive: &Archive, file: &Path| archive.flip(file, 0), |archive: &Archive, file: &Path| archive.remove(file)]
    {
        let archive = sound.copy();
        damage(&archive, &file);
        let done = repaired(&archive);
        assert!(matches!(&done.changes[..], [Change::IdentityRestored { .. }]) && !done.loses(), "{:?}", done.changes);
        assert_eq!(archive.bytes()[&file], original);
        assert_eq!(lives_on(&archive), archive.contents);
    }
}

#[test]
fn a_manifest_is_made_anew_where_the_log_has_everything() {
    let file = Path::new(DIR).join("MANIFEST");
    let sound = archive(0);
    for damage in [|archive: &Archive, file: &Path| archive.flip(file, 40), |archive: &Archive, file: &Path| archive.remove(file)]
    {
        let archive = sound.copy();
        // A checkpoint that was cut short.
        let left = Path::new(DIR).join("segments/0000000000000001.sutradat");
        sutra_disk::create_whole(&archive.disk, &left, b"half of it").unwrap();
        damage(&archive, &file);
        let done = repaired(&archive);
        let [Change::ManifestRebuilt { redundant, .. }] = &done.changes[..] else { panic!("{:?}", done.changes) };
        assert_eq!(redundant.as_slice(), std::slice::from_ref(&left));
        assert!(!done.loses());
        assert_eq!(lives_on(&archive), archive.contents);
    }
}

#[test]
fn a_manifest_that_nothing_else_tells_is_not_made_up() {
    for (checkpoints, damaged) in [(2, "MANIFEST"), (0, "MANIFEST and IDENTITY"), (0, "MANIFEST and log")] {
        let archive = archive(checkpoints);
        archive.flip(&Path::new(DIR).join("MANIFEST"), 40);
        if damaged.ends_with("IDENTITY") {
            archive.flip(&Path::new(DIR).join("IDENTITY"), 0);
        } else if damaged.ends_with("log") {
            archive.flip(&archive.files("wal")[0], 0);
        }
        let before = archive.bytes();
        let error = offline::repair(archive.disk(), Path::new(DIR), true).unwrap_err();
        assert!(matches!(error, OfflineError::Hopeless { .. }), "{damaged}: {error}");
        assert_eq!(archive.bytes(), before, "{damaged}");
    }
}

#[test]
fn another_release_is_no_damage() {
    let archive = archive(1);
    let file = Path::new(DIR).join("IDENTITY");
    let text = String::from_utf8(archive.bytes()[&file].clone()).unwrap();
    sutra_disk::replace(&archive.disk, &file, text.replace("\"layout\": 2", "\"layout\": 3").as_bytes()).unwrap();
    let error = offline::repair(archive.disk(), Path::new(DIR), true).unwrap_err();
    assert!(matches!(error, OfflineError::OtherRelease { .. }), "{error}");
}

/// A disk with damage to two segments and to the log.
fn wrecked() -> (Archive, Vec<PathBuf>) {
    let archive = archive(2);
    let segments = archive.files("segments");
    archive.flip(&segments[0], archive.find(&segments[0], b"Case 17:"));
    archive.flip(&segments[1], archive.size(&segments[1]) - 1);
    let log = archive.files("wal").pop().unwrap();
    archive.flip(&log, archive.find(&log, b"MiFID II"));
    (archive, segments)
}

#[test]
fn a_repair_that_the_power_interrupts_is_taken_up_by_the_next() {
    let (archive, _) = wrecked();
    let whole = archive.copy();
    let done = repair(&whole, true);
    assert_eq!(done.changes.len(), 3, "{:?}", done.changes);
    let right = contents(&whole);
    let mut interrupted = 0;
    for nth in 1.. {
        let mut copy = archive.copy();
        copy.disk.crash_after(nth);
        let outcome = offline::repair(copy.disk(), Path::new(DIR), true);
        let (is_off, is_done) = (copy.disk.is_off(), outcome.is_ok());
        copy.disk = copy.disk.crash();
        if !is_off {
            assert!(is_done, "{outcome:?}");
            break;
        }
        interrupted += 1;
        if copy.verify().is_whole() {
            assert_eq!(contents(&copy), right, "power off at {nth}: it is the old one or the new one");
        }
        repair(&copy, true);
        assert!(copy.verify().is_whole(), "power off at {nth}");
        assert_eq!(contents(&copy), right, "power off at {nth}");
    }
    assert!(interrupted > 20, "{interrupted}");
}

#[test]
fn a_disk_that_refuses_is_an_error_and_what_was_there_is_kept() {
    use sutra_disk::{DiskCall, Failure, Fault, When};

    let (archive, segments) = wrecked();
    for call in [DiskCall::Create, DiskCall::Write, DiskCall::Sync, DiskCall::Rename, DiskCall::SyncDir] {
        let copy = archive.copy();
        copy.disk.fault(Fault::new(call, Failure::Full, When::From(3)));
        assert!(offline::repair(copy.disk(), Path::new(DIR), true).is_err(), "{call:?}");
        copy.disk.heal();
        let bytes = copy.bytes();
        for segment in &segments {
            let original = &archive.bytes()[segment];
            assert!(bytes.values().any(|held| held == original), "{call:?}: {segment:?} is gone");
        }
        repair(&copy, true);
        assert!(copy.verify().is_whole(), "{call:?}");
    }
}
