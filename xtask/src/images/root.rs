//! A root file system, or a layer of one, in memory.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use crate::failure::{Failure, Result};

/// Who owns a file: the user and the group of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner(pub(crate) u32);

impl Owner {
    pub(crate) const ROOT: Self = Self(0);
    /// As in most images without a root user; pods that demand `runAsNonRoot` need the number, not the name.
    pub(crate) const NONROOT: Self = Self(65532);
}

/// A file or a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// None in a directory.
    pub(crate) content: Option<Vec<u8>>,
    pub(crate) mode: u32,
    pub(crate) owner: Owner,
}

/// Entries by their path without the leading slash. The directories above an entry are entries too, and come before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Root {
    entries: BTreeMap<String, Entry>,
}

impl Root {
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    /// Adds a file that everybody may read.
    pub(crate) fn file(&mut self, path: &str, content: impl Into<Vec<u8>>) {
        self.add(path, Entry { content: Some(content.into()), mode: 0o644, owner: Owner::ROOT });
    }

    /// Adds a file that everybody may execute.
    pub(crate) fn program(&mut self, path: &str, content: Vec<u8>) {
        self.add(path, Entry { content: Some(content), mode: 0o755, owner: Owner::ROOT });
    }

    pub(crate) fn directory(&mut self, path: &str, mode: u32, owner: Owner) {
        self.add(path, Entry { content: None, mode, owner });
    }

    fn add(&mut self, path: &str, entry: Entry) {
        let path = path.trim_matches('/');
        for (end, _) in path.match_indices('/') {
            let parent = Entry { content: None, mode: 0o755, owner: Owner::ROOT };
            self.entries.entry(path[..end].to_owned()).or_insert(parent);
        }
        self.entries.insert(path.to_owned(), entry);
    }

    /// Writes everything under `directory`. Only root can give files to others; for anyone else they stay their own.
    pub(crate) fn write(&self, directory: &Path) -> Result<()> {
        for (path, entry) in self.entries() {
            let path = directory.join(path);
            entry.write(&path).map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
        }
        Ok(())
    }
}

impl Entry {
    fn write(&self, path: &Path) -> io::Result<()> {
        match &self.content {
            None => fs::create_dir_all(path)?,
            Some(content) => fs::write(path, content)?,
        }
        fs::set_permissions(path, Permissions::from_mode(self.mode))?;
        match chown(path, Some(self.owner.0), Some(self.owner.0)) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            done => done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_above_an_entry_come_before_it() {
        let mut root = Root::default();
        root.file("/usr/share/doc/a/copyright", "text");
        root.directory("/usr/share", 0o700, Owner::NONROOT);
        let paths: Vec<_> = root.entries().map(|(path, entry)| (path, entry.mode)).collect();
        let expected = [("usr", 0o755), ("usr/share", 0o700), ("usr/share/doc", 0o755), ("usr/share/doc/a", 0o755)];
        assert_eq!(paths[..4], expected);
        assert_eq!(paths[4], ("usr/share/doc/a/copyright", 0o644));
    }
}
