//! Which call fails, when, and how.

use std::fmt;
use std::io;
use std::path::Path;

use super::random::Random;

/// A call of [`Disk`](crate::Disk) or [`DiskFile`](crate::DiskFile).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiskCall {
    /// Opening a file that is there, without emptying it.
    Open,
    /// Opening, or locking, that creates or empties the file.
    Create,
    /// `create_dir_all`, where it creates.
    CreateDir,
    /// `list`.
    List,
    /// `size` of a path or a file.
    Size,
    /// `read` and `read_at`.
    Read,
    /// `map`.
    Map,
    /// `write_at`.
    Write,
    /// `set_len`.
    SetLen,
    /// `allocate`.
    Allocate,
    /// `sync`.
    Sync,
    /// `rename`.
    Rename,
    /// `remove`.
    Remove,
    /// `sync_dir`.
    SyncDir,
    /// `lock`.
    Lock,
}

impl DiskCall {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Open,
        Self::Create,
        Self::CreateDir,
        Self::List,
        Self::Size,
        Self::Read,
        Self::Map,
        Self::Write,
        Self::SetLen,
        Self::Allocate,
        Self::Sync,
        Self::Rename,
        Self::Remove,
        Self::SyncDir,
        Self::Lock,
    ];

    /// Whether it changes what a crash may leave.
    pub fn mutates(self) -> bool {
        !matches!(self, Self::Open | Self::List | Self::Size | Self::Read | Self::Map | Self::Lock)
    }
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing happens; EIO.
    Io,
    /// Nothing happens, except that a write writes a part; ENOSPC.
    Full,
    /// A write writes a part; other calls do nothing; EIO.
    Torn,
    /// A sync writes some pages, and the others are taken for written and never will be; other calls do nothing; EIO.
    Lost,
    /// It happens, but the caller is told that it did not; EIO.
    Late,
}

/// Which of the calls that a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// This one, counted from 1 since the fault was set.
    Nth(u64),
    /// This one and all after it.
    From(u64),
    /// One in so many, by chance.
    OneIn(u64),
}

/// Calls that fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which calls.
    pub call: DiskCall,
    /// How.
    pub failure: Failure,
    /// When.
    pub when: When,
    /// Only where the path has this in it.
    pub path: String,
}

impl Fault {
    /// Calls on any path.
    pub fn new(call: DiskCall, failure: Failure, when: When) -> Self {
        Self { call, failure, when, path: String::new() }
    }

    /// Only where the path has `part` in it.
    #[must_use]
    pub fn on(self, part: impl Into<String>) -> Self {
        Self { path: part.into(), ..self }
    }
}

/// The error of every call on a disk without power, inside an [`io::Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoweredOff;

impl PoweredOff {
    /// Whether this is the error.
    pub fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Self>())
    }

    pub(super) fn error() -> io::Error {
        io::Error::other(Self)
    }
}

impl fmt::Display for PoweredOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the simulated power is off")
    }
}

impl std::error::Error for PoweredOff {}

/// The faults that are set, and how often each could have been.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(Fault, u64)>);

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push((fault, 0));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// How this call is to fail.
    pub(super) fn strike(&mut self, call: DiskCall, path: &Path, random: &mut Random) -> Option<Failure> {
        let path = path.to_string_lossy();
        let mut struck = None;
        for (fault, seen) in self.0.iter_mut().filter(|(fault, _)| fault.call == call && path.contains(&fault.path)) {
            *seen += 1;
            let strikes = match fault.when {
                When::Nth(nth) => *seen == nth,
                When::From(first) => *seen >= first,
                When::OneIn(times) => random.one_in(times),
            };
            if strikes && struck.is_none() {
                struck = Some(fault.failure);
            }
        }
        struck
    }
}

/// The operating system's error of this number.
pub(super) fn os(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_strike_by_count_and_path() {
        let mut faults = Faults::default();
        faults.add(Fault::new(DiskCall::Write, Failure::Torn, When::Nth(2)).on("wal/"));
        faults.add(Fault::new(DiskCall::Sync, Failure::Lost, When::From(3)));
        let mut random = Random::new(1);
        let mut strike = |call, path: &str| faults.strike(call, Path::new(path), &mut random);
        let writes: Vec<_> = ["wal/1", "MANIFEST", "wal/1", "wal/2"].map(|path| strike(DiskCall::Write, path)).into();
        assert_eq!(writes, [None, None, Some(Failure::Torn), None]);
        let syncs: Vec<_> = (0..4).map(|_| strike(DiskCall::Sync, "wal/1")).collect();
        assert_eq!(syncs, [None, None, Some(Failure::Lost), Some(Failure::Lost)]);
    }

    #[test]
    fn chance_is_seeded() {
        let struck = |seed| {
            let mut faults = Faults::default();
            faults.add(Fault::new(DiskCall::Read, Failure::Io, When::OneIn(4)));
            let mut random = Random::new(seed);
            (0..64).map(|_| faults.strike(DiskCall::Read, Path::new("a"), &mut random).is_some()).collect::<Vec<_>>()
        };
        assert_eq!(struck(1), struck(1));
        assert_ne!(struck(1), struck(2));
    }
}
