//! The time-out of a transfer: not how long it takes, but how long nothing moves.

use std::pin::pin;
use std::time::{Duration, Instant};

/// How often movement is looked for, and progress shown.
const TICK: Duration = Duration::from_millis(200);

/// Nothing moved for this long.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing moved for {0:?}; --timeout grants more")]
pub(crate) struct Stalled(Duration);

/// Awaits `future` for as long as `moved` keeps changing at least every `idle`; `moved` is also the place to show progress.
pub(crate) async fn until<T>(
    future: impl Future<Output = T>,
    idle: Duration,
    mut moved: impl FnMut() -> u64,
) -> Result<T, Stalled> {
    let mut future = pin!(future);
    let (mut seen, mut since) = (moved(), Instant::now());
    loop {
        if let Ok(done) = tokio::time::timeout(TICK.min(idle), &mut future).await {
            return Ok(done);
        }
        let now = moved();
        if now != seen {
            (seen, since) = (now, Instant::now());
        } else if since.elapsed() >= idle {
            return Err(Stalled(idle));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    #[test]
    fn what_stands_still_is_given_up_and_what_moves_is_not() {
        let idle = Duration::from_millis(20);
        let stalled = run(until(std::future::pending::<()>(), idle, || 0));
        assert_eq!(stalled, Err(Stalled(idle)));

        let mut moved = 0;
        let count = || {
            moved += 1;
            moved
        };
        assert_eq!(run(async { until(tokio::time::sleep(idle * 4), idle, count).await }), Ok(()));
    }
}
