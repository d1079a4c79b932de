//! A copy of files through a socket, with nothing behind it.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// As much as a replica sends in one piece.
const PIECE_BYTES: usize = 1 << 20;

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Copied {
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
}

/// Sends all files under `from`, but for those in folders with these names, over loopback to a second thread, which writes them under `to` and
/// syncs each: what moving a replica costs where nobody checks anything.
pub(crate) fn socket_copy(from: &Path, to: &Path, without: &[&str]) -> anyhow::Result<Copied> {
    let mut files = Vec::new();
    list(from, without, &mut files)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let started = Instant::now();
    std::thread::scope(|threads| {
        let sent = threads.spawn(|| send(TcpStream::connect(address)?, &files));
        let (stream, _) = listener.accept()?;
        let bytes = receive(stream, to, &files)?;
        let time = started.elapsed();
        match sent.join() {
            Ok(sent) => sent?,
            Err(_) => bail!("the sender panicked"),
        }
        Ok(Copied { bytes, time })
    })
}

fn list(directory: &Path, without: &[&str], files: &mut Vec<(PathBuf, u64)>) -> anyhow::Result<()> {
    for entry in fs::read_dir(directory).with_context(|| format!("list {}", directory.display()))? {
        let entry = entry?;
        let about = entry.metadata().with_context(|| format!("look at {}", entry.path().display()))?;
        if about.is_file() {
            files.push((entry.path(), about.len()));
        } else if about.is_dir() && !without.iter().any(|name| entry.file_name() == *name) {
            list(&entry.path(), without, files)?;
        }
    }
    Ok(())
}

fn send(mut stream: TcpStream, files: &[(PathBuf, u64)]) -> anyhow::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    for (path, bytes) in files {
        let mut file = File::open(path).with_context(|| format!("open {}", path.display()))?;
        let mut left = *bytes;
        while left > 0 {
            let some = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
            file.read_exact(&mut piece[..some]).with_context(|| format!("read {}", path.display()))?;
            stream.write_all(&piece[..some]).context("send a piece")?;
            left -= some as u64;
        }
    }
    Ok(())
}

fn receive(mut stream: TcpStream, to: &Path, files: &[(PathBuf, u64)]) -> anyhow::Result<u64> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut received = 0;
    for (at, (_, bytes)) in files.iter().enumerate() {
        let path = to.join(at.to_string());
        let mut file = File::create(&path).with_context(|| format!("make {}", path.display()))?;
        let mut left = *bytes;
        while left > 0 {
            let some = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
            stream.read_exact(&mut piece[..some]).context("receive a piece")?;
            file.write_all(&piece[..some]).with_context(|| format!("write {}", path.display()))?;
            left -= some as u64;
        }
        file.sync_all().with_context(|| format!("sync {}", path.display()))?;
        received += bytes;
    }
    Ok(received)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_arrive_as_they_are_and_those_left_out_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| dir.path().join(name));
        for folder in ["from/segments", "from/wal", "to"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let content: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
        fs::write(from.join("segments/1"), &content).unwrap();
        fs::write(from.join("wal/1"), [1; 99]).unwrap();
        let copied = socket_copy(&from, &to, &["wal"]).unwrap();
        assert_eq!(copied.bytes, 3_000_000);
        assert!(fs::read(to.join("0")).unwrap() == content);
        assert!(!to.join("1").exists());
    }
}
