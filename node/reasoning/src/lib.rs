//! Thinking about stored knowledge: paths between concepts, and questions answered from them, or refused with a code.
//!
//! Pure: no I/O, no clock, no randomness, no storage. Everything is read through
//! [`Knowledge`](sutra_protocol::Knowledge), and the same knowledge and question always give the same answer.
//!
//! ```text
//!   question text ─→ question ─→ linking ─→ answer ─→ ReasonResponse
//!                    (readings)  (concepts)   │ ▲
//!                                    relation │ │ verbalise, view
//!                                             ▼ │
//!                                            path ─→ Knowledge::expand, a frontier at a time
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | [`budget`] | how much work a request may do |
//! | [`path`] | the shortest or surest paths between two concepts |
//! | [`question`] | what a question may be asking: its readings |
//! | [`linking`] | which concept a name stands for |
//! | [`relation`] | which associations say kind of, part of, member of, and their negations |
//! | [`answer`] | from a question to its answer or its refusal |
//! | [`verbalise`] | sentences from paths, by templates |
//! | [`view`] | paths as the interfaces show them, with their evidence quoted |

pub mod answer;
pub mod budget;
pub mod linking;
pub mod path;
pub mod question;
pub mod relation;
pub mod verbalise;
pub mod view;

#[cfg(test)]
mod fixture;

pub use answer::{Context, Suggest, reason};
pub use budget::Budget;
pub use path::{Found, Path, PathQuery, find_paths, find_paths_where};
pub use view::path_views;
