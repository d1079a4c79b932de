//! Inputs that are kept.

use std::fs;
use std::path::PathBuf;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name)
}

/// The kept inputs of a decoder, by their names.
pub(super) fn inputs(name: &str) -> Vec<Vec<u8>> {
    let Ok(folder) = fs::read_dir(folder(name)) else { return Vec::new() };
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Keeps an input; answers where.
pub(super) fn keep(name: &str, input: &[u8]) -> String {
    let file = folder(name).join(format!("{:08x}", crc32c::crc32c(input)));
    let kept = fs::create_dir_all(folder(name)).and_then(|()| fs::write(&file, input));
    match kept {
        Ok(()) => file.display().to_string(),
        Err(error) => format!("nothing, for {error}: {input:02x?}"),
    }
}
