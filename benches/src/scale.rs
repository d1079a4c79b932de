//! How much is measured.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The scale of a run. The goals are those of the full one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scale {
    /// A tenth of the concepts and fewer repetitions: shows that the measurements run
    Small,
    /// What the goals are about
    #[default]
    Full,
}

impl Scale {
    /// One of two.
    pub(crate) fn of<T>(self, small: T, full: T) -> T {
        match self {
            Self::Small => small,
            Self::Full => full,
        }
    }

    /// Concepts of the great store.
    pub(crate) fn concepts(self) -> usize {
        self.of(100_000, 1_000_000)
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.of("small", "full"))
    }
}
