//! What only the nodes of a grid know.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most bytes of a secret.
pub const SECRET_BYTES: usize = 4096;

/// Bytes of randomness in a generated secret.
const GENERATED_BYTES: usize = 32;

/// A grid's secret. Cheap to clone; nothing prints it.
#[derive(Clone)]
pub struct PeerSecret {
    /// 1 to [`SECRET_BYTES`] bytes.
    bytes: Arc<[u8]>,
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Its file can't be read.
    #[error("read the peer secret {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Its file holds none.
    #[error("the peer secret {path} has {found} bytes; it must have 1 to {SECRET_BYTES}")]
    FileLength {
        /// The file.
        path: PathBuf,
        /// How many bytes there are, as far as they were read.
        found: usize,
    },
    /// It is empty or too long.
    #[error("a peer secret has 1 to {SECRET_BYTES} bytes, not {found}")]
    Length {
        /// How many there are.
        found: usize,
    },
    /// The system has no random bytes.
    #[error("take random bytes for a peer secret")]
    Random(#[source] io::Error),
}

impl PeerSecret {
    /// The secret of these bytes.
    ///
    /// # Errors
    /// There are none, or more than [`SECRET_BYTES`].
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self, SecretError> {
        let bytes = bytes.as_ref();
        if (1..=SECRET_BYTES).contains(&bytes.len()) {
            Ok(Self { bytes: bytes.into() })
        } else {
            Err(SecretError::Length { found: bytes.len() })
        }
    }

    /// The secret in a file; line ends at its end don't belong to it.
    ///
    /// # Errors
    /// The file can't be read, or holds no byte or more than [`SECRET_BYTES`]; the error names it.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, SecretError> {
        let path = path.as_ref();
        let mut bytes = Vec::new();
        File::open(path)
            // Enough to see that it is too long, with a line end after it.
            .and_then(|file| file.take(SECRET_BYTES as u64 + 3).read_to_end(&mut bytes))
            .map_err(|source| SecretError::Read { path: path.to_owned(), source })?;
        while let Some(b'\n' | b'\r') = bytes.last() {
            bytes.pop();
        }
        Self::new(&bytes).map_err(|_| SecretError::FileLength { path: path.to_owned(), found: bytes.len() })
    }

    /// A new secret: 64 hexadecimal digits out of 32 random bytes.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn generate() -> Result<Self, SecretError> {
        let mut random = [0; GENERATED_BYTES];
        getrandom::fill(&mut random).map_err(|error| SecretError::Random(error.into()))?;
        let digits = random.iter().fold(String::with_capacity(2 * GENERATED_BYTES), |mut digits, byte| {
            // Writing to a string can't fail.
            let _ = write!(digits, "{byte:02x}");
            digits
        });
        Self::new(digits)
    }

    /// The secret itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for PeerSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PeerSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::{PeerSecret, SecretError};

    #[test]
    fn debug_does_not_show_it() {
        let secret = PeerSecret::new("swordfish").unwrap();
        assert_eq!(format!("{secret:?}"), "PeerSecret(..)");
        assert_eq!(secret.as_bytes(), b"swordfish");
    }

    #[test]
    fn generated_secrets_are_64_digits_and_differ() {
        let (one, other) = (PeerSecret::generate().unwrap(), PeerSecret::generate().unwrap());
        assert_eq!(one.as_bytes().len(), 64);
        assert!(one.as_bytes().iter().all(u8::is_ascii_hexdigit));
        assert_ne!(one.as_bytes(), other.as_bytes());
    }

    #[test]
    fn line_ends_at_the_end_of_a_file_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for text in ["a b\n", "a b", "a b\r\n"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(PeerSecret::read(&path).unwrap().as_bytes(), b"a b");
        }
        std::fs::write(&path, format!("{}\r\n", "x".repeat(4096))).unwrap();
        assert_eq!(PeerSecret::read(&path).unwrap().as_bytes().len(), 4096);
    }

    #[test]
    fn a_file_without_a_secret_is_named_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let name = path.display().to_string();
        let missing = PeerSecret::read(&path).unwrap_err();
        assert!(matches!(missing, SecretError::Read { .. }) && missing.to_string().contains(&name));
        for text in ["\n".to_owned(), "x".repeat(4097), "x".repeat(1 << 20)] {
            std::fs::write(&path, text).unwrap();
            let error = PeerSecret::read(&path).unwrap_err();
            assert!(matches!(error, SecretError::FileLength { .. }) && error.to_string().contains(&name), "{error}");
        }
    }
}
