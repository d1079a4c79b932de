//! How long the histories go on, and with which seeds.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::runtime::Handle;

/// How many there are in a soak, and by how much more of them go on at once: mostly they wait.
const SOAK: (u64, usize) = (2_000, 3);

/// How much a test may take.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// How long histories are begun, outside a soak.
    pub span: Duration,
    /// How many go on at once.
    pub at_once: usize,
    /// What has to be given to `cargo test` to have this test alone.
    pub command: &'static str,
}

/// Runs `trial` with one seed after another, several at once: only that of `SUTRA_SEED` if it is set, as many as `SUTRA_SEEDS` (or
/// `SUTRA_HISTORIES`) says if that is set, two thousand in a soak, or for as long as the budget says. A failing one names its seed, and how
/// it is replayed.
pub fn each_seed<F: Future<Output = ()>>(name: &str, budget: Budget, trial: impl Fn(u64) -> F + Send + Sync + 'static) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let first = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let only = number("SUTRA_SEED");
    let (most, end) = match number("SUTRA_SEEDS").or(number("SUTRA_HISTORIES")).or(is_soak().then_some(SOAK.0)) {
        _ if only.is_some() => (1, None),
        Some(histories) => (histories, None),
        None => (u64::MAX, Some(Instant::now() + budget.span)),
    };
    let at_once = if is_soak() { SOAK.1 * budget.at_once } else { budget.at_once };
    let trial = Arc::new(trial);
    let (mut begun, mut done) = (0, 0);
    runtime.block_on(async {
        let mut trials = tokio::task::JoinSet::new();
        loop {
            while trials.len() < at_once && begun < most && end.is_none_or(|end| Instant::now() < end) {
                let seed = only.unwrap_or(first.wrapping_add(begun));
                let (trial, runtime) = (Arc::clone(&trial), Handle::current());
                // On a thread of its own; what it spawns goes on on those of the runtime.
                let trial = tokio::task::spawn_blocking(move || runtime.block_on(trial(seed)));
                trials.spawn(async move { (seed, trial.await) });
                begun += 1;
            }
            let Some(ended) = trials.join_next().await else { break };
            let (seed, outcome) = ended.unwrap();
            // The seed is said beside the failure, which keeps its own words.
            if let Err(failure) = outcome {
                let command = budget.command;
                eprintln!("{name}: failed after {done} that passed; the same again: SUTRA_SEED={seed} cargo test {command}");
                std::panic::resume_unwind(failure.into_panic());
            }
            done += 1;
        }
    });
    eprintln!("{name}: {done} passed, from seed {first}");
    assert!(done > 0, "not one was tried");
}

/// Whether `cargo xtask soak` runs this.
fn is_soak() -> bool {
    std::env::var_os("SUTRA_SOAK").is_some()
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}
