//! Refuses writes that the lease does not cover.
