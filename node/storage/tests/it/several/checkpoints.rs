//! Checkpoints that come from elsewhere.

use std::path::Path;

use sutra_disk::{Disk, DiskCall, Failure, Fault, When};
use sutra_storage::{HeldSegments, Incoming, IncomingFile};

use super::{close, disk, open, received};

#[tokio::test]
async fn the_checkpoint_of_another_shard_is_refused() {
    let disk = disk();
    let (directory, replicas) = open(&disk, &[2, 3]);
    replicas[0].teach("warfarin").await;
    replicas[1].teach("heparin").await;
    replicas[0].store.checkpoint().await.unwrap();
    let other = replicas[0].store.newest_checkpoint().await.unwrap().unwrap();
    let files = other.files.iter().map(|file| IncomingFile { signature: file.signature, received: None }).collect();
    let refused =
        replicas[1].store.install(Incoming { manifest: other.manifest, files, held: HeldSegments::default() }).await.unwrap_err();
    assert_eq!(refused.reason, "the checkpoint of another replica can't be used: it is of another grid or shard");
    assert!(replicas[1].knows("heparin"));
    close(directory, replicas).await;
}

#[tokio::test]
async fn a_segment_that_a_checkpoint_from_elsewhere_needs_stays_while_it_is_put_together() {
    let disk = disk();
    let (directory, replicas) = open(&disk, &[2]);
    let store = &replicas[0].store;
    for content in ["aspirin", "warfarin"] {
        replicas[0].teach(content).await;
        store.checkpoint().await.unwrap();
    }
    let checkpoint = store.newest_checkpoint().await.unwrap().unwrap();
    let incoming = |held| {
        let files = checkpoint.files.iter().map(|file| IncomingFile { signature: file.signature, received: None });
        Incoming { manifest: checkpoint.manifest.clone(), files: files.collect(), held }
    };
    let files = || disk.list(Path::new("/node/shards/2/segments")).unwrap().len();
    let held = store.hold().await.unwrap();
    store.compact().await.unwrap();
    assert_eq!((store.stats().segments, files()), (1, 3), "one of both, and those that are held");
    store.install(incoming(held)).await.unwrap();
    assert!(replicas[0].knows("aspirin") && replicas[0].knows("warfarin"));
    assert_eq!((store.stats().segments, files()), (2, 2), "what they were merged into has gone");

    store.compact().await.unwrap();
    let refused = store.install(incoming(HeldSegments::default())).await.unwrap_err().reason;
    assert_eq!(refused, "the checkpoint of another replica can't be used: a segment that was here has gone meanwhile");
    assert_eq!((store.stats().segments, files()), (1, 1));
    close(directory, replicas).await;
}

#[tokio::test]
async fn a_checkpoint_with_one_wrong_byte_is_refused_and_changes_nothing() {
    /// Of the first page the number of the segment and the name of its store become others.
    const BODY: usize = 4_096;
    let (mine, theirs) = (disk(), disk());
    let (directory, replicas) = open(&mine, &[2]);
    let (others, others_replicas) = open(&theirs, &[2]);
    replicas[0].teach("aspirin").await;
    others_replicas[0].teach("warfarin").await;
    // Of so many blocks most are not looked at when a segment is opened.
    for patient in 0..200 {
        others_replicas[0].teach(&format!("patient {patient}: {}", "warfarin was given; ".repeat(100))).await;
    }
    others_replicas[0].store.checkpoint().await.unwrap();
    let checkpoint = others_replicas[0].store.newest_checkpoint().await.unwrap().unwrap();
    let bytes = checkpoint.files[0].bytes as usize;
    for at in (BODY..bytes).step_by(4_999).chain([bytes - 1]) {
        let refused = replicas[0].store.install(received(&mine, &checkpoint, |content| content[at] ^= 0x10)).await;
        assert!(refused.is_err(), "byte {at} of {bytes} is another");
        assert!(replicas[0].knows("aspirin") && !replicas[0].knows("warfarin"));
    }
    replicas[0].store.install(received(&mine, &checkpoint, |_| {})).await.unwrap();
    assert!(!replicas[0].knows("aspirin") && replicas[0].knows("warfarin"));
    close(directory, replicas).await;
    close(others, others_replicas).await;
}

#[tokio::test]
async fn a_checkpoint_that_finds_the_disk_full_is_given_back_and_taken_when_there_is_room() {
    let (mine, theirs) = (disk(), disk());
    let (directory, replicas) = open(&mine, &[2]);
    let (others, others_replicas) = open(&theirs, &[2]);
    let (store, other) = (&replicas[0].store, &others_replicas[0].store);
    replicas[0].teach("aspirin").await;
    for content in ["warfarin", "heparin"] {
        others_replicas[0].teach(content).await;
        other.checkpoint().await.unwrap();
    }
    let checkpoint = other.newest_checkpoint().await.unwrap().unwrap();
    let knows = |contents: [&str; 3]| contents.map(|content| replicas[0].knows(content));
    let contents = ["aspirin", "warfarin", "heparin"];

    // All that is written of segments is their first page; the manifest comes last.
    let mut incoming = received(&mine, &checkpoint, |_| {});
    for part in ["0.part", "1.part", "MANIFEST", "MANIFEST"] {
        mine.fault(Fault::new(DiskCall::Write, Failure::Full, When::From(1)).on(part));
        let refused = store.install(incoming).await.unwrap_err();
        incoming = refused.again.unwrap_or_else(|| panic!("{part}: {}", refused.reason));
        assert_eq!(knows(contents), [true, false, false], "{part}");
        mine.heal();
        // What was taken in already stays, whatever is written meanwhile.
        replicas[0].teach(&format!("since {part}")).await;
        store.checkpoint().await.unwrap();
    }
    store.install(incoming).await.unwrap();
    assert_eq!(knows(contents), [false, true, true]);
    let files = || mine.list(Path::new("/node/shards/2/segments")).unwrap().len();
    assert_eq!((store.stats().segments, files()), (2, 2), "nothing is left of what was tried");
    close(directory, replicas).await;
    let (directory, replicas) = open(&mine, &[2]);
    assert!(!replicas[0].knows("aspirin") && replicas[0].knows("warfarin") && replicas[0].knows("heparin"));
    close(directory, replicas).await;
    close(others, others_replicas).await;
}
