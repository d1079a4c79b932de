//! A log whose end is torn, and one that is damaged in the middle.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use sutra_disk::RealDisk;
use sutra_wal::offline::{self, FileEnd};
use tempfile::TempDir;

use crate::node::{Node, command, data, fresh, run};

const WRITES: usize = 20;

/// A directory whose node was killed after some acknowledged writes, and their ids.
fn killed() -> (TempDir, Vec<String>) {
    let (dir, node) = fresh();
    let mut client = node.client();
    let ids = (0..WRITES).map(|number| client.learn(&format!("statement {number}"))).collect();
    node.kill();
    (dir, ids)
}

fn last_log(dir: &Path) -> PathBuf {
    let files = fs::read_dir(dir.join("wal")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "log")).max().unwrap()
}

/// Where the last frame ends, which the last byte that is not zero does not tell: a frame's own last byte may be one. What is behind
/// it was allocated in advance.
fn written(log: &Path) -> usize {
    let report = offline::verify(&RealDisk, log.ancestors().nth(2).unwrap(), None).unwrap();
    let found = report.files.into_iter().find(|found| found.file == log).unwrap();
    let FileEnd::Clean { offset } = found.end else { panic!("{:?}", found.end) };
    offset as usize
}

/// Writes behind the last frame.
fn put(log: &Path, tail: &[u8]) {
    let at = written(log) as u64;
    OpenOptions::new().write(true).open(log).unwrap().write_all_at(tail, at).unwrap();
}

fn cut(log: &Path, length: usize) {
    OpenOptions::new().write(true).open(log).unwrap().set_len(length as u64).unwrap();
}

fn read_back(dir: &Path, ids: &[String]) {
    let node = Node::serve(dir);
    let mut client = node.client();
    for id in ids {
        assert_eq!(client.call("QueryConcept", json!({"concept_id": id}))["found"], json!(true));
    }
    client.learn("and it goes on");
    node.stop();
    let node = Node::serve(dir);
    assert_eq!(node.client().call("TextSearch", json!({"query": "goes on"}))["results"].as_array().unwrap().len(), 1);
    node.stop();
}

#[test]
fn what_is_torn_behind_the_last_acknowledged_write_is_cut() {
    for tail in [vec![0; 5000], vec![0xa5; 37], (0..=255).cycle().take(3000).collect::<Vec<u8>>()] {
        let (dir, ids) = killed();
        let log = last_log(&data(&dir));
        put(&log, &tail);
        read_back(&data(&dir), &ids);
    }
    // The first half of a write that was never acknowledged.
    let (dir, ids) = killed();
    let log = last_log(&data(&dir));
    let whole = fs::read(&log).unwrap();
    let half = written(&log) / 2;
    put(&log, &whole[half..half + 60]);
    read_back(&data(&dir), &ids);
}

#[test]
fn a_torn_last_write_takes_only_itself() {
    let (dir, ids) = killed();
    let log = last_log(&data(&dir));
    cut(&log, written(&log) - 3);
    // Its write was acknowledged; that it is gone is the disk's doing, which no later frame can testify against.
    read_back(&data(&dir), &ids[..WRITES - 1]);
}

#[test]
fn damage_in_the_middle_is_an_error_that_names_file_and_offset() {
    let (dir, _) = killed();
    let log = last_log(&data(&dir));
    let mut bytes = fs::read(&log).unwrap();
    let middle = written(&log) / 2;
    bytes[middle] ^= 0x20;
    fs::write(&log, &bytes).unwrap();
    let path = data(&dir);
    let arguments = ["serve", "--data-dir", path.to_str().unwrap(), "--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0"];
    let (status, sentence) = run(&mut command(arguments));
    assert_eq!(status, Some(2), "{sentence}");
    assert!(sentence.contains(log.to_str().unwrap()), "{sentence}");
    let (_, rest) = sentence.split_once("offset ").unwrap_or_else(|| panic!("no offset: {sentence}"));
    let offset: usize = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap();
    assert!(offset <= middle, "{sentence}");
    assert_eq!(fs::read(&log).unwrap(), bytes, "a damaged log is left as it is");
}

#[test]
fn a_log_that_is_gone_or_has_lost_its_end_does_not_start_as_less() {
    for lose in [
        |log: &Path| fs::remove_file(log).unwrap(),
        |log: &Path| fs::write(log, b"").unwrap(),
        |log: &Path| cut(log, written(log) / 2),
    ] {
        let (dir, node) = fresh();
        let mut client = node.client();
        for number in 0..WRITES {
            client.learn(&format!("statement {number}"));
        }
        node.stop();
        let log = last_log(&data(&dir));
        lose(&log);
        let path = data(&dir);
        let arguments = ["serve", "--data-dir", path.to_str().unwrap(), "--http", "127.0.0.1:0", "--tcp", "127.0.0.1:0"];
        let (status, sentence) = run(&mut command(arguments));
        assert_eq!(status, Some(2), "{sentence}");
        assert!(sentence.contains(log.to_str().unwrap()), "{sentence}");
    }
}
