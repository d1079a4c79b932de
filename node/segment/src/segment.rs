//! A segment, open.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use sutra_disk::Disk;

use crate::container::Container;
use crate::error::{Damage, SegmentError};
use crate::part::Part;
use crate::section::Sections;

/// A segment's number in its store; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub u64);

/// An immutable file of rows, in place.
#[derive(Debug)]
pub struct Segment {
    container: Arc<Container>,
    parts: Vec<Arc<Part>>,
}

impl Segment {
    /// Opens a file: reads its header, its tables and what the parts say of themselves, and no row.
    ///
    /// # Errors
    /// The disk's, and every way in which the file is not a sound segment of `expected_store`, as far as was read.
    pub fn open(disk: &dyn Disk, path: &Path, expected_store: &str) -> Result<Arc<Self>, SegmentError> {
        let (container, entries) = Container::open(disk, path, expected_store)?;
        let container = Arc::new(container);
        let mut sections: Vec<Sections> = Vec::new();
        for entry in &entries {
            let part = entry.part as usize;
            // Parts are numbered without gaps, and each brings a section, so that a number costs no more than the file's size.
            if part > sections.len() {
                let what = format!("its section table goes on to part {part} after part {}", sections.len());
                return Err(Damage { file: path.to_owned(), what }.into());
            }
            if part == sections.len() {
                sections.push(Sections::default());
            }
            if let Some(of_part) = sections.get_mut(part) {
                of_part.put(entry);
            }
        }
        let mut parts: Vec<Arc<Part>> = Vec::with_capacity(sections.len());
        let mut namespaces = HashSet::new();
        for of_part in sections {
            let part = Part::open(&container, of_part)?;
            if !namespaces.insert(part.namespace().clone()) {
                let what = format!("it has two parts of namespace {}", part.namespace());
                return Err(Damage { file: path.to_owned(), what }.into());
            }
            parts.push(Arc::new(part));
        }
        Ok(Arc::new(Self { container, parts }))
    }

    /// The file.
    pub fn container(&self) -> &Arc<Container> {
        &self.container
    }

    /// The segment's number in its store.
    pub fn id(&self) -> SegmentId {
        self.container.id()
    }

    /// Size of the file.
    pub fn bytes(&self) -> u64 {
        self.container.bytes()
    }

    /// First 16 bytes of BLAKE3 over the header page, which holds the checksums of the tables that hold all others.
    pub fn root(&self) -> [u8; 16] {
        self.container.root()
    }

    /// What the segment holds, whichever store it is in and whatever its number: first 16 bytes of BLAKE3 over the header page
    /// without those two.
    pub fn signature(&self) -> [u8; 16] {
        self.container.signature()
    }

    /// What reading has found damaged so far; the first finding stays.
    pub fn damage(&self) -> Option<&Damage> {
        self.container.damage()
    }

    /// One for each namespace, in the order in which they were written.
    pub fn parts(&self) -> &[Arc<Part>] {
        &self.parts
    }

    /// Reads every block, and so all that was written: of rows that are another segment's too, which has this signature, nothing else
    /// needs a look.
    ///
    /// # Errors
    /// The first damage.
    pub fn check(&self) -> Result<(), Damage> {
        self.sound(self.container.check_all())
    }

    /// Reads every block and every row.
    ///
    /// # Errors
    /// The first damage.
    pub fn verify(&self) -> Result<(), Damage> {
        self.sound(self.container.check_all() && self.parts.iter().all(|part| part.verify().is_some()))
    }

    fn sound(&self, is_sound: bool) -> Result<(), Damage> {
        match self.container.damage() {
            Some(damage) => Err(damage.clone()),
            None if is_sound => Ok(()),
            None => Err(Damage { file: self.container.path().to_owned(), what: "not all of it could be read".into() }),
        }
    }
}
