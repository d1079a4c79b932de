//! `cargo xtask corpus`: makes an import file from WordNet's data files.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::arguments::Arguments;
use crate::console;
use crate::failure::{Failure, Result};
use crate::tools;
use crate::wordnet::database::Database;
use crate::wordnet::download;
use crate::wordnet::line::{self, Counts};
use crate::wordnet::selection;

pub(crate) const HELP: &str = "\
Makes an import file from WordNet 3.0: one synset a line, a body of POST /v1/learn.

Usage: cargo xtask corpus --out FILE [--wordnet DIR] [--full]

  --out FILE     written; with a name that ends in .zst it is compressed by `zstd -19`
  --wordnet DIR  where data.noun, data.verb, data.adj and data.adv are; without it they are
                 fetched once from Debian's wordnet-base into ~/.cache/sutra, which needs no root
  --full         all 117,659 synsets; without it the demo's part, closed upwards:
                 animals, plants, the body, its states, food, substances and drugs

demo/corpus.ndjson.zst is `cargo xtask corpus --out demo/corpus.ndjson.zst`.
The same input gives the same lines, byte for byte.";

/// Which part of WordNet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Demo,
    Full,
}

pub(crate) fn run(mut arguments: Arguments) -> Result<()> {
    let full = arguments.flag("--full");
    let directory = arguments.value("--wordnet")?;
    let out = arguments.value("--out")?;
    arguments.finish()?;
    let Some(out) = out else { return Err(Failure::usage("corpus needs --out FILE")) };
    let directory = directory.map_or_else(download::data_files, |directory| Ok(directory.into()))?;
    let part = if full { Part::Full } else { Part::Demo };
    let phase = console::phase("making the corpus");
    let counts = make(part, &directory, Path::new(&out))?;
    phase.done();
    println!("{}", describe(&counts));
    Ok(())
}

/// Writes the file, whole or not at all.
pub(crate) fn make(part: Part, directory: &Path, out: &Path) -> Result<Counts> {
    let database = Database::open(directory)?;
    let chosen = match part {
        Part::Demo => selection::demo(&database),
        Part::Full => selection::whole(&database),
    };
    let mut counts = Counts::default();
    let mut lines = String::new();
    for synset in chosen.iter().filter_map(|id| database.synsets.get(id)) {
        line::write(&mut lines, synset, &chosen, &mut counts)?;
    }
    // A cut file under the final name would pass for the whole corpus in the cache.
    let part = partial(out);
    store(lines.as_bytes(), &part, out.extension().is_some_and(|extension| extension == "zst"))?;
    fs::rename(&part, out)
        .map_err(|error| Failure::new(format!("cannot rename {} to {}: {error}", part.display(), out.display())))?;
    Ok(counts)
}

/// What the corpus holds, in a sentence.
pub(crate) fn describe(counts: &Counts) -> String {
    let Counts { synsets, pointers, lexical, associations, left_out } = counts;
    let outside = match left_out {
        0 => String::new(),
        some => format!("; {some} pointers lead out of the chosen part and are left out"),
    };
    format!(
        "{synsets} synsets; {pointers} pointers ({} between synsets, {lexical} between words) as {associations} associations: \
         pointers between several words of the same two synsets are one{outside}",
        pointers - lexical
    )
}

fn partial(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn store(lines: &[u8], path: &Path, compress: bool) -> Result<()> {
    let failed = |error: std::io::Error| Failure::new(format!("cannot write {}: {error}", path.display()));
    let file = File::create(path).map_err(failed)?;
    if !compress {
        let mut writer = BufWriter::new(file);
        return writer.write_all(lines).and_then(|()| writer.flush()).map_err(failed);
    }
    tools::require(&[tools::ZSTD])?;
    let mut zstd = Command::new("zstd")
        .args(["-19", "--quiet", "--stdout"])
        .stdin(Stdio::piped())
        .stdout(file)
        .spawn()
        .map_err(|error| Failure::new(format!("cannot run zstd: {error}")))?;
    // Dropped at the end of the statement, which is zstd's end of input.
    let fed = zstd.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(lines));
    let status = zstd.wait().map_err(failed)?;
    fed.map_err(failed)?;
    if !status.success() {
        return Err(Failure::new(format!("zstd ended with {status}")));
    }
    Ok(())
}
