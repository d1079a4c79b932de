//! Consistency tokens.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use sutra_protocol::command::LogIndex;
use sutra_protocol::{ApiError, limits};

/// The first byte of every token: how the rest is to be read.
const VERSION: u8 = 2;

/// What a caller has written or seen: a position in the log of each shard it met. Opaque to callers; a read that carries it
/// sees everything up to these positions.
///
/// Written as base64url without padding over a version byte and, per shard in rising order, by how much its number is above the one
/// before, and its index, both as LEB128: at most 2 KiB of text for the most shards that a grid has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    positions: BTreeMap<u64, LogIndex>,
}

impl Token {
    /// The token of one position.
    pub fn at(shard: u64, index: LogIndex) -> Self {
        Self::of([(shard, index)])
    }

    /// The token of these positions: of each shard the greatest.
    pub fn of(positions: impl IntoIterator<Item = (u64, LogIndex)>) -> Self {
        let mut token = Self::default();
        for (shard, index) in positions {
            let held = token.positions.entry(shard).or_default();
            *held = (*held).max(index);
        }
        token
    }

    /// The position in `shard`'s log, if the token names the shard.
    pub fn position(&self, shard: u64) -> Option<LogIndex> {
        self.positions.get(&shard).copied()
    }

    /// Every (shard, index), in the order of the shards.
    pub fn positions(&self) -> impl Iterator<Item = (u64, LogIndex)> + '_ {
        self.positions.iter().map(|(shard, index)| (*shard, *index))
    }

    /// What either has seen.
    #[must_use]
    pub fn merge(mut self, other: &Self) -> Self {
        for (shard, index) in other.positions() {
            let held = self.positions.entry(shard).or_default();
            *held = (*held).max(index);
        }
        self
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(1 + 6 * self.positions.len());
        bytes.push(VERSION);
        let mut before = 0;
        for (shard, index) in self.positions() {
            write(&mut bytes, shard - before);
            write(&mut bytes, index.0);
            before = shard;
        }
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Token {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        let malformed =
            || ApiError::invalid("Sutra-Token", format!("Sutra-Token {} is none that a write returned", limits::excerpt(text)));
        if text.len() > limits::TOKEN_BYTES {
            let message = format!("Sutra-Token has {} bytes; at most {} are allowed", text.len(), limits::TOKEN_BYTES);
            return Err(ApiError::invalid("Sutra-Token", message));
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed())?;
        let (&VERSION, mut rest) = bytes.split_first().ok_or_else(malformed)? else { return Err(malformed()) };
        let mut positions = BTreeMap::new();
        let mut before = 0_u64;
        while !rest.is_empty() {
            let (more, index) = read(&mut rest).zip(read(&mut rest)).ok_or_else(malformed)?;
            let shard = before.checked_add(more).ok_or_else(malformed)?;
            if positions.insert(shard, LogIndex(index)).is_some() {
                return Err(malformed());
            }
            before = shard;
        }
        if positions.is_empty() { Err(malformed()) } else { Ok(Self { positions }) }
    }
}

/// Appends a number: seven bits a byte, the lowest first, the eighth bit says that more follow.
fn write(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Takes a number off the front; none if it ends early or says more than 64 bits.
fn read(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use sutra_protocol::founding::MOST_SHARDS;

    use super::*;

    #[test]
    fn a_token_survives_its_text() {
        let token = Token::at(0, LogIndex(7)).merge(&Token::at(3, LogIndex(u64::MAX))).merge(&Token::at(0, LogIndex(5)));
        assert_eq!(token.to_string().parse(), Ok(token.clone()));
        assert_eq!(token.position(0), Some(LogIndex(7)));
        assert_eq!(token.position(1), None);
    }

    #[test]
    fn the_token_of_a_grid_of_the_most_shards_fits_its_bound_for_as_long_as_anybody_writes() {
        // A million entries a second in each shard, for fifty days.
        let positions = (1..=u64::from(MOST_SHARDS)).map(|shard| (shard, LogIndex((1 << 42) - shard)));
        let token = Token::of(positions);
        let text = token.to_string();
        assert!(text.len() <= limits::TOKEN_BYTES, "{}", text.len());
        assert_eq!(text.parse(), Ok(token));
    }

    #[test]
    fn anything_else_is_an_invalid_argument() {
        let text = |version: u8, rest: &[u8]| URL_SAFE_NO_PAD.encode([&[version], rest].concat());
        let twice = text(VERSION, &[3, 7, 0, 7]);
        let newer = text(VERSION + 1, &[3, 7]);
        let none = text(VERSION, &[]);
        let halved = [text(VERSION, &[3]), text(VERSION, &[3, 0x80])];
        let wide = text(VERSION, &[&[3][..], &[0xff; 9], &[2]].concat());
        let beyond = text(VERSION, &[&[0xff; 9][..], &[1, 7, 1, 7]].concat());
        for bad in [
            "",
            "AQ",
            "AQ==",
            "not a token",
            &twice,
            &newer,
            &none,
            &halved[0],
            &halved[1],
            &wide,
            &beyond,
            &"A".repeat(limits::TOKEN_BYTES + 1),
        ] {
            let error = bad.parse::<Token>().unwrap_err();
            assert_eq!((error.code.as_str(), error.param.as_deref()), ("invalid_argument", Some("Sutra-Token")), "{bad:?}");
        }
    }
}
