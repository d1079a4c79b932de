//! What was measured, on paper.
//!
//! ```text
//!   measurement ─→ Recorder ─→ Record ─→ target/…/NAME.json      rows, raw samples, commit, machine, load
//!                                └─ all of them ─→ table ─→ benches/RESULTS.md
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | `unit` | numbers as people write them |
//! | `row` | a figure, its goal, whether it is reached |
//! | `record` | one measurement's rows and samples, kept as JSON |
//! | `machine` | where it was measured |
//! | `table` | the Markdown of a part |
//! | `paper` | the file of all parts |

mod machine;
mod paper;
mod record;
mod row;
mod table;
mod unit;

pub(crate) use machine::{Commit, Machine};
pub(crate) use paper::{Part, bind};
pub(crate) use record::{About, Record, Recorder, Records};
pub(crate) use row::{Goal, Row};
pub(crate) use table::render;
pub(crate) use unit::Unit;
