//! Each request: from its fields to one call of the service, and from the answer to the reply's fields.

pub(super) mod association;
pub(super) mod concept;
pub(super) mod learn;
pub(super) mod named;
pub(super) mod node;
pub(super) mod path;
pub(super) mod search;
