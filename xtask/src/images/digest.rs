//! The name of content: its SHA-256.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// Shown as `sha256:HEX`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digest {
    hex: String,
}

impl Digest {
    pub(crate) fn of(content: &[u8]) -> Self {
        Self { hex: Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect() }
    }

    /// Where an image layout keeps the content.
    pub(crate) fn blob(&self) -> String {
        format!("blobs/sha256/{}", self.hex)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_sha_256_of_the_standard() {
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), abc);
    }
}
