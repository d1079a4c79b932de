//! How long an adversary goes on, and with which seeds.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Default of a time-boxed adversary.
const DEFAULT: Duration = Duration::from_secs(20);
/// How many there are in a soak.
const SOAK: u64 = 10_000;

/// Runs `trial` with one seed after another: only that of `SUTRA_SEED` if it is set, `share` of as many as `SUTRA_HISTORIES` says
/// if that is set, of ten thousand in a soak, or for `share` of twenty seconds. A failing one names its seed.
pub(crate) fn each_seed(name: &str, share: f64, mut trial: impl FnMut(u64)) {
    if let Some(seed) = number("SUTRA_SEED") {
        return trial(seed);
    }
    let first = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let (most, end) = match number("SUTRA_HISTORIES").or(is_soak().then_some(SOAK)) {
        Some(histories) => ((histories as f64 * share).ceil() as u64, None),
        None => (u64::MAX, Some(Instant::now() + DEFAULT.mul_f64(share))),
    };
    let mut done = 0;
    while done < most && end.is_none_or(|end| Instant::now() < end) {
        let seed = first.wrapping_add(done);
        // The seed is said beside the failure, which keeps its own words.
        if let Err(failure) = catch_unwind(AssertUnwindSafe(|| trial(seed))) {
            eprintln!("{name}: failed after {done} that passed; SUTRA_SEED={seed} replays it");
            resume_unwind(failure);
        }
        done += 1;
    }
    eprintln!("{name}: {done} passed, from seed {first}");
    assert!(done > 0, "not one was tried");
}

/// Whether `cargo xtask soak` runs this.
pub(crate) fn is_soak() -> bool {
    std::env::var_os("SUTRA_SOAK").is_some()
}

/// The number in an environment variable.
pub(crate) fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}
