//! A file that is received: under its name only once it is whole.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::LineCount;

/// Where an export goes.
pub(crate) struct Output {
    sink: Sink,
    lines: LineCount,
    bytes: u64,
}

enum Sink {
    /// Standard output, or a device or pipe that has a name: there is nothing to rename.
    Stream(Box<dyn Write>),
    File(Partial),
}

/// A file under a temporary name; removed unless it is kept.
struct Partial {
    target: PathBuf,
    temporary: PathBuf,
    file: BufWriter<File>,
    kept: bool,
}

impl Output {
    /// Standard output for `-`, else the file `path`, which keeps what it holds until [`Output::finish`].
    pub(crate) fn open(path: &str) -> anyhow::Result<Self> {
        let sink = if path == "-" {
            Sink::Stream(Box::new(io::stdout()))
        } else {
            open(Path::new(path)).with_context(|| format!("can't write {path}"))?
        };
        Ok(Self { sink, lines: LineCount::default(), bytes: 0 })
    }

    /// Appends a chunk.
    pub(crate) fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.lines.push(chunk);
        self.bytes += chunk.len() as u64;
        match &mut self.sink {
            Sink::Stream(stream) => stream.write_all(chunk),
            Sink::File(partial) => partial.file.write_all(chunk),
        }
    }

    /// Makes it last, under its name.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Stream(stream) => stream.flush(),
            Sink::File(partial) => partial.keep(),
        }
    }

    /// Bytes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Lines so far.
    pub(crate) fn lines(&self) -> &LineCount {
        &self.lines
    }
}

fn open(path: &Path) -> io::Result<Sink> {
    let target = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(metadata) if !metadata.is_file() => {
            return Ok(Sink::Stream(Box::new(File::options().write(true).open(path)?)));
        }
        // A link stays a link; what it points to is replaced.
        Ok(_) => fs::canonicalize(path)?,
        Err(_) => path.to_owned(),
    };
    let name = target.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}.partial", std::process::id()));
    let temporary = target.with_file_name(hidden);
    let file = BufWriter::with_capacity(256 << 10, File::create(&temporary)?);
    Ok(Sink::File(Partial { target, temporary, file, kept: false }))
}

impl Partial {
    fn keep(&mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        fs::rename(&self.temporary, &self.target)?;
        self.kept = true;
        // The rename is durable only after its directory is.
        let directory = self.target.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory)?.sync_all()
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.kept {
            // Nothing more can be done about it, and its name says what it is.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<OsString> {
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_file_gets_its_name_when_it_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("all.ndjson");
        fs::write(&path, "old\n").unwrap();
        let mut output = Output::open(path.to_str().unwrap()).unwrap();
        output.write(b"{}\n{}\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old\n");
        output.finish().unwrap();
        assert_eq!((output.lines().total(), output.bytes()), (2, 6));
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}\n{}\n");
        drop(output);
        assert_eq!(names(directory.path()), ["all.ndjson"]);
    }

    #[test]
    fn an_abandoned_file_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let mut output = Output::open(directory.path().join("all.ndjson").to_str().unwrap()).unwrap();
        output.write(b"{}\n").unwrap();
        drop(output);
        assert!(names(directory.path()).is_empty());
    }

    #[test]
    fn directories_are_refused_and_devices_written_through() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Output::open(directory.path().to_str().unwrap()).is_err());
        let mut null = Output::open("/dev/null").unwrap();
        null.write(b"{}\n").unwrap();
        null.finish().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
