//! A bus error on a mapped file ends the process with a sentence; another one as it would have anyway.

use std::fs::{self, OpenOptions};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use sutra_disk::{BUS_ERROR_STATUS, Disk, RealDisk, name_bus_errors};

/// Set for a process that is to have a bus error: the file to map.
const FILE: &str = "SUTRA_BUS_ERROR_FILE";

/// Runs the named test of this binary in a process of its own.
fn child(test: &str, file: &str) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads", "1"]).env(FILE, file).output().unwrap()
}

#[test]
fn a_mapped_file_that_was_cut_is_named_when_the_process_ends() {
    if let Some(file) = std::env::var_os(FILE).map(PathBuf::from) {
        name_bus_errors().unwrap();
        let others = tempfile::tempdir().unwrap();
        let other = others.path().join("0002.seg");
        fs::write(&other, [1; 20_000]).unwrap();
        let (_other, map) = (RealDisk.map(&other).unwrap(), RealDisk.map(&file).unwrap());
        assert_eq!(map[9_000], 7);
        OpenOptions::new().write(true).open(&file).unwrap().set_len(100).unwrap();
        panic!("what was cut off was read: {}", map[9_000]);
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("0001.seg");
    fs::write(&file, [7; 10_000]).unwrap();
    let ended = child("bus_error::a_mapped_file_that_was_cut_is_named_when_the_process_ends", file.to_str().unwrap());
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(BUS_ERROR_STATUS), "{said}");
    let sentence = format!("reading the mapped file {} failed (bus error)", file.display());
    assert!(said.contains(&sentence), "{said}");
}

#[test]
fn a_bus_error_of_another_cause_ends_the_process_as_it_always_did() {
    if std::env::var_os(FILE).is_some() {
        name_bus_errors().unwrap();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::BUS).unwrap();
        panic!("the signal was ignored");
    }
    let ended = child("bus_error::a_bus_error_of_another_cause_ends_the_process_as_it_always_did", "");
    assert_eq!(ended.status.signal(), Some(libc::SIGBUS), "{ended:?}");
    assert!(!String::from_utf8_lossy(&ended.stderr).contains("mapped file"));
}
