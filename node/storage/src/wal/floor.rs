//! The floor: how far the log was durable when it was last opened, begun anew or closed.
//!
//! Frames tell that those before them are durable, but nothing in a log tells that its own end, or all of it, is gone. The floor
//! stands beside the log, in the file `DURABLE` of the data directory.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::WalError;
use crate::crashsafe;

/// Where a floor is kept.
#[derive(Clone, Debug)]
pub(crate) struct FloorFile(PathBuf);

/// A log that ends before this place has lost something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Floor {
    pub(crate) file_id: u64,
    /// In that file.
    pub(crate) offset: u64,
}

impl FloorFile {
    pub(crate) fn in_dir(data_dir: &std::path::Path) -> Self {
        Self(data_dir.join("DURABLE"))
    }

    /// The floor; one that was never set lies below everything.
    pub(crate) fn read(&self) -> Result<Floor, WalError> {
        match fs::read(&self.0) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| WalError::Damaged {
                file: self.0.clone(),
                offset: 0,
                reason: error.to_string(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Floor::default()),
            Err(error) => Err(WalError::io("read", &self.0)(error)),
        }
    }

    pub(crate) fn write(&self, floor: Floor) -> io::Result<()> {
        crashsafe::replace(&self.0, &serde_json::to_vec(&floor)?)
    }
}
