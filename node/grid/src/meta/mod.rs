//! Meta: the group that keeps the map of the grid.
//!
//! | module | responsibility |
//! |---|---|
//! | `file` | the map on the disk |
//! | `machine` | what meta's log is applied to |
//! | `log` | what of meta's log is kept |
//! | `lead` | who can't write the map down decides nothing about it |

mod file;
mod lead;
mod log;
mod machine;

pub(crate) use file::MetaFile;
pub use file::MetaFileError;
pub(crate) use lead::leave_the_lead;
pub(crate) use log::keep_short;
pub(crate) use machine::{Changed, MetaMachine};
