//! All of WordNet 3.0 from Debian's `wordnet-base`, without root: apt works in a directory of ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::synset::Pos;
use crate::cache;
use crate::console;
use crate::corpus::{self, Part};
use crate::failure::{Failure, Result};
use crate::tools;

const PACKAGE: &str = "wordnet-base";
/// What decides how a synset is written.
const CONVERTER: &str = concat!(include_str!("synset.rs"), include_str!("relation.rs"), include_str!("line.rs"));

/// The directory of the data files, fetched once.
pub(crate) fn data_files() -> Result<PathBuf> {
    let home = cache::directory("wordnet-3.0")?;
    let dict = home.join("dict");
    if !complete(&dict) {
        fetch(&home, &dict)?;
    }
    Ok(dict)
}

/// The import file of all of WordNet, fetched and made once.
pub(crate) fn full_corpus() -> Result<PathBuf> {
    // Another converter makes other lines: a file that an older one made is not found under this name.
    let corpus = cache::directory("wordnet-3.0")?.join(format!("wordnet-{}.ndjson", cache::fingerprint(CONVERTER)));
    if corpus.is_file() {
        return Ok(corpus);
    }
    let dict = data_files()?;
    let phase = console::phase("converting WordNet 3.0 (once)");
    let counts = corpus::make(Part::Full, &dict, &corpus)?;
    phase.done();
    println!("  {}", corpus::describe(&counts));
    Ok(corpus)
}

fn complete(dict: &Path) -> bool {
    Pos::ALL.iter().all(|pos| dict.join(pos.file()).is_file())
}

fn fetch(home: &Path, dict: &Path) -> Result<()> {
    tools::require(&[tools::APT, tools::DPKG])?;
    let phase = console::phase(format!("fetching {PACKAGE} with apt (once)"));
    let apt = home.join("apt");
    for directory in ["state/lists/partial", "cache/archives/partial"] {
        cache::make(&apt.join(directory))?;
    }
    apt_get(&apt, &["update"])?;
    apt_get(&apt, &["download", PACKAGE])?;
    let package = fs::read_dir(&apt)
        .ok()
        .and_then(|mut entries| {
            entries.find_map(|entry| entry.ok().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "deb")))
        })
        .ok_or_else(|| Failure::new(format!("apt fetched no package into {}", apt.display())))?;
    let unpacked = apt.join("unpacked");
    run(Command::new("dpkg-deb").arg("-x").args([&package, &unpacked]), "dpkg-deb")?;
    cache::make(dict)?;
    for pos in Pos::ALL {
        let from = unpacked.join("usr/share/wordnet").join(pos.file());
        fs::copy(&from, dict.join(pos.file()))
            .map_err(|error| Failure::new(format!("cannot copy {}: {error}", from.display())))?;
    }
    // Its licence stays with the data.
    let licence = unpacked.join("usr/share/doc").join(PACKAGE).join("copyright");
    fs::copy(&licence, dict.join("LICENSE"))
        .map_err(|error| Failure::new(format!("cannot copy {}: {error}", licence.display())))?;
    let _ = fs::remove_dir_all(&apt);
    phase.done();
    Ok(())
}

/// With the system's sources and keys, but with lists and archives in `apt`, so that neither root nor a lock is needed.
fn apt_get(apt: &Path, arguments: &[&str]) -> Result<()> {
    let state = format!("Dir::State={}", apt.join("state").display());
    let cache = format!("Dir::Cache={}", apt.join("cache").display());
    // What is installed here does not matter, and reading it would need the file to be readable.
    let status = format!("Dir::State::status={}", apt.join("status").display());
    fs::write(apt.join("status"), "").map_err(|error| Failure::new(format!("cannot write into {}: {error}", apt.display())))?;
    // apt drops to the user _apt, who cannot write into our cache.
    let sandbox = "APT::Sandbox::User=";
    let options = [state.as_str(), cache.as_str(), status.as_str(), sandbox].into_iter().flat_map(|option| ["-o", option]);
    run(Command::new("apt-get").current_dir(apt).arg("-qq").args(options).args(arguments), "apt-get")
}

fn run(command: &mut Command, name: &str) -> Result<()> {
    let output = command.output().map_err(|error| Failure::new(format!("cannot run {name}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("{name} ended with {}:\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end())))
}
