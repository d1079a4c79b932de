//! What a node offers to its clients: thin adapters over one service.
//!
//! ```text
//!   HTTP ─ http ─┐                  ┌─ sutra-learning ── Command ─→ Store::submit
//!                ├─ service::Service┤
//!   TCP ── tcp ──┘                  └─ sutra-reasoning ─ Knowledge ←─ Store::view
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | [`service`] | every operation once: resolve, submit or read, render |
//! | [`http`] | routes, OpenAPI, JSON, headers |
//! | [`tcp`] | MessagePack frames, connections |
//! | [`metrics`] | the numbers that Prometheus scrapes |

pub mod http;
pub mod metrics;
pub mod service;
pub mod tcp;
