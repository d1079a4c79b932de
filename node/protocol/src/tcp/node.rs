//! `Flush`, `ClearCollection`; `GetStats` and `HealthCheck` answer as `/stats` and `/health` do.

use serde::Serialize;

use crate::namespace::Namespace;

/// Fields of `FlushOk`: none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FlushOk {}

/// Fields of `ClearCollectionOk`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClearCollectionOk {
    /// The namespace, which is now empty.
    pub namespace: Namespace,
    /// How many living concepts it held.
    pub concepts: u64,
}
