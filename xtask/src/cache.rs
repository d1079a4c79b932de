//! What is fetched or built once and kept: `~/.cache/sutra`, or `SUTRA_CACHE`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};

/// The directory `name` in the cache, made if it is not there.
pub(crate) fn directory(name: &str) -> Result<PathBuf> {
    let path = root()?.join(name);
    make(&path)?;
    Ok(path)
}

/// Makes a directory and those above it.
pub(crate) fn make(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| Failure::new(format!("cannot make the directory {}: {error}", path.display())))
}

fn root() -> Result<PathBuf> {
    let given = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    given("SUTRA_CACHE")
        .or_else(|| given("HOME").map(|home| home.join(".cache/sutra")))
        .ok_or_else(|| Failure::new("neither SUTRA_CACHE nor HOME is set: there is no place to keep fetched files"))
}

/// A short name for `text` that is the same on every machine (FNV-1a).
pub(crate) fn fingerprint(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_fnv_1a() {
        assert_eq!(fingerprint(""), "cbf29ce484222325");
        assert_eq!(fingerprint("a"), "af63dc4c8601ec8c");
    }
}
