//! Looking at a log that nobody has open, and changing nothing.
//!
//! | module | responsibility |
//! |---|---|
//! | `dump` | every frame, a line each |
//! | `verify` | whether the log would open, and what is in its files |
//! | `read` | the entries, as an opening would hand them over |
//! | `behind` | what still reads behind damage |

mod behind;
mod dump;
mod read;
mod verify;

pub use behind::{Behind, EntriesBehind, behind};
pub use dump::dump;
pub use read::{Reach, read};
pub use verify::{FileEnd, FileReport, Report, verify};
