//! Amounts of memory or disk as people write them.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// A number of bytes: a whole number and `KiB`, `MiB` or `GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(u64);

/// Why a text is not a [`Size`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a size is a whole number and KiB, MiB or GiB, such as 256MiB, at most {}GiB; not {found:?}", LARGEST >> 30)]
pub(crate) struct InvalidSize {
    found: String,
}

/// More than any machine has for one node.
const LARGEST: u64 = 16 << 40;

impl Size {
    pub(crate) const fn mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    /// In bytes.
    pub(crate) const fn bytes(self) -> u64 {
        self.0
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            bytes if bytes % (1 << 30) == 0 => write!(f, "{}GiB", bytes >> 30),
            bytes if bytes % (1 << 20) == 0 => write!(f, "{}MiB", bytes >> 20),
            bytes => write!(f, "{}KiB", bytes >> 10),
        }
    }
}

impl FromStr for Size {
    type Err = InvalidSize;

    fn from_str(text: &str) -> Result<Self, InvalidSize> {
        let invalid = || InvalidSize { found: text.into() };
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let number: u64 = text[..text.len() - unit.len()].parse().map_err(|_| invalid())?;
        let shift = match unit {
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            _ => return Err(invalid()),
        };
        let bytes = number.checked_mul(1 << shift);
        bytes.filter(|bytes| *bytes <= LARGEST).map(Self).ok_or_else(invalid)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_written_out_and_bounded() {
        for (text, bytes) in [("64KiB", 64 << 10), ("256MiB", 256 << 20), ("1GiB", 1 << 30), ("16384GiB", 16 << 40), ("0MiB", 0)]
        {
            assert_eq!(text.parse(), Ok(Size(bytes)));
        }
        for bad in
            ["", "5", "MiB", "-1MiB", "1.5GiB", "5 MiB", "256MB", "16385GiB", "99999999999999999999GiB", "18014398509481984KiB"]
        {
            assert!(bad.parse::<Size>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_size_is_told_as_it_was_written() {
        for text in ["64KiB", "1536KiB", "256MiB", "3GiB"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
    }
}
