//! A layer: a tar archive whose bytes depend on nothing but the entries.

use std::io;

use tar::{Builder, EntryType, Header};

use super::digest::Digest;
use super::root::{Entry, Root};

/// Uncompressed, so that its digest is also the one that the image's configuration names, and nothing depends on a compressor.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: Digest,
}

impl Layer {
    /// Packs the entries in their order, all from the epoch.
    pub(crate) fn pack(root: &Root) -> io::Result<Self> {
        let mut tar = Builder::new(Vec::new());
        for (path, entry) in root.entries() {
            append(&mut tar, path, entry)?;
        }
        let bytes = tar.into_inner()?;
        let digest = Digest::of(&bytes);
        Ok(Self { bytes, digest })
    }
}

fn append(tar: &mut Builder<Vec<u8>>, path: &str, entry: &Entry) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_mode(entry.mode);
    header.set_uid(entry.owner.0.into());
    header.set_gid(entry.owner.0.into());
    header.set_mtime(0);
    let content = match &entry.content {
        None => {
            header.set_entry_type(EntryType::Directory);
            header.set_path(format!("{path}/"))?;
            &[][..]
        }
        Some(content) => {
            header.set_entry_type(EntryType::Regular);
            header.set_path(path)?;
            content
        }
    };
    header.set_size(content.len() as u64);
    header.set_cksum();
    tar.append(&header, content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::root::Owner;

    fn root(text: &str) -> Root {
        let mut root = Root::default();
        root.file("/etc/passwd", text);
        root.directory("/var/lib/sutra", 0o750, Owner::NONROOT);
        root
    }

    #[test]
    fn the_same_entries_give_the_same_digest_and_a_changed_byte_another() {
        let digest = |text| Layer::pack(&root(text)).unwrap().digest;
        assert_eq!(digest("root"), digest("root"));
        assert_ne!(digest("root"), digest("Root"));
    }

    #[test]
    fn every_entry_has_its_owner_and_mode_and_no_time() {
        let layer = Layer::pack(&root("root")).unwrap();
        let mut archive = tar::Archive::new(&layer.bytes[..]);
        let mut found = Vec::new();
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!(header.mtime().unwrap(), 0);
            let path = entry.path().unwrap().display().to_string();
            found.push((path, header.mode().unwrap(), header.uid().unwrap()));
        }
        assert_eq!(found.first().unwrap(), &("etc/".to_owned(), 0o755, 0));
        assert_eq!(found.last().unwrap(), &("var/lib/sutra/".to_owned(), 0o750, 65532));
    }
}
