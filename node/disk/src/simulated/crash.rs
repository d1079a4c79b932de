//! What of the unsynced a crash keeps.
//!
//! A journalling file system keeps a prefix of the changes; a page cache writes pages back in any order, and in any state that
//! they have been in; a device writes sectors. None of it is promised, so a crash draws which of them it is.

use std::sync::Arc;

use super::inode::Version;
use super::pages::{Page, SECTOR, zeroes};
use super::random::Random;

/// What kind of crash it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing that was not synced lands.
    Nothing,
    /// All of it lands.
    Everything,
    /// The changes up to the one of this number land, and any part of the next one that was not synced.
    Prefix {
        /// The last that lands.
        last: u64,
        /// The one that is torn.
        next: Option<u64>,
    },
    /// Every page, every length, every entry of a directory on its own.
    Apart,
}

impl Fate {
    /// Draws one; `unsynced` are the numbers of the changes that were not synced, ascending.
    pub(super) fn draw(unsynced: &[u64], random: &mut Random) -> Self {
        match random.below(8) {
            0 => Self::Nothing,
            1 => Self::Everything,
            2..=3 => {
                let landed = random.index(unsynced.len() + 1);
                let last = landed.checked_sub(1).and_then(|at| unsynced.get(at)).copied().unwrap_or(0);
                Self::Prefix { last, next: unsynced.get(landed).copied() }
            }
            _ => Self::Apart,
        }
    }

    /// Whether a change of a directory lands.
    pub(super) fn lands(self, change: u64, random: &mut Random) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Prefix { last, next } => change <= last || (Some(change) == next && random.one_in(2)),
            Self::Apart => random.one_in(2),
        }
    }

    /// The state of a page that lands. `luck`, 0 to 4: how likely pages of this file land.
    pub(super) fn page(self, durable: Option<&Page>, versions: &[Version], luck: u64, random: &mut Random) -> Option<Page> {
        let durable = durable.cloned();
        let newest = versions.last().map_or_else(|| durable.clone(), |version| version.page.clone());
        match self {
            Self::Nothing => durable,
            Self::Everything => newest,
            Self::Prefix { last, next } => {
                let landed = versions.iter().rev().find(|version| version.change <= last).map(|version| version.page.clone());
                let landed = landed.unwrap_or(durable);
                match versions.iter().find(|version| Some(version.change) == next) {
                    Some(next) => torn(&[landed, next.page.clone()], random),
                    None => landed,
                }
            }
            Self::Apart if random.one_in(3) => {
                let mut states = vec![durable];
                states.extend(versions.iter().map(|version| version.page.clone()));
                // One state of several, whole, or sectors of all of them.
                if random.one_in(2) { states.swap_remove(random.index(states.len())) } else { torn(&states, random) }
            }
            Self::Apart => {
                if random.below(5) <= luck {
                    newest
                } else {
                    durable
                }
            }
        }
    }

    /// The length that lands.
    pub(super) fn length(self, durable: u64, lengths: &[(u64, u64)], luck: u64, random: &mut Random) -> u64 {
        let newest = lengths.last().map_or(durable, |(_, len)| *len);
        match self {
            Self::Nothing => durable,
            Self::Everything => newest,
            Self::Prefix { last, next } => {
                let last = next.filter(|_| random.one_in(2)).unwrap_or(last);
                let keep = lengths.iter().rev().find(|(change, _)| *change <= last);
                keep.map_or(durable, |(_, len)| *len)
            }
            Self::Apart if random.one_in(3) => match random.index(lengths.len() + 1) {
                0 => durable,
                at => lengths[at - 1].1,
            },
            Self::Apart => {
                if random.below(5) <= luck {
                    newest
                } else {
                    durable
                }
            }
        }
    }
}

/// A page whose sectors each come from one of these states.
fn torn(states: &[Option<Page>], random: &mut Random) -> Option<Page> {
    if states.iter().all(Option::is_none) {
        return None;
    }
    let mut page = zeroes();
    for (at, sector) in Arc::make_mut(&mut page).chunks_exact_mut(SECTOR).enumerate() {
        if let Some(Some(from)) = random.pick(states) {
            sector.copy_from_slice(&from[at * SECTOR..(at + 1) * SECTOR]);
        }
    }
    Some(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(byte: u8) -> Option<Page> {
        Some(Arc::new([byte; 4096]))
    }

    fn versions() -> Vec<Version> {
        (1..=3).map(|at| Version { change: at * 10, page: filled(at as u8) }).collect()
    }

    #[test]
    fn a_prefix_keeps_what_came_before_it_and_may_tear_what_comes_next() {
        let mut random = Random::new(1);
        assert_eq!(Fate::Prefix { last: 15, next: None }.page(None, &versions(), 0, &mut random), filled(1));
        assert_eq!(Fate::Prefix { last: 8, next: Some(9) }.page(filled(9).as_ref(), &versions(), 0, &mut random), filled(9));
        let torn = Fate::Prefix { last: 10, next: Some(20) }.page(None, &versions(), 0, &mut random).unwrap();
        let sectors: Vec<u8> = torn.chunks(SECTOR).map(|sector| sector[0]).collect();
        assert!(torn.chunks(SECTOR).all(|sector| sector.iter().all(|byte| *byte == sector[0])));
        assert!(sectors.contains(&1) && sectors.contains(&2) && !sectors.contains(&3), "{sectors:?}");
    }

    #[test]
    fn pages_that_land_apart_have_been_seen_in_every_state_and_in_mixtures() {
        let mut random = Random::new(2);
        let mut whole = [0; 4];
        let mut mixed = 0;
        for _ in 0..1_000 {
            let luck = random.below(5);
            let page = Fate::Apart.page(filled(0).as_ref(), &versions(), luck, &mut random).unwrap();
            match page.iter().all(|byte| *byte == page[0]) {
                true => whole[usize::from(page[0])] += 1,
                false => mixed += 1,
            }
        }
        assert!(whole.iter().all(|times| *times > 20) && mixed > 100, "{whole:?} {mixed}");
    }

    #[test]
    fn nothing_and_everything_are_what_they_say() {
        let mut random = Random::new(3);
        assert_eq!(Fate::Nothing.page(None, &versions(), 4, &mut random), None);
        assert_eq!(Fate::Everything.page(None, &versions(), 0, &mut random), filled(3));
        assert_eq!(Fate::Nothing.length(5, &[(1, 7)], 4, &mut random), 5);
        assert_eq!(Fate::Everything.length(5, &[(1, 7), (2, 6)], 0, &mut random), 6);
        assert!(!Fate::Nothing.lands(1, &mut random) && Fate::Everything.lands(1, &mut random));
    }
}
