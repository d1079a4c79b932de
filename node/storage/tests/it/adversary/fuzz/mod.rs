//! Every decoder under mutated bytes: never a panic, a hang, or more memory than the bytes account for.
//!
//! What checksums keep from a decoder is let through: they are put right after the mutation, for the decoder behind them must stand
//! by itself. Inputs that made a decoder fail once are kept in `tests/corpus/DECODER`, and are where every later run begins.
//!
//! | module | responsibility |
//! |---|---|
//! | `mutate` | flips, splices, cuts, wrong lengths |
//! | `kept` | the kept inputs |
//! | `memory` | what the process has asked for |
//! | `messages` | commands, bodies of HTTP, frames of TCP, search queries |
//! | `image` | the files of a small store |
//! | `manifest`, `log`, `segment` | its files |

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use sutra_disk::Random;

use super::budget::{is_soak, number};

mod image;
mod kept;
mod log;
mod manifest;
mod memory;
mod messages;
mod mutate;
mod segment;

/// Longest time that a decoder may take for an input of this size.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most inputs that are mutated further.
const POOL: usize = 512;

/// Mutates `seeds` for `SUTRA_FUZZ_SECONDS` (20, in a soak 300), beginning with `SUTRA_SEED`, and gives every result to `decode`, which
/// answers in a few words what came of it.
fn fuzz(name: &str, seeds: Vec<Vec<u8>>, decode: impl Fn(&[u8]) -> String) {
    let seed = number("SUTRA_SEED").unwrap_or(20_260_301);
    let time = Duration::from_secs(number("SUTRA_FUZZ_SECONDS").unwrap_or(if is_soak() { 300 } else { 20 }));
    let mut random = Random::new(seed);
    let mut pool = kept::inputs(name);
    pool.extend(seeds);
    let asked = memory::peak();
    let mut outcomes = BTreeSet::new();
    let mut tried = 0_u64;
    for input in &pool {
        outcomes.insert(told(&attempt(name, input, &decode)));
        tried += 1;
    }
    assert!(!pool.is_empty(), "nothing to begin with");
    let end = Instant::now() + time;
    while Instant::now() < end {
        let input = mutate::mutated(&pool, &mut random);
        // What came out as nothing did before is worth going on from.
        if outcomes.insert(told(&attempt(name, &input, &decode))) && pool.len() < POOL {
            pool.push(input);
        }
        tried += 1;
    }
    let grown = memory::peak().saturating_sub(asked);
    eprintln!("fuzz {name}: {tried} inputs, {} outcomes, {} MiB", outcomes.len(), grown >> 20);
    assert!(grown < memory::MOST, "{name}: the process asked for {grown} bytes more");
    assert!(outcomes.len() > 1, "{name}: every input came to the same: {outcomes:?}");
}

/// One input; a failure keeps it.
fn attempt(name: &str, input: &[u8], decode: &impl Fn(&[u8]) -> String) -> String {
    let began = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| decode(input)));
    let took = began.elapsed();
    match outcome {
        Ok(outcome) if took < PATIENCE => outcome,
        Ok(_) => panic!("{name}: {took:?} for {} bytes; kept as {}", input.len(), kept::keep(name, input)),
        Err(_) => panic!("{name}: a panic; kept as {}", kept::keep(name, input)),
    }
}

/// An outcome without the numbers and the quotations, of which there is no end.
fn told(outcome: &str) -> String {
    outcome.chars().filter(|c| !c.is_ascii_digit()).take(60).collect()
}
