//! A filter for misses: a split block Bloom filter as Apache Parquet's BloomFilter.md specifies it.
//!
//! Blocks of 256 bits, eight words each. Ids are hashes already: the last 8 bytes, read as a big-endian number, stand for the
//! specification's xxHash. Its high half chooses the block, its low half a bit in each of the block's words.

use sutra_protocol::ConceptId;

use crate::container::Container;
use crate::section::Section;

/// Bytes of a block.
pub(crate) const BLOCK: usize = 32;

/// Bits an id: a wrong "perhaps" for about one id in 150.
const BITS: usize = 12;

const SALTS: [u32; 8] = [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

fn words(id: ConceptId) -> [u32; 8] {
    let low = id.as_u128() as u32;
    SALTS.map(|salt| 1 << (low.wrapping_mul(salt) >> 27))
}

fn block(id: ConceptId, blocks: usize) -> usize {
    let high = id.as_u128() as u64 >> 32;
    ((high * blocks as u64) >> 32) as usize
}

/// The filter of these ids; empty for none.
pub(crate) fn build(ids: &[ConceptId]) -> Vec<u8> {
    // A block is chosen by 32 bits.
    let blocks = (ids.len() * BITS).div_ceil(8 * BLOCK).min(1 << 31);
    let mut filter = vec![0; blocks * BLOCK];
    for id in ids {
        let at = block(*id, blocks) * BLOCK;
        let (chunks, _) = filter[at..at + BLOCK].as_chunks_mut::<4>();
        for (chunk, word) in chunks.iter_mut().zip(words(*id)) {
            *chunk = (u32::from_le_bytes(*chunk) | word).to_le_bytes();
        }
    }
    filter
}

/// Whether the id is perhaps among those that the filter was built of. What can't be read holds everything.
#[inline]
pub(crate) fn may_hold(container: &Container, filter: Section, id: ConceptId) -> bool {
    let blocks = filter.len / BLOCK;
    if blocks == 0 {
        return false;
    }
    let Some(bytes) = container.slice(filter, block(id, blocks) * BLOCK, BLOCK) else { return true };
    bytes.as_chunks::<4>().0.iter().zip(words(id)).all(|(chunk, word)| u32::from_le_bytes(*chunk) & word == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> ConceptId {
        ConceptId::derive(&Default::default(), &format!("concept {n}"), None)
    }

    #[test]
    fn what_is_in_is_found_and_little_else() {
        let ids: Vec<ConceptId> = (0..20_000).map(id).collect();
        let filter = build(&ids);
        assert_eq!(filter.len(), (20_000usize * 12).div_ceil(256) * 32);
        let holds = |id| {
            let at = block(id, filter.len() / BLOCK) * BLOCK;
            filter[at..at + BLOCK].chunks(4).zip(words(id)).all(|(c, w)| u32::from_le_bytes(c.try_into().unwrap()) & w == w)
        };
        assert!(ids.iter().all(|id| holds(*id)));
        let wrong = (20_000..120_000).filter(|n| holds(id(*n))).count();
        assert!(wrong < 1_000, "{wrong} of 100000");
    }
}
