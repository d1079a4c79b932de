//! Directories: as they are now, as they are durably, and the changes between.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path, PathBuf};

use super::crash::Fate;
use super::faults::os;
use super::inode::Inode;
use super::random::Random;

pub(super) type NodeId = u64;

const ROOT: NodeId = 0;

/// Everything on a disk.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: BTreeMap<NodeId, Node>,
    /// Ids from here on are free.
    next: NodeId,
    /// Changes of directories that no `sync_dir` has confirmed, with their numbers, oldest first.
    pending: Vec<(u64, Change)>,
    /// Number of the newest change of anything.
    newest: u64,
}

#[derive(Clone, Debug)]
enum Node {
    File(Inode),
    Directory(Directory),
}

#[derive(Clone, Debug, Default)]
struct Directory {
    now: BTreeMap<String, NodeId>,
    durable: BTreeMap<String, NodeId>,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    directory: NodeId,
    name: String,
}

#[derive(Clone, Debug)]
enum Change {
    Link(Place, NodeId),
    Unlink(Place),
    /// Never loses the file: a crash leaves it under the old name, the new one, or both.
    Move {
        from: Place,
        to: Place,
        node: NodeId,
    },
}

impl Default for Tree {
    fn default() -> Self {
        let nodes = BTreeMap::from([(ROOT, Node::Directory(Directory::default()))]);
        Self { nodes, next: ROOT + 1, pending: Vec::new(), newest: 0 }
    }
}

impl Tree {
    /// The number of the next change.
    pub(super) fn change(&mut self) -> u64 {
        self.newest += 1;
        self.newest
    }

    /// The node at the path.
    pub(super) fn find(&self, path: &Path) -> io::Result<NodeId> {
        let mut node = ROOT;
        for name in names(path)? {
            let directory = self.directory(node)?;
            node = *directory.now.get(&name).ok_or_else(|| os(libc::ENOENT))?;
        }
        Ok(node)
    }

    /// The place at the path, whose directory must be there.
    pub(super) fn place(&self, path: &Path) -> io::Result<Place> {
        let mut names = names(path)?;
        let name = names.pop().ok_or_else(|| os(libc::EISDIR))?;
        let directory = self.find(&names.iter().collect::<PathBuf>())?;
        self.directory(directory)?;
        Ok(Place { directory, name })
    }

    pub(super) fn at(&self, place: &Place) -> Option<NodeId> {
        self.directory(place.directory).ok()?.now.get(&place.name).copied()
    }

    pub(super) fn file(&self, node: NodeId) -> io::Result<&Inode> {
        match self.nodes.get(&node) {
            Some(Node::File(file)) => Ok(file),
            Some(Node::Directory(_)) => Err(os(libc::EISDIR)),
            None => Err(os(libc::ESTALE)),
        }
    }

    pub(super) fn file_mut(&mut self, node: NodeId) -> io::Result<&mut Inode> {
        match self.nodes.get_mut(&node) {
            Some(Node::File(file)) => Ok(file),
            Some(Node::Directory(_)) => Err(os(libc::EISDIR)),
            None => Err(os(libc::ESTALE)),
        }
    }

    fn directory(&self, node: NodeId) -> io::Result<&Directory> {
        match self.nodes.get(&node) {
            Some(Node::Directory(directory)) => Ok(directory),
            _ => Err(os(libc::ENOTDIR)),
        }
    }

    /// Names in the directory, sorted.
    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        Ok(self.directory(self.find(path)?)?.now.keys().cloned().collect())
    }

    /// A new file at the place.
    pub(super) fn create(&mut self, place: Place) -> NodeId {
        self.add(place, Node::File(Inode::default()))
    }

    fn add(&mut self, place: Place, node: Node) -> NodeId {
        let id = self.next;
        self.next += 1;
        self.nodes.insert(id, node);
        self.record(Change::Link(place, id));
        id
    }

    /// Creates the directories that are not there; answers whether one wasn't.
    pub(super) fn create_directories(&mut self, path: &Path) -> io::Result<bool> {
        let mut directory = ROOT;
        let mut created = false;
        for name in names(path)? {
            let place = Place { directory, name };
            directory = match self.at(&place) {
                Some(there) => there,
                None => {
                    created = true;
                    self.add(place, Node::Directory(Directory::default()))
                }
            };
            self.directory(directory).map_err(|_| os(libc::EEXIST))?;
        }
        Ok(created)
    }

    pub(super) fn rename(&mut self, from: Place, to: Place) -> io::Result<()> {
        let node = self.at(&from).ok_or_else(|| os(libc::ENOENT))?;
        self.file(node)?;
        match self.at(&to) {
            // Both names are the same file: nothing to do.
            Some(there) if there == node => return Ok(()),
            Some(there) => drop(self.file(there)?),
            None => {}
        }
        self.record(Change::Move { from, to, node });
        Ok(())
    }

    pub(super) fn remove(&mut self, place: Place) -> io::Result<()> {
        self.file(self.at(&place).ok_or_else(|| os(libc::ENOENT))?)?;
        self.record(Change::Unlink(place));
        Ok(())
    }

    fn record(&mut self, change: Change) {
        apply(&mut self.nodes, now, &change);
        let number = self.change();
        self.pending.push((number, change));
    }

    /// Makes the changes in the directory durable. A move out of it is durable as a whole; of a move into it the new name is, and
    /// the old name may still come back.
    pub(super) fn sync_directory(&mut self, path: &Path) -> io::Result<()> {
        let synced = self.find(path)?;
        self.directory(synced)?;
        for (number, change) in std::mem::take(&mut self.pending) {
            match change {
                Change::Link(ref place, _) | Change::Unlink(ref place) if place.directory != synced => {
                    self.pending.push((number, change));
                }
                Change::Move { from, to, node } if from.directory != synced => {
                    if to.directory == synced {
                        apply(&mut self.nodes, durable, &Change::Link(to, node));
                        self.pending.push((number, Change::Unlink(from)));
                    } else {
                        self.pending.push((number, Change::Move { from, to, node }));
                    }
                }
                _ => apply(&mut self.nodes, durable, &change),
            }
        }
        Ok(())
    }

    /// Makes everything durable, as a clean unmount does.
    pub(super) fn sync_all(&mut self) {
        for (_, change) in std::mem::take(&mut self.pending) {
            apply(&mut self.nodes, durable, &change);
        }
        for node in self.nodes.values_mut() {
            if let Node::File(file) = node {
                file.sync();
            }
        }
    }

    /// Drops files that no name, no crash and no open file can reach.
    pub(super) fn collect(&mut self, open: impl Iterator<Item = NodeId>) {
        let mut needed: BTreeSet<NodeId> = open.chain([ROOT]).collect();
        for node in self.nodes.values() {
            if let Node::Directory(directory) = node {
                needed.extend(directory.now.values().chain(directory.durable.values()));
            }
        }
        for (_, change) in &self.pending {
            match change {
                Change::Link(_, node) | Change::Move { node, .. } => needed.insert(*node),
                Change::Unlink(_) => false,
            };
        }
        self.nodes.retain(|id, _| needed.contains(id));
    }

    /// Every file that has a name, with its path, by path.
    pub(super) fn files(&self) -> Vec<(PathBuf, NodeId)> {
        let mut found = Vec::new();
        let mut waiting = vec![(PathBuf::from("/"), ROOT)];
        while let Some((path, node)) = waiting.pop() {
            match self.nodes.get(&node) {
                Some(Node::Directory(directory)) => {
                    waiting.extend(directory.now.iter().map(|(name, node)| (path.join(name), *node)));
                }
                Some(Node::File(_)) => found.push((path, node)),
                None => {}
            }
        }
        found.sort();
        found
    }

    /// What a crash leaves.
    pub(super) fn after(&self, random: &mut Random) -> Self {
        let mut unsynced: Vec<u64> = self.pending.iter().map(|(number, _)| *number).collect();
        for node in self.nodes.values() {
            if let Node::File(file) = node {
                unsynced.extend(file.unsynced());
            }
        }
        unsynced.sort_unstable();
        unsynced.dedup();
        let fate = Fate::draw(&unsynced, random);
        let mut nodes = BTreeMap::new();
        for (id, node) in &self.nodes {
            let left = match node {
                Node::File(file) => Node::File(file.after(&fate, random)),
                Node::Directory(directory) => {
                    Node::Directory(Directory { now: directory.durable.clone(), durable: BTreeMap::new() })
                }
            };
            nodes.insert(*id, left);
        }
        for (number, change) in &self.pending {
            if fate.lands(*number, random) {
                apply(&mut nodes, now, change);
            } else if let Change::Move { from, to, node } = change
                && from.directory != to.directory
                && fate == Fate::Apart
                && random.one_in(4)
            {
                apply(&mut nodes, now, &Change::Link(to.clone(), *node));
            }
        }
        for node in nodes.values_mut() {
            if let Node::Directory(directory) = node {
                directory.durable = directory.now.clone();
            }
        }
        let mut left = Self { nodes, next: self.next, pending: Vec::new(), newest: self.newest };
        left.collect(std::iter::empty());
        left
    }
}

fn now(directory: &mut Directory) -> &mut BTreeMap<String, NodeId> {
    &mut directory.now
}

fn durable(directory: &mut Directory) -> &mut BTreeMap<String, NodeId> {
    &mut directory.durable
}

/// Applies a change to one of the two states of the directories that are there.
fn apply(nodes: &mut BTreeMap<NodeId, Node>, state: fn(&mut Directory) -> &mut BTreeMap<String, NodeId>, change: &Change) {
    let mut entries = |place: &Place, act: &dyn Fn(&mut BTreeMap<String, NodeId>)| {
        if let Some(Node::Directory(directory)) = nodes.get_mut(&place.directory) {
            act(state(directory));
        }
    };
    match change {
        Change::Link(place, node) => entries(place, &|names| {
            names.insert(place.name.clone(), *node);
        }),
        Change::Unlink(place) => entries(place, &|names| {
            names.remove(&place.name);
        }),
        Change::Move { from, to, node } => {
            entries(to, &|names| {
                names.insert(to.name.clone(), *node);
            });
            entries(from, &|names| {
                // Another file may have got the old name since.
                if names.get(&from.name) == Some(node) {
                    names.remove(&from.name);
                }
            });
        }
    }
}

/// The names on the way to the path, from the root; a relative path begins there too.
fn names(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir => drop(names.pop()),
            Component::Normal(name) => names.push(name.to_str().ok_or_else(|| os(libc::EILSEQ))?.to_owned()),
            Component::Prefix(_) => return Err(os(libc::EINVAL)),
        }
    }
    Ok(names)
}
