//! The simulated disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::faults::{DiskCall, Failure, Fault, Faults, PoweredOff, os};
use super::file::{SimulatedFile, SimulatedLock};
use super::random::Random;
use super::tree::{NodeId, Tree};
use crate::bytes::Bytes;
use crate::disk::{Disk, DiskFile, DiskLock, Open};

/// A disk in memory that keeps exactly what [`Disk`] promises and nothing beyond it. Clones are the same disk.
///
/// Everything that it draws comes from its seed: what a crash keeps, and the faults that strike by chance. A path may be relative;
/// it begins at the root. The root is there; a directory that is created is durable after the [`Disk::sync_dir`] of its parent.
#[derive(Clone, Debug)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

/// As long as it lives, changes of some files wait: see [`SimulatedDisk::hold`].
#[derive(Debug)]
#[must_use = "nothing waits any more once it is dropped"]
pub struct Held {
    disk: SimulatedDisk,
    number: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        state.held.remove(&self.number);
        state.released.notify_all();
    }
}

/// What was on a disk at one time: the files, and what was not synced.
#[derive(Clone, Debug)]
pub struct Snapshot(Tree);

#[derive(Debug)]
pub(super) struct State {
    pub(super) tree: Tree,
    /// How often each file is open.
    pub(super) open: BTreeMap<NodeId, u32>,
    pub(super) locked: BTreeSet<NodeId>,
    /// Files that were opened under another number don't work any more.
    pub(super) generation: u64,
    faults: Faults,
    /// Draws the faults.
    random: Random,
    /// Draws what crashes keep; of its own, for how many faults are drawn depends on how threads take turns.
    crashes: Random,
    calls: BTreeMap<DiskCall, u64>,
    mutations: u64,
    /// The mutation that fails, and with which the power goes.
    last: Option<u64>,
    off: bool,
    /// In bytes; `None`: endless.
    capacity: Option<u64>,
    /// Changes of files whose path has one of these in it wait.
    held: BTreeMap<u64, String>,
    /// How many times something was held.
    holds: u64,
    pub(super) released: Arc<Condvar>,
}

/// What becomes of a call.
#[derive(Debug)]
pub(super) enum Course {
    /// It happens.
    Whole,
    /// A part of it happens, then this error.
    Part(io::Error),
    /// It fails and loses what it should have kept.
    Loses(io::Error),
    /// It happens, but this is answered.
    Denied(io::Error),
}

impl Course {
    /// For calls that happen wholly or not at all.
    pub(super) fn answer<T>(self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self {
            Self::Whole => act(),
            Self::Denied(error) => act().and(Err(error)),
            Self::Part(error) | Self::Loses(error) => Err(error),
        }
    }
}

impl SimulatedDisk {
    /// An empty disk without bounds or faults.
    pub fn new(seed: u64) -> Self {
        Self::with(Tree::default(), seed)
    }

    fn with(tree: Tree, seed: u64) -> Self {
        let mut crashes = Random::new(seed);
        let random = crashes.fork();
        Self(Arc::new(Mutex::new(State {
            tree,
            open: BTreeMap::new(),
            locked: BTreeSet::new(),
            generation: 0,
            faults: Faults::default(),
            random,
            crashes,
            calls: BTreeMap::new(),
            mutations: 0,
            last: None,
            off: false,
            capacity: None,
            held: BTreeMap::new(),
            holds: 0,
            released: Arc::default(),
        })))
    }

    /// The power goes. The disk that there is after it is returned: without faults, locks or open files, with the same capacity,
    /// and of what was not synced with any part. On this one every call fails with [`PoweredOff`] from now on.
    #[must_use]
    pub fn crash(&self) -> Self {
        let mut state = self.state();
        state.switch_off();
        let mut random = state.crashes.fork();
        let next = Self::with(state.tree.after(&mut random), random.number());
        next.state().capacity = state.capacity;
        next
    }

    /// The power goes at the `nth` mutating call from now, counted from 1: of this call any part may have happened.
    /// [`SimulatedDisk::crash`] is what is there afterwards.
    pub fn crash_after(&self, nth: u64) {
        let mut state = self.state();
        state.last = Some(state.mutations + nth.max(1));
    }

    /// Whether the power is off.
    pub fn is_off(&self) -> bool {
        self.state().off
    }

    /// How many calls there were that change what a crash may leave: see [`DiskCall::mutates`].
    pub fn mutations(&self) -> u64 {
        self.state().mutations
    }

    /// How many calls of this kind there were.
    pub fn calls(&self, call: DiskCall) -> u64 {
        self.state().calls.get(&call).copied().unwrap_or(0)
    }

    /// Lets calls fail.
    pub fn fault(&self, fault: Fault) {
        self.state().faults.add(fault);
    }

    /// Lets the changes of files with `part` in their path wait, as on a disk that has more to do than it can, as long as what is returned
    /// lives.
    pub fn hold(&self, part: impl Into<String>) -> Held {
        let mut state = self.state();
        state.holds += 1;
        let number = state.holds;
        state.held.insert(number, part.into());
        drop(state);
        Held { disk: self.clone(), number }
    }

    /// Takes all faults back; the power stays as it is.
    pub fn heal(&self) {
        self.state().faults.clear();
    }

    /// Bounds the space of all files, in bytes; `None`: it is endless. Less than what is used is allowed: what is there stays.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// Space that files take, in bytes: whole pages of 4 KiB, written or allocated; holes take none.
    pub fn used(&self) -> u64 {
        self.state().used()
    }

    /// Makes everything durable, as a clean unmount does.
    pub fn sync_all(&self) {
        self.state().tree.sync_all();
    }

    /// Changes the bits of `mask` in a byte of a file, durably, as a failing device does.
    ///
    /// # Errors
    /// `NotFound`: there is no such file; `UnexpectedEof`: it has no such byte.
    pub fn flip(&self, path: &Path, offset: u64, mask: u8) -> io::Result<()> {
        let mut state = self.state();
        let node = state.tree.find(path)?;
        match state.tree.file_mut(node)?.flip(offset, mask) {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Every file, sorted.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.state().tree.files().into_iter().map(|(path, _)| path).collect()
    }

    /// What is on the disk now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.state().tree.clone())
    }

    /// Puts that on the disk instead. Files that are open don't work any more; locks are released.
    pub fn restore(&self, snapshot: &Snapshot) {
        let mut state = self.state();
        state.tree = snapshot.0.clone();
        state.generation += 1;
        state.open.clear();
        state.locked.clear();
    }

    /// Writes every file below `dir` of the operating system's disk, to look at them with other tools.
    ///
    /// # Errors
    /// The operating system's.
    pub fn to_real(&self, dir: &Path) -> io::Result<()> {
        let state = self.state();
        for (path, node) in state.tree.files() {
            let real = dir.join(path.strip_prefix("/").unwrap_or(&path));
            if let Some(parent) = real.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(real, state.tree.file(node)?.now().bytes())?;
        }
        Ok(())
    }

    /// No code panics while it holds the lock, so what a poisoned lock guards is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(&self, state: &mut State, node: NodeId, path: &Path, writable: bool) -> Box<dyn DiskFile> {
        *state.open.entry(node).or_default() += 1;
        Box::new(SimulatedFile::new(Arc::clone(&self.0), node, state.generation, path.into(), writable))
    }
}

impl Snapshot {
    /// A disk of its own with this on it, without faults.
    pub fn disk(&self, seed: u64) -> SimulatedDisk {
        SimulatedDisk::with(self.0.clone(), seed)
    }
}

impl State {
    /// Counts a call and says what becomes of it.
    pub(super) fn course(&mut self, call: DiskCall, path: &Path) -> io::Result<Course> {
        if self.off {
            return Err(PoweredOff::error());
        }
        *self.calls.entry(call).or_default() += 1;
        if call.mutates() {
            self.mutations += 1;
            if self.last.is_some_and(|last| self.mutations >= last) {
                self.switch_off();
                return match call {
                    // What the sync was to write stays unsynced: the crash draws how much of it is there.
                    DiskCall::Sync | DiskCall::SyncDir => Err(PoweredOff::error()),
                    _ => Ok(Course::Denied(PoweredOff::error())),
                };
            }
        }
        match self.faults.strike(call, path, &mut self.random) {
            None => Ok(Course::Whole),
            Some(Failure::Late) => Ok(Course::Denied(os(libc::EIO))),
            Some(Failure::Lost) if call == DiskCall::Sync => Ok(Course::Loses(os(libc::EIO))),
            Some(Failure::Full) if call == DiskCall::Write => Ok(Course::Part(os(libc::ENOSPC))),
            Some(Failure::Full) => Err(os(libc::ENOSPC)),
            Some(Failure::Torn) if call == DiskCall::Write => Ok(Course::Part(os(libc::EIO))),
            Some(Failure::Io | Failure::Torn | Failure::Lost) => Err(os(libc::EIO)),
        }
    }

    /// No power from now on; nothing waits for it.
    fn switch_off(&mut self) {
        self.off = true;
        self.released.notify_all();
    }

    /// Whether a change of this file has to wait.
    pub(super) fn is_held(&self, path: &Path) -> bool {
        !self.off && self.held.values().any(|part| path.to_string_lossy().contains(part))
    }

    pub(super) fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// What a failing sync loses is drawn from here.
    pub(super) fn tree_and_random(&mut self) -> (&mut Tree, &mut Random) {
        (&mut self.tree, &mut self.random)
    }

    fn used(&self) -> u64 {
        let named = self.tree.files().into_iter().map(|(_, node)| node);
        // A removed file that somebody has open keeps its space.
        let nodes: BTreeSet<NodeId> = named.chain(self.open.keys().copied()).collect();
        nodes.into_iter().filter_map(|node| self.tree.file(node).ok()).map(|file| file.space()).sum()
    }

    /// How many more bytes can be taken.
    pub(super) fn free(&self) -> u64 {
        // What is used is only counted where there is a bound.
        self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used()))
    }

    /// Forgets removed files that nobody has open.
    pub(super) fn collect(&mut self) {
        self.tree.collect(self.open.keys().copied());
    }
}

impl Disk for SimulatedDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        if state.tree.list(dir).is_ok() && !state.off {
            return Ok(());
        }
        let course = state.course(DiskCall::CreateDir, dir)?;
        course.answer(|| state.tree.create_directories(dir).map(drop))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        let course = state.course(DiskCall::List, dir)?;
        course.answer(|| state.tree.list(dir))
    }

    fn open(&self, path: &Path, open: Open) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        let there = state.tree.find(path);
        let creates = open == Open::Create || (open == Open::Write && there.is_err());
        let course = state.course(if creates { DiskCall::Create } else { DiskCall::Open }, path)?;
        let node = course.answer(|| {
            let node = match there {
                Ok(node) => node,
                Err(error) if open == Open::Read => return Err(error),
                Err(_) => {
                    let place = state.tree.place(path)?;
                    state.tree.create(place)
                }
            };
            state.tree.file(node)?;
            if open == Open::Create {
                let change = state.tree.change();
                state.tree.file_mut(node)?.set_len(change, 0);
            }
            Ok(node)
        })?;
        Ok(self.opened(&mut state, node, path, open != Open::Read))
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        let mut state = self.state();
        let course = state.course(DiskCall::Size, path)?;
        course.answer(|| Ok(state.tree.file(state.tree.find(path)?)?.now().len()))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        let course = state.course(DiskCall::Read, path)?;
        course.answer(|| Ok(state.tree.file(state.tree.find(path)?)?.now().bytes()))
    }

    fn map(&self, path: &Path) -> io::Result<Bytes> {
        let mut state = self.state();
        let course = state.course(DiskCall::Map, path)?;
        course.answer(|| Ok(state.tree.file(state.tree.find(path)?)?.now().bytes().into()))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let course = state.course(DiskCall::Rename, to)?;
        course.answer(|| {
            let (from, to) = (state.tree.place(from)?, state.tree.place(to)?);
            state.tree.rename(from, to)
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let course = state.course(DiskCall::Remove, path)?;
        course.answer(|| {
            let place = state.tree.place(path)?;
            state.tree.remove(place)
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        let course = state.course(DiskCall::SyncDir, dir)?;
        let synced = course.answer(|| state.tree.sync_directory(dir));
        state.collect();
        synced
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        let mut state = self.state();
        state.course(DiskCall::Lock, path)?.answer(|| Ok(()))?;
        let node = match state.tree.find(path) {
            Ok(node) => node,
            Err(_) => {
                let course = state.course(DiskCall::Create, path)?;
                course.answer(|| {
                    let place = state.tree.place(path)?;
                    Ok(state.tree.create(place))
                })?
            }
        };
        state.tree.file(node)?;
        if !state.locked.insert(node) {
            return Ok(None);
        }
        Ok(Some(Box::new(SimulatedLock::new(Arc::clone(&self.0), node, state.generation))))
    }
}
