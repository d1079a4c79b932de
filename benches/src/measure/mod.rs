//! The measurements, each a file; what they measure, and against what, is told there.
//!
//! | module | what is measured |
//! |---|---|
//! | `storage` | the storage engine and a node alone |
//! | `grid` | several nodes that keep the same knowledge |

use crate::report::{Part, Recorder};
use crate::setting::Setting;

mod grid;
mod storage;

/// A measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measurement {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Setting, &mut Recorder) -> anyhow::Result<()>,
}

/// The measurements of one part of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suite {
    pub(crate) part: Part,
    pub(crate) measurements: &'static [Measurement],
}

/// `cargo xtask bench storage`.
pub(crate) const STORAGE: Suite =
    Suite { part: Part { name: "storage", title: "The storage engine and a node alone" }, measurements: storage::ALL };

/// `cargo xtask bench grid`.
pub(crate) const GRID: Suite =
    Suite { part: Part { name: "grid", title: "A grid: its nodes on one machine" }, measurements: grid::ALL };
