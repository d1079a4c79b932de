//! Runs `sutra`.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A command without the caller's environment.
pub(crate) fn sutra(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sutra"));
    command.args(words).env_remove("SUTRA_SERVER").env_remove("COLUMNS").stdin(Stdio::null());
    command
}

/// Runs against `server` until the end.
pub(crate) fn run(server: &str, words: &[&str]) -> Output {
    sutra(words).env("SUTRA_SERVER", server).output().unwrap()
}

/// Asserts the exit code and yields (stdout, stderr).
#[track_caller]
pub(crate) fn ended(output: &Output, code: i32) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "stdout: {stdout}\nstderr: {stderr}");
    (stdout, stderr)
}

/// The names in a directory.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
