//! How long the histories go on, and with which seeds.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long they go on in a test.
const DEFAULT: Duration = Duration::from_secs(20);
/// How many there are in a soak.
const SOAK: u64 = 2_000;
/// How many go on at once.
const AT_ONCE: usize = 6;

/// Runs `trial` with one seed after another, several at once: only that of `SUTRA_SEED` if it is set, as many as `SUTRA_HISTORIES` says
/// if that is set, two thousand in a soak, or for twenty seconds. A failing one names its seed.
pub(crate) fn each_seed<F: Future<Output = ()> + Send + 'static>(name: &str, trial: impl Fn(u64) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let first = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let only = number("SUTRA_SEED");
    let (most, end) = match number("SUTRA_HISTORIES").or(is_soak().then_some(SOAK)) {
        _ if only.is_some() => (1, None),
        Some(histories) => (histories, None),
        None => (u64::MAX, Some(Instant::now() + DEFAULT)),
    };
    let (mut begun, mut done) = (0, 0);
    runtime.block_on(async {
        let mut trials = tokio::task::JoinSet::new();
        loop {
            while trials.len() < AT_ONCE && begun < most && end.is_none_or(|end| Instant::now() < end) {
                let seed = only.unwrap_or(first.wrapping_add(begun));
                let trial = tokio::spawn(trial(seed));
                trials.spawn(async move { (seed, trial.await) });
                begun += 1;
            }
            let Some(ended) = trials.join_next().await else { break };
            let (seed, outcome) = ended.unwrap();
            // The seed is said beside the failure, which keeps its own words.
            if let Err(failure) = outcome {
                eprintln!("{name}: failed after {done} that passed; SUTRA_SEED={seed} draws the same weather");
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
