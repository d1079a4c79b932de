//! Every frame of a log, a line each.

use std::io::{self, Write};
use std::path::Path;

use sutra_disk::{Disk, Open};

use crate::error::WalError;
use crate::file;
use crate::frame::FrameKind;
use crate::record::Record;
use crate::scan::{Frame, Payloads, Scan, Step};
use crate::start::FileStart;

/// Writes a line for each frame of the log of this data directory to `out`: file, offset, kind, group, index, term, length of the
/// payload in bytes, `durable_to`, and `ok`; then, for each file, a line that says how it ends. A file that can't be read on is
/// left where that is, and the next begun. With `store_id`, a file of another store is an error.
///
/// # Errors
/// [`WalError`]: no log there, another store's, another format, or the disk's. What `out` answers is an `Io` of the directory.
pub fn dump(disk: &dyn Disk, data_dir: &Path, store_id: Option<&str>, out: &mut dyn Write) -> Result<(), WalError> {
    let dir = file::files_dir(data_dir);
    let written = |result: io::Result<()>| result.map_err(WalError::io("write the dump of", &dir));
    written(writeln!(
        out,
        "{:<20} {:>10}  {:<10} {:>6} {:>10} {:>6} {:>10} {:>10}",
        "file", "offset", "kind", "group", "index", "term", "len", "durable_to"
    ))?;
    for id in file::list(disk, &dir).map_err(WalError::io("list", &dir))? {
        let path = file::path(&dir, id);
        let reader = disk.open(&path, Open::Read).map_err(WalError::io("open", &path))?;
        let mut scan = Scan::of(&path, id, reader.as_ref(), None, Payloads::All)?;
        let name = format!("{id:016x}.log");
        loop {
            let offset = scan.offset;
            match scan.step()? {
                Step::Frame(frame) => {
                    written(line(&mut scan, &frame, &path, store_id)?.write(&name, &frame, out))?;
                }
                Step::End => {
                    let blank = scan.len() - offset;
                    written(writeln!(out, "{name:<20} {offset:>10}  end, {blank} bytes of zeroes behind it"))?;
                    break;
                }
                Step::Bad(bad) => {
                    let rest = scan.len() - offset;
                    let verdict = if scan.durable_beyond(offset)? { "DAMAGED" } else { "torn" };
                    written(writeln!(out, "{name:<20} {offset:>10}  {verdict}: {bad}; {rest} bytes are left unread"))?;
                    break;
                }
            }
        }
    }
    Ok(())
}

/// What a line says beside the header.
#[derive(Default)]
struct Line {
    index: Option<u64>,
    term: Option<u64>,
    more: String,
}

fn line(scan: &mut Scan<'_>, frame: &Frame, path: &Path, store_id: Option<&str>) -> Result<Line, WalError> {
    if frame.header.kind == FrameKind::FileStart {
        let start = FileStart::decode(path, scan.payload(frame)?.unwrap_or_default())?;
        if let Some(store_id) = store_id {
            start.check_store(path, store_id)?;
        }
        let more = format!(" format {}, store {}, {} groups", start.format, start.store, start.groups.len());
        return Ok(Line { more, ..Line::default() });
    }
    Ok(match scan.record(frame)? {
        Some(Record::Entry { index, term, .. } | Record::Purge { upto: index, term, .. }) => {
            Line { index: Some(index.0), term: Some(term), ..Line::default() }
        }
        Some(Record::Truncate { from: index, .. } | Record::Committed { index, .. }) => {
            Line { index: Some(index.0), ..Line::default() }
        }
        Some(Record::Vote { .. } | Record::Forget { .. }) | None => Line::default(),
    })
}

impl Line {
    fn write(&self, name: &str, frame: &Frame, out: &mut dyn Write) -> io::Result<()> {
        let number = |number: Option<u64>| number.map_or_else(|| "-".into(), |number| number.to_string());
        let (header, offset) = (&frame.header, frame.offset);
        writeln!(
            out,
            "{name:<20} {offset:>10}  {:<10} {:>6} {:>10} {:>6} {:>10} {:>10}  ok{}",
            header.kind.name(),
            header.group.0,
            number(self.index),
            number(self.term),
            header.len,
            header.durable_to,
            self.more
        )
    }
}
