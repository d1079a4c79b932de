//! Maps of files, and what a bus error on one says.
//!
//! A page of a map that can't be read any more (the file was cut, the device fails) is a bus error, a signal, where a `read` would
//! have answered with an error. The process can't go on, but it can say which file it was: every live map stands in a table that
//! a signal handler may read, since it is made of atomic numbers only.

#![allow(unsafe_code, reason = "a map of a file is a promise that nobody changes it, which no type can make")]

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

use memmap2::{Advice, Mmap, UncheckedAdvice};

/// Exit status after a bus error on a mapped file: `EX_IOERR` of `sysexits.h`.
pub const BUS_ERROR_STATUS: i32 = 74;

/// Most maps that are named at once; a bus error on one beyond them ends the process without its name.
const MAPS: usize = 4_096;
/// Of a longer path the end is kept.
const PATH_BYTES: usize = 512;

/// The live maps. Pages of the table that were never used take no memory.
static TABLE: [Slot; MAPS] = [const { Slot::new() }; MAPS];
/// Slots from here on were never taken.
static USED: AtomicUsize = AtomicUsize::new(0);

/// A mapped file.
pub(crate) struct Mapped {
    map: Mmap,
    /// `None`: the table was full.
    slot: Option<&'static Slot>,
}

/// A line of the table.
struct Slot {
    taken: AtomicBool,
    /// Where the map begins; 0 while the other fields are not to be read.
    address: AtomicUsize,
    /// In bytes.
    length: AtomicUsize,
    path: [AtomicU8; PATH_BYTES],
    path_bytes: AtomicUsize,
}

impl Mapped {
    pub(crate) fn of(file: &File, path: &Path) -> io::Result<Self> {
        // SAFETY: segments and graphs are written once, under a temporary name, and never changed after their rename; the data
        // directory is locked, so no other node writes there. Bytes that change nevertheless are found by their checksums as far
        // as that is possible, and every reader treats the bytes as untrusted.
        let map = unsafe { Mmap::map(file)? };
        let slot = Slot::take(map.as_ptr().addr(), map.len(), path);
        Ok(Self { map, slot })
    }

    pub(crate) fn advise_random(&self) {
        self.advise(Advice::Random);
    }

    pub(crate) fn advise_sequential(&self) {
        self.advise(Advice::Sequential);
    }

    fn advise(&self, advice: Advice) {
        if let Err(error) = self.map.advise(advice) {
            tracing::debug!(%error, ?advice, "the kernel takes no advice");
        }
    }

    pub(crate) fn release(&self) {
        // SAFETY: the map is of a file and never written to, so the pages that the kernel drops come back from the file with the
        // same bytes.
        if let Err(error) = unsafe { self.map.unchecked_advise(UncheckedAdvice::DontNeed) } {
            tracing::debug!(%error, "the kernel releases no pages");
        }
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // Before the unmapping, which follows: the next map may be at the same address.
        if let Some(slot) = self.slot {
            slot.give_back();
        }
    }
}

impl Slot {
    const fn new() -> Self {
        Self {
            taken: AtomicBool::new(false),
            address: AtomicUsize::new(0),
            length: AtomicUsize::new(0),
            path: [const { AtomicU8::new(0) }; PATH_BYTES],
            path_bytes: AtomicUsize::new(0),
        }
    }

    /// Enters a map.
    fn take(address: usize, length: usize, path: &Path) -> Option<&'static Self> {
        let free = |slot: &Self| slot.taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok();
        let at = TABLE.iter().position(free)?;
        let slot = &TABLE[at];
        let path = path.as_os_str().as_bytes();
        let path = &path[path.len().saturating_sub(PATH_BYTES)..];
        for (to, byte) in slot.path.iter().zip(path) {
            to.store(*byte, Ordering::Relaxed);
        }
        slot.path_bytes.store(path.len(), Ordering::Relaxed);
        slot.length.store(length, Ordering::Relaxed);
        USED.fetch_max(at + 1, Ordering::Release);
        // Last, so that whoever sees it sees the rest.
        slot.address.store(address, Ordering::Release);
        Some(slot)
    }

    fn give_back(&self) {
        self.address.store(0, Ordering::Release);
        self.taken.store(false, Ordering::Release);
    }

    /// The slot of the map that `address` lies in. It stays that map's while the thread that asks is reading the map.
    fn of(address: usize) -> Option<&'static Self> {
        TABLE[..USED.load(Ordering::Acquire).min(MAPS)].iter().find(|slot| {
            let start = slot.address.load(Ordering::Acquire);
            let within = start != 0 && address >= start && address - start < slot.length.load(Ordering::Acquire);
            // A slot that changed hands in between belongs to no map that this thread reads.
            within && slot.address.load(Ordering::Acquire) == start
        })
    }
}

/// Lets a bus error on a mapped file end the process with a sentence on standard error that names the file, and the exit status
/// [`BUS_ERROR_STATUS`]; any other bus error does what it did by default. To be called once by a process, early.
///
/// # Errors
/// The operating system's, if it takes no handler.
pub fn name_bus_errors() -> io::Result<()> {
    let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_bus_error;
    // SAFETY: zeroes are a `sigaction` without a handler, flags or blocked signals; the handler is then set with the flag that
    // says that it takes three arguments, and does only what a signal handler may. The pointers are to live values.
    let done = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as libc::sighandler_t;
        // On the stack for signals, as the thread's own may be what can't be touched.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigemptyset(&raw mut action.sa_mask);
        libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut())
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Neither allocates nor locks: the thread may hold any lock there is.
extern "C" fn on_bus_error(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid `siginfo_t` to a handler with SA_SIGINFO. A signal that a process sent has no address:
    // then the bytes there are the sender's numbers, which are only compared.
    let (sent, address) = unsafe { ((*info).si_code <= 0, (*info).si_addr().addr()) };
    match Slot::of(address).filter(|_| !sent) {
        Some(slot) => {
            let mut path = [0; PATH_BYTES];
            for (to, from) in path.iter_mut().zip(&slot.path) {
                *to = from.load(Ordering::Relaxed);
            }
            say(b"sutra: reading the mapped file ");
            say(&path[..slot.path_bytes.load(Ordering::Relaxed).min(PATH_BYTES)]);
            say(b" failed (bus error): the file has been cut, or its disk can not be read. The process ends.\n");
            // SAFETY: ends the process at once, running no destructor and no exit handler, which might wait for this thread.
            unsafe { libc::_exit(BUS_ERROR_STATUS) }
        }
        None => {
            // SAFETY: both may be called in a handler. The raised signal waits until this handler has returned, and ends the
            // process then, as it would have without a handler.
            unsafe {
                libc::signal(libc::SIGBUS, libc::SIG_DFL);
                libc::raise(libc::SIGBUS);
            }
        }
    }
}

/// Writes to standard error, without a lock.
fn say(text: &[u8]) {
    // SAFETY: the pointer and the length are of one live slice. What can't be written can't be told to anybody either.
    let _ = unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(slot: &Slot) -> Vec<u8> {
        let bytes = slot.path.iter().take(slot.path_bytes.load(Ordering::Relaxed));
        bytes.map(|byte| byte.load(Ordering::Relaxed)).collect()
    }

    #[test]
    fn a_map_is_found_by_every_address_in_it_while_it_lives() {
        let start = usize::MAX / 2;
        let slot = Slot::take(start, 100, Path::new("/data/segments/0001.seg")).unwrap();
        for address in [start, start + 99] {
            assert_eq!(path(Slot::of(address).unwrap()), b"/data/segments/0001.seg");
        }
        assert!(Slot::of(start - 1).is_none() && Slot::of(start + 100).is_none());
        slot.give_back();
        assert!(Slot::of(start).is_none());
    }

    #[test]
    fn of_a_long_path_the_end_is_kept() {
        let long = format!("/{}/0001.seg", "d".repeat(2 * PATH_BYTES));
        let slot = Slot::take(usize::MAX / 4, 1, Path::new(&long)).unwrap();
        let kept = path(slot);
        slot.give_back();
        assert!(kept.len() == PATH_BYTES && kept.ends_with(b"d/0001.seg"));
    }

    #[test]
    fn real_maps_stand_in_the_table() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("0001.seg");
        std::fs::write(&file, [7; 5000]).unwrap();
        let mapped = Mapped::of(&File::open(&file).unwrap(), &file).unwrap();
        let last = mapped.as_ptr().addr() + 4999;
        assert_eq!(path(Slot::of(last).unwrap()), file.as_os_str().as_bytes());
        drop(mapped);
        assert!(Slot::of(last).is_none_or(|slot| path(slot) != file.as_os_str().as_bytes()));
    }
}
