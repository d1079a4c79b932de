//! A list that grows at its end.

use std::sync::Arc;

/// A list that is only appended to. Its clones share it, and each sees the items that were there when it was made: a reader needs no
/// lock, and the writer copies nothing for it.
///
/// Of all clones only one may append, the one that has appended last: there is one history.
pub(crate) struct Appended<T> {
    /// `None`: nothing was ever appended.
    items: Option<Arc<boxcar::Vec<T>>>,
    len: u32,
}

impl<T> Appended<T> {
    /// Appends an item, and tells its index.
    pub(crate) fn push(&mut self, item: T) -> u32 {
        let at = self.items.get_or_insert_with(|| Arc::new(boxcar::Vec::new())).push(item);
        // Else two clones were changed, and each would see what the other wrote: nothing may be answered from them.
        assert_eq!(at, self.len as usize, "a delta has one history");
        self.len += 1;
        at as u32
    }

    /// An item that this clone sees.
    pub(crate) fn get(&self, at: u32) -> Option<&T> {
        if at < self.len { self.any(at) } else { None }
    }

    /// An item, even if it is newer than this clone.
    pub(crate) fn any(&self, at: u32) -> Option<&T> {
        self.items.as_ref()?.get(at as usize)
    }

    /// How many this clone sees.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Those from `first` on.
    pub(crate) fn from(&self, first: u32) -> impl Iterator<Item = &T> {
        (first..self.len).filter_map(|at| self.any(at))
    }
}

impl<T> Clone for Appended<T> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone(), len: self.len }
    }
}

impl<T> Default for Appended<T> {
    fn default() -> Self {
        Self { items: None, len: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_sees_what_was_there_when_it_was_made() {
        let mut all = Appended::default();
        all.push(0);
        let clones: Vec<_> = (1..100)
            .map(|number| {
                let before = all.clone();
                assert_eq!(all.push(number), number);
                before
            })
            .collect();
        for (count, clone) in (1..).zip(&clones) {
            assert_eq!(clone.from(0).copied().collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
            assert_eq!((clone.get(count), clone.any(count)), (None, Some(&count)));
        }
    }

    #[test]
    #[should_panic(expected = "one history")]
    fn two_histories_are_refused() {
        let mut first = Appended::default();
        first.push("aspirin");
        let mut second = first.clone();
        first.push("ibuprofen");
        second.push("paracetamol");
    }
}
