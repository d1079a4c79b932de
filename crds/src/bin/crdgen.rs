//! Writes the custom resource definitions: `crdgen DIR…`, into each of the directories.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks on its terminal")]

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let directories: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if directories.is_empty() {
        eprintln!("usage: crdgen DIR…");
        return ExitCode::from(2);
    }
    match write(&directories) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crdgen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(directories: &[PathBuf]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let definitions = sutra_crds::definitions()?;
    for directory in directories {
        std::fs::create_dir_all(directory).map_err(|error| format!("make the directory {}: {error}", directory.display()))?;
        for definition in &definitions {
            let path = directory.join(definition.file);
            std::fs::write(&path, &definition.yaml).map_err(|error| format!("write {}: {error}", path.display()))?;
            println!("{}", path.display());
        }
    }
    Ok(())
}
