//! The MessagePack protocol: frames, requests and replies.
//!
//! ```text
//!   u32 length ─ payload ─→ shape (sizes) ─→ envelope (name, id) ─→ value (fields) ─→ Request
//!   u32 length ─ payload ←──────────────────── reply ←──────────────────────────────── Reply
//! ```
//!
//! A request is a map of one entry, `{"Name": {field: value}}`, or the bare string `"Name"`; a second entry `"id": n` asks for a
//! reply that may overtake others and repeats the number. Maps have string keys; fields that are unknown are ignored, fields that
//! are missing or `nil` take their default. Ids and times are text, as in JSON.
//!
//! Every request may have `namespace`, `timeout_ms` and, if it reads, `valid_at`, `known_at` and `consistency`; a write a `request_id`, with which
//! its repetition returns the first answer; any a `token`, and then the reply has an entry `"token"` beside its fields: see [`Common`].
//!
//! | module | responsibility |
//! |---|---|
//! | [`frame`] | the length prefix and its bound |
//! | [`shape`] | well-formed MessagePack of bounded depth and number of values, told before anything is allocated |
//! | [`value`] | fields of a MessagePack map, read strictly: no positional arrays, no NaN |
//! | [`envelope`] | name, id and fields of a request; name, id and fields of a reply |
//! | [`request`] | every request by its name |
//! | [`learn`], [`association`], [`concept`], [`path`], [`search`], [`node`] | fields of requests and replies, by noun |

pub mod association;
pub mod concept;
pub mod envelope;
pub mod frame;
pub mod learn;
pub mod node;
pub mod path;
pub mod request;
pub mod search;
pub mod shape;
pub mod value;

pub use association::*;
pub use concept::*;
pub use envelope::{RequestId, encode_error, encode_reply};
pub use learn::*;
pub use node::*;
pub use path::*;
pub use request::{Common, Consistency, Incoming, Request};
pub use search::*;
