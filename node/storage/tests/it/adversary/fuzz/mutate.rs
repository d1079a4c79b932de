//! Mutations.

use sutra_disk::Random;

/// Numbers at which lengths and counts go wrong.
const NUMBERS: [u64; 14] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x0100_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

/// First bytes of MessagePack values that announce a length.
const MARKERS: [u8; 15] = [0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0x9f, 0x8f];

/// One of the pool, changed once to four times.
pub(super) fn mutated(pool: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = random.pick(pool).cloned().unwrap_or_default();
    for _ in 0..1 + random.below(4) {
        mutate(&mut bytes, pool, random);
    }
    bytes
}

fn mutate(bytes: &mut Vec<u8>, pool: &[Vec<u8>], random: &mut Random) {
    let at = random.index(bytes.len());
    match random.below(9) {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        2 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.number() as u8;
            }
        }
        3 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = MARKERS[random.index(MARKERS.len())];
            }
        }
        4 => write_number(bytes, at, random),
        5 => bytes.truncate(at),
        6 => {
            let end = at + random.index(bytes.len() - at + 1);
            bytes.drain(at..end);
        }
        7 => {
            let end = at + random.index((bytes.len() - at).min(64) + 1);
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        _ => {
            // The beginning of one and the end of another.
            let other = random.pick(pool).cloned().unwrap_or_default();
            let from = random.index(other.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from.min(other.len())..]);
        }
    }
}

/// Puts a number in the place of two, four or eight bytes, in either order.
fn write_number(bytes: &mut [u8], at: usize, random: &mut Random) {
    let number = NUMBERS[random.index(NUMBERS.len())].wrapping_add(random.below(3)).wrapping_sub(1);
    let width = [2, 4, 8][random.index(3)];
    let little = number.to_le_bytes();
    let mut new = little[..width].to_vec();
    if random.one_in(2) {
        new.reverse();
    }
    for (to, from) in bytes.iter_mut().skip(at).zip(new) {
        *to = from;
    }
}
