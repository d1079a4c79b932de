//! A seeded store of any size: medicine, law and finance as a customer would teach them.
//!
//! ```text
//!   seed, index ─→ vocabulary ─→ text ─┐
//!                  degrees ─→ edges ───┼─→ concept ─→ Learn ─→ loader ─→ Store
//!                  vectors ────────────┘
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | `vocabulary` | words, the rarer the longer the list |
//! | `degrees` | how many associations leave a concept, and where they lead |
//! | `vectors` | embeddings with the structure of real ones: topics, few true dimensions |
//! | `concept` | a whole concept from its index |
//! | `loader` | many of them into a store |
//! | `note` | the smallest one |
//!
//! Concept `i` depends on the seed and `i` alone, so any part of the store can be made without the rest, and a store of 100,000
//! is the beginning of the one of a million.

mod concept;
mod degrees;
mod loader;
mod note;
mod vectors;
mod vocabulary;

pub(crate) use concept::Generator;
pub(crate) use loader::load;
pub(crate) use note::note;
pub(crate) use vectors::{DIMENSION, Vectors};
