//! The tools for a data directory that no node serves.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::node::{command, data, fresh};

const WRITES: usize = 12;

struct Ran {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

fn tool(words: &[&str], dir: &Path) -> Ran {
    let output = command([words, &[dir.to_str().unwrap()]].concat()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let ran = Ran { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    ran
}

/// A directory whose node was killed after some acknowledged writes, and what it exported before.
fn killed() -> (TempDir, String) {
    let (dir, node) = fresh();
    let client = reqwest::blocking::Client::new();
    for number in 0..WRITES {
        let body = serde_json::json!({"content": format!("case {number} of the ward"), "key": format!("MRN-{number}"),
            "vector": [number, 0.1, -1], "associations": [{"target_content": "ward 7", "label": "treated in"}]});
        let learned = client.post(node.url("/v1/learn")).json(&body).send().unwrap();
        assert!(learned.status().is_success());
    }
    let exported = client.get(node.url("/v1/export")).send().unwrap().text().unwrap();
    node.kill();
    (dir, exported)
}

fn logs(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir.join("wal")).unwrap().map(|entry| entry.unwrap().path());
    let mut logs: Vec<_> = files.filter(|path| path.extension().is_some_and(|extension| extension == "log")).collect();
    logs.sort();
    logs
}

#[test]
fn a_whole_log_is_verified_and_dumped_frame_by_frame() {
    let (dir, _) = killed();
    let before = logs(&data(&dir)).iter().map(|log| fs::read(log).unwrap()).collect::<Vec<_>>();
    let verified = tool(&["wal", "verify"], &data(&dir));
    assert_eq!(verified.status, Some(0), "{}{}", verified.stdout, verified.stderr);
    assert!(verified.stdout.ends_with("\nwhole\n") && verified.stdout.contains(".log: "), "{}", verified.stdout);
    let dumped = tool(&["wal", "dump"], &data(&dir));
    assert_eq!(dumped.status, Some(0), "{}", dumped.stderr);
    let entries = dumped.stdout.lines().filter(|line| line.contains(" entry ") && line.ends_with(" ok")).count();
    assert!(entries >= WRITES, "{}", dumped.stdout);
    let after = logs(&data(&dir)).iter().map(|log| fs::read(log).unwrap()).collect::<Vec<_>>();
    assert!(before == after, "the tools change nothing");
}

#[test]
fn an_export_without_a_node_is_that_of_the_node() {
    let (dir, exported) = killed();
    let written = tool(&["export"], &data(&dir));
    assert_eq!((written.status, written.stdout), (Some(0), exported), "{}", written.stderr);
    let output = command(["export", data(&dir).to_str().unwrap(), "--namespace", "ward-7"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("no namespace ward-7; it has default"), "{said}");
}

#[test]
fn damage_is_status_1_and_named() {
    let (dir, _) = killed();
    let log = logs(&data(&dir)).remove(0);
    let mut bytes = fs::read(&log).unwrap();
    let at = bytes.windows(4).position(|window| window == b"case").unwrap();
    bytes[at] ^= 1;
    fs::write(&log, bytes).unwrap();
    let name = log.file_name().unwrap().to_str().unwrap();
    for (words, told_on_stdout) in [(&["wal", "verify"][..], true), (&["export"], false)] {
        let ran = tool(words, &data(&dir));
        assert_eq!(ran.status, Some(1), "{words:?}: {}{}", ran.stdout, ran.stderr);
        let told = if told_on_stdout { &ran.stdout } else { &ran.stderr };
        assert!(told.contains(name) && told.contains("offset"), "{words:?}: {told}");
    }
    assert_eq!(tool(&["export"], &data(&dir)).stdout, "");
}

#[test]
fn segments_are_read_to_their_last_row() {
    let (dir, node) = fresh();
    let mut client = node.client();
    for number in 0..WRITES {
        client.learn(&format!("case {number} of the ward"));
    }
    client.call("Flush", serde_json::json!({}));
    node.stop();
    let verified = tool(&["segment", "verify"], &data(&dir));
    assert_eq!(verified.status, Some(0), "{}{}", verified.stdout, verified.stderr);
    assert!(
        verified.stdout.contains("\n  namespace default: 12 concepts, 12 of them alive; 0 associations; 0 vectors\n"),
        "{}",
        verified.stdout
    );
    assert!(verified.stdout.ends_with("\nwhole\n"), "{}", verified.stdout);
    let mut files = fs::read_dir(data(&dir).join("segments")).unwrap().map(|entry| entry.unwrap().path());
    let file = files.find(|file| file.extension().is_some_and(|extension| extension == "sutradat")).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.windows(7).position(|window| window == b"case 3 ").unwrap();
    bytes[at] ^= 1;
    fs::write(&file, bytes).unwrap();
    for words in [&["segment", "verify"][..], &["export"]] {
        let ran = tool(words, &data(&dir));
        assert_eq!(ran.status, Some(1), "{words:?}: {}{}", ran.stdout, ran.stderr);
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains(file.to_str().unwrap()), "{words:?}");
    }
}

#[test]
fn a_repair_tells_first_and_drops_only_what_it_may() {
    let (dir, _) = killed();
    assert_eq!(tool(&["repair"], &data(&dir)).status, Some(0));
    let log = logs(&data(&dir)).remove(0);
    let mut bytes = fs::read(&log).unwrap();
    // Those behind it testify that it was durable.
    let at = bytes.windows(7).position(|window| window == b"case 2 ").unwrap();
    bytes[at] ^= 1;
    fs::write(&log, &bytes).unwrap();
    let told = tool(&["repair"], &data(&dir));
    assert_eq!(told.status, Some(1), "{}", told.stderr);
    assert!(told.stdout.contains("is cut at offset") && told.stdout.contains("--accept-data-loss"), "{}", told.stdout);
    assert_eq!(fs::read(&log).unwrap(), bytes, "nothing was changed");
    let repaired = tool(&["repair", "--accept-data-loss"], &data(&dir));
    assert_eq!(repaired.status, Some(0), "{}{}", repaired.stdout, repaired.stderr);
    assert!(repaired.stdout.ends_with("repaired\n"), "{}", repaired.stdout);
    assert_eq!(tool(&["segment", "verify"], &data(&dir)).status, Some(0));
    crate::node::Node::serve(&data(&dir)).stop();
}

#[test]
fn a_directory_in_use_or_of_another_kind_is_status_2() {
    let (dir, node) = fresh();
    let empty = tempfile::tempdir().unwrap();
    for words in [&["wal", "verify"][..], &["wal", "dump"], &["segment", "verify"], &["repair"], &["export"]] {
        let ran = tool(words, &data(&dir));
        assert_eq!(ran.status, Some(2), "{words:?}: {}", ran.stdout);
        assert!(ran.stderr.contains("in use"), "{words:?}: {}", ran.stderr);
        let ran = tool(words, empty.path());
        assert_eq!(ran.status, Some(2), "{words:?}: {}", ran.stdout);
        assert!(ran.stderr.contains("not a data directory"), "{words:?}: {}", ran.stderr);
    }
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
    node.stop();
    assert_eq!(command(["wal", "peruse"]).output().unwrap().status.code(), Some(2));
}
