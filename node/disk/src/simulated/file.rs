//! Open files and locks of a simulated disk.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{Course, State};
use super::faults::{DiskCall, PoweredOff, os};
use super::inode::Inode;
use super::pages::PAGE;
use super::tree::NodeId;
use crate::disk::{DiskFile, DiskLock};

/// Longest file, in bytes: a test that asks for more has a wrong length, and must not ask the machine for the memory.
const FILE_BYTES: u64 = 1 << 34;

/// An open file.
pub(super) struct SimulatedFile {
    disk: Arc<Mutex<State>>,
    node: NodeId,
    /// Of the disk when it was opened.
    generation: u64,
    path: PathBuf,
    writable: bool,
}

/// A held lock.
pub(super) struct SimulatedLock {
    disk: Arc<Mutex<State>>,
    node: NodeId,
    generation: u64,
}

impl SimulatedFile {
    pub(super) fn new(disk: Arc<Mutex<State>>, node: NodeId, generation: u64, path: PathBuf, writable: bool) -> Self {
        Self { disk, node, generation, path, writable }
    }

    /// The disk, if the file is still one of it.
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = lock(&self.disk);
        if state.generation != self.generation {
            return Err(PoweredOff::error());
        }
        Ok(state)
    }

    /// Counts a call that changes the file.
    fn change(&self, call: DiskCall, end: Option<u64>) -> io::Result<(MutexGuard<'_, State>, Course)> {
        let mut state = self.state()?;
        while state.is_held(&self.path) {
            let released = Arc::clone(&state.released);
            drop(released.wait(state));
            state = self.state()?;
        }
        if !self.writable {
            return Err(os(libc::EBADF));
        }
        if end.is_none_or(|end| end > FILE_BYTES) {
            return Err(os(libc::EFBIG));
        }
        let course = state.course(call, &self.path)?;
        Ok((state, course))
    }
}

impl DiskFile for SimulatedFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let (mut state, course) = self.change(DiskCall::Write, offset.checked_add(bytes.len() as u64))?;
        let (wanted, failure) = match course {
            Course::Whole => (bytes.len(), None),
            Course::Denied(error) => (bytes.len(), Some(error)),
            Course::Part(error) | Course::Loses(error) => (state.random().index(bytes.len()), Some(error)),
        };
        let fitting = fitting(state.tree.file(self.node)?, offset, wanted as u64, state.free());
        let change = state.tree.change();
        state.tree.file_mut(self.node)?.write(change, offset, &bytes[..fitting as usize]);
        match failure {
            Some(error) => Err(error),
            None if fitting < bytes.len() as u64 => Err(os(libc::ENOSPC)),
            None => Ok(()),
        }
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state()?;
        let course = state.course(DiskCall::Read, &self.path)?;
        course.answer(|| Ok(state.tree.file(self.node)?.now().read(offset, buffer)))
    }

    fn size(&self) -> io::Result<u64> {
        let mut state = self.state()?;
        let course = state.course(DiskCall::Size, &self.path)?;
        course.answer(|| Ok(state.tree.file(self.node)?.now().len()))
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        let (mut state, course) = self.change(DiskCall::SetLen, Some(len))?;
        course.answer(|| {
            let change = state.tree.change();
            state.tree.file_mut(self.node)?.set_len(change, len);
            Ok(())
        })
    }

    fn allocate(&mut self, len: u64) -> io::Result<()> {
        let (mut state, course) = self.change(DiskCall::Allocate, Some(len))?;
        course.answer(|| {
            if state.tree.file(self.node)?.needs(0, len) > state.free() {
                return Err(os(libc::ENOSPC));
            }
            let change = state.tree.change();
            state.tree.file_mut(self.node)?.allocate(change, len);
            Ok(())
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state()?;
        let course = state.course(DiskCall::Sync, &self.path)?;
        let (tree, random) = state.tree_and_random();
        let file = tree.file_mut(self.node)?;
        match course {
            Course::Whole => {
                file.sync();
                Ok(())
            }
            Course::Denied(error) => {
                file.sync();
                Err(error)
            }
            Course::Part(error) => Err(error),
            Course::Loses(error) => {
                file.sync_and_lose(random);
                Err(error)
            }
        }
    }
}

/// How many of `wanted` bytes at `offset` have a place in `free` bytes.
fn fitting(file: &Inode, offset: u64, wanted: u64, free: u64) -> u64 {
    if file.needs(offset, wanted) <= free {
        return wanted;
    }
    let mut fitting = 0;
    while fitting < wanted {
        let next = (fitting + PAGE - (offset + fitting) % PAGE).min(wanted);
        if file.needs(offset, next) > free {
            break;
        }
        fitting = next;
    }
    fitting
}

impl Drop for SimulatedFile {
    fn drop(&mut self) {
        let mut state = lock(&self.disk);
        if state.generation != self.generation {
            return;
        }
        if let Some(times) = state.open.get_mut(&self.node) {
            *times -= 1;
            if *times == 0 {
                state.open.remove(&self.node);
                state.collect();
            }
        }
    }
}

impl SimulatedLock {
    pub(super) fn new(disk: Arc<Mutex<State>>, node: NodeId, generation: u64) -> Self {
        Self { disk, node, generation }
    }
}

impl DiskLock for SimulatedLock {}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        let mut state = lock(&self.disk);
        if state.generation == self.generation {
            state.locked.remove(&self.node);
        }
    }
}

fn lock(disk: &Mutex<State>) -> MutexGuard<'_, State> {
    disk.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for SimulatedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "simulated {}", self.path.display())
    }
}

impl fmt::Debug for SimulatedLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "simulated lock of file {}", self.node)
    }
}
