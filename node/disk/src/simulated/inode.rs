//! A file: as it is now, as it is durably, and what came between.

use std::collections::BTreeMap;

use super::crash::Fate;
use super::pages::{PAGE, Page, Pages};
use super::random::Random;

/// A file without a name.
#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    now: Pages,
    /// As of the last sync.
    durable: Pages,
    /// Of each page that changed since: every state it has been in, oldest first, without the durable one.
    versions: BTreeMap<u64, Vec<Version>>,
    /// Every length since, oldest first, with the number of the change; without the durable one.
    lengths: Vec<(u64, u64)>,
    /// Pages below this one have space, written or not.
    reserved: u64,
}

/// A state of a page.
#[derive(Clone, Debug)]
pub(super) struct Version {
    /// Number of the change that brought it.
    pub(super) change: u64,
    /// `None`: a hole.
    pub(super) page: Option<Page>,
}

impl Inode {
    pub(super) fn now(&self) -> &Pages {
        &self.now
    }

    /// How much space it takes, in bytes.
    pub(super) fn space(&self) -> u64 {
        (self.reserved + self.now.count_from(self.reserved)) * PAGE
    }

    /// How much more space a write would take, in bytes.
    pub(super) fn needs(&self, offset: u64, len: u64) -> u64 {
        if len == 0 {
            return 0;
        }
        let pages = (offset / PAGE).max(self.reserved)..(offset + len).div_ceil(PAGE);
        pages.filter(|page| self.now.page(*page).is_none()).count() as u64 * PAGE
    }

    pub(super) fn write(&mut self, change: u64, offset: u64, bytes: &[u8]) {
        let before = self.now.len();
        let pages = self.now.write(offset, bytes);
        self.note(change, pages);
        self.note_length(change, before);
    }

    pub(super) fn set_len(&mut self, change: u64, len: u64) {
        let before = self.now.len();
        let pages = self.now.clip(len);
        self.note(change, pages);
        self.note_length(change, before);
        self.reserved = self.reserved.min(len.div_ceil(PAGE));
    }

    pub(super) fn allocate(&mut self, change: u64, len: u64) {
        if len > self.now.len() {
            self.set_len(change, len);
        }
        self.reserved = self.reserved.max(len.div_ceil(PAGE));
    }

    fn note(&mut self, change: u64, pages: impl IntoIterator<Item = u64>) {
        for number in pages {
            let page = self.now.page(number).cloned();
            self.versions.entry(number).or_default().push(Version { change, page });
        }
    }

    fn note_length(&mut self, change: u64, before: u64) {
        if self.now.len() != before {
            self.lengths.push((change, self.now.len()));
        }
    }

    /// Makes everything durable.
    pub(super) fn sync(&mut self) {
        for number in std::mem::take(&mut self.versions).into_keys() {
            self.durable.put(number, self.now.page(number).cloned());
        }
        self.lengths.clear();
        self.durable.clip(self.now.len());
    }

    /// A sync that fails as Linux lets it fail: some pages were written, the others are taken for written, so that no later sync
    /// writes them, and who reads still finds them as if they were there.
    pub(super) fn sync_and_lose(&mut self, random: &mut Random) {
        for number in std::mem::take(&mut self.versions).into_keys() {
            if random.one_in(2) {
                self.durable.put(number, self.now.page(number).cloned());
            }
        }
        let len = if self.lengths.is_empty() || random.one_in(2) { self.durable.len() } else { self.now.len() };
        self.lengths.clear();
        self.durable.clip(len);
    }

    /// Numbers of the changes since the last sync, in no order.
    pub(super) fn unsynced(&self) -> impl Iterator<Item = u64> {
        let pages = self.versions.values().flatten().map(|version| version.change);
        pages.chain(self.lengths.iter().map(|(change, _)| *change))
    }

    /// The file that a crash leaves.
    pub(super) fn after(&self, fate: &Fate, random: &mut Random) -> Self {
        let mut left = self.durable.clone();
        // Pages of one file tend to share their luck, so that whole files land as often as single sectors do.
        let luck = random.below(5);
        for (number, versions) in &self.versions {
            let page = fate.page(self.durable.page(*number), versions, luck, random);
            left.put(*number, page);
        }
        let len = fate.length(self.durable.len(), &self.lengths, luck, random);
        left.clip(len);
        let reserved = self.reserved.min(len.div_ceil(PAGE));
        Self { now: left.clone(), durable: left, versions: BTreeMap::new(), lengths: Vec::new(), reserved }
    }

    /// Changes the bits of `mask` in a byte of the file, durably; false: there is no such byte.
    pub(super) fn flip(&mut self, offset: u64, mask: u8) -> bool {
        let mut byte = [0];
        if self.now.read(offset, &mut byte) == 0 {
            return false;
        }
        self.now.write(offset, &[byte[0] ^ mask]);
        if self.durable.read(offset, &mut byte) == 1 {
            self.durable.write(offset, &[byte[0] ^ mask]);
        }
        true
    }
}
