//! The vocabulary and the messages of Sutra Grid: what every other crate, and every client, speaks.
//!
//! ```text
//!   HTTP bodies ─┐                      ┌─ Command ─→ log ─→ state machine   (storage)
//!   TCP frames  ─┴─→ validate → resolve ┤
//!                                       └─ Knowledge ←─ pinned view          (storage; asked by learning and reasoning)
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | [`id`], [`namespace`], [`time`], [`vocabulary`], [`name`] | the words: ids, namespaces, times, types, names |
//! | [`concept`], [`association`] | the two records of the graph |
//! | [`limits`], [`error`] | the bounds, and the error that names them |
//! | [`command`] | what a log holds, and what applying it comes to |
//! | [`placement`], [`effects`] | what shards divide among themselves, and what one's commands change on others |
//! | [`knowledge`] | the read trait between stored knowledge and those who think about it |
//! | [`filter`] | the filter grammar |
//! | [`query`] | orders, places and cursors of lists |
//! | [`http`], [`tcp`] | bodies and frames |
//! | [`founding`] | how a grid is asked for |

pub mod association;
pub mod command;
pub mod concept;
pub mod effects;
pub mod error;
pub mod filter;
pub mod founding;
pub mod http;
pub mod id;
pub mod knowledge;
pub mod limits;
pub mod name;
pub mod namespace;
pub mod placement;
pub mod query;
pub mod tcp;
pub mod time;
pub mod vocabulary;

pub use association::{Association, AssociationKey, Evidence, Ground, Label};
pub use concept::{AttributeValue, Attributes, Concept, Source};
pub use error::{ApiError, ErrorCode};
pub use id::ConceptId;
pub use knowledge::{AssociationFilter, Knowledge, Step, Wanted};
pub use namespace::Namespace;
pub use placement::{KeyRange, PlacementKey};
pub use time::{AsOf, Timestamp, Validity};
pub use vocabulary::{AssociationType, Direction, SemanticType};
