//! WordNet in the measurements.
//!
//! | module | responsibility |
//! |---|---|
//! | `synset` | lines of the import file |
//! | `taught` | all of them in a store, in process |
//! | `pairs` | which concepts are asked about |

mod pairs;
mod synset;
mod taught;

pub(crate) use pairs::Pairs;
pub(crate) use synset::{Synset, read};
pub(crate) use taught::teach;

#[cfg(test)]
pub(crate) mod tests {
    pub(crate) use super::synset::tests::{CANINE, DOG, synset};
}
