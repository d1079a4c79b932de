//! The OpenAPI 3.1 document.
//!
//! | module | responsibility |
//! |---|---|
//! | [`operation`] | one operation: parameters, body, replies |
//! | [`mod@document`] | all of them and the schemas they use, as JSON |

mod document;
mod operation;

pub(super) use document::document;
pub(super) use operation::{Operation, Tag, schema};
