//! Consistency tokens.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use sutra_protocol::command::LogIndex;
use sutra_protocol::{ApiError, limits};

/// The first byte of every token: how the rest is to be read.
const VERSION: u8 = 1;
/// What one position takes.
const POSITION_BYTES: usize = 16;
/// Positions that fit into [`limits::TOKEN_BYTES`] of base64.
const POSITIONS: usize = (limits::TOKEN_BYTES / 4 * 3 - 1) / POSITION_BYTES;

/// What a caller has written or seen: a position in the log of each shard it met. Opaque to callers; a read that carries it
/// sees everything up to these positions.
///
/// Written as base64url without padding over a version byte and, per shard in rising order, its number and index as big-endian
/// `u64`s: at most 2 KiB of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    positions: BTreeMap<u64, LogIndex>,
}

impl Token {
    /// The token of one position.
    pub fn at(shard: u64, index: LogIndex) -> Self {
        Self { positions: BTreeMap::from([(shard, index)]) }
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
        let mut bytes = Vec::with_capacity(1 + POSITION_BYTES * self.positions.len());
        bytes.push(VERSION);
        for (shard, index) in self.positions() {
            bytes.extend_from_slice(&shard.to_be_bytes());
            bytes.extend_from_slice(&index.0.to_be_bytes());
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
        let (&VERSION, rest) = bytes.split_first().ok_or_else(malformed)? else { return Err(malformed()) };
        let (pairs, []) = rest.as_chunks::<POSITION_BYTES>() else { return Err(malformed()) };
        let mut positions = BTreeMap::new();
        for pair in pairs {
            let (shard, index) = split(pair);
            if positions.insert(shard, LogIndex(index)).is_some() {
                return Err(malformed());
            }
        }
        if positions.is_empty() || positions.len() > POSITIONS { Err(malformed()) } else { Ok(Self { positions }) }
    }
}

fn split(pair: &[u8; POSITION_BYTES]) -> (u64, u64) {
    let both = u128::from_be_bytes(*pair);
    ((both >> 64) as u64, both as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text() {
        let token = Token::at(0, LogIndex(7)).merge(&Token::at(3, LogIndex(u64::MAX))).merge(&Token::at(0, LogIndex(5)));
        assert_eq!(token.to_string().parse(), Ok(token.clone()));
        assert_eq!(token.position(0), Some(LogIndex(7)));
        assert_eq!(token.position(1), None);
    }

    #[test]
    fn the_greatest_token_fits_its_bound() {
        let token = (0..POSITIONS as u64).fold(Token::default(), |token, shard| token.merge(&Token::at(shard, LogIndex(1))));
        let text = token.to_string();
        assert!(text.len() <= limits::TOKEN_BYTES);
        assert_eq!(text.parse(), Ok(token));
    }

    #[test]
    fn anything_else_is_an_invalid_argument() {
        let twice = URL_SAFE_NO_PAD.encode([&[VERSION][..], &[0; 32]].concat());
        let newer = URL_SAFE_NO_PAD.encode([&[VERSION + 1][..], &[0; 16]].concat());
        for bad in ["", "AQ", "AQ==", "not a token", "AQAAAA", &twice, &newer, &"A".repeat(limits::TOKEN_BYTES + 1)] {
            let error = bad.parse::<Token>().unwrap_err();
            assert_eq!((error.code.as_str(), error.param.as_deref()), ("invalid_argument", Some("Sutra-Token")), "{bad:?}");
        }
    }
}
