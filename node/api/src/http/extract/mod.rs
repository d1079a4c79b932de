//! What handlers get: parts of a request, checked.
//!
//! | module | part |
//! |---|---|
//! | [`params`] | the query string |
//! | [`body`] | the bytes of a body, bounded in size and time |
//! | [`json`] | a body as a request of the protocol |
//! | [`caller`] | who asks, until when, with which token and `Idempotency-Key` |
//! | [`target`] | ids and names in the path |
//! | [`etag`] | `If-Match`, `If-None-Match` |
//! | [`read`] | namespace and times, from query and body |

pub(super) mod body;
pub(super) mod caller;
pub(super) mod etag;
pub(super) mod json;
pub(super) mod params;
pub(super) mod read;
pub(super) mod target;

pub(super) use caller::{Reader, Write};
pub(super) use json::{Json, NoBody};
pub(super) use params::Query;
pub(super) use read::{InNamespace, NoParams, ReadParams};
