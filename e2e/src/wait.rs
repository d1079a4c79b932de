//! Waits until something is so, and says what it was instead.

use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::time::{Instant, sleep, timeout_at};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(250);

/// For what needs no pod to start.
pub const SOON: Duration = Duration::from_secs(45);
/// For what waits for pods to stop and start, on a machine that does much else.
pub const LONG: Duration = Duration::from_secs(150);

/// Looks again and again until there is no error, and yields what was seen then.
///
/// # Errors
/// What the last look said, if it takes longer than `limit`.
pub async fn until<T>(what: &str, limit: Duration, mut look: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + limit;
    let mut last = anyhow!("there was no time to look");
    loop {
        match timeout_at(deadline, look()).await {
            Ok(Ok(seen)) => return Ok(seen),
            Ok(Err(error)) => last = error,
            Err(_) => return Err(last.context(format!("waited {limit:?} until {what}; the last look did not end; before"))),
        }
        if Instant::now() + PAUSE >= deadline {
            return Err(last.context(format!("waited {limit:?} until {what}")));
        }
        sleep(PAUSE).await;
    }
}

/// Looks again and again for a while, and fails at the first error: something stays as it is.
///
/// # Errors
/// What the first look that failed said.
pub async fn throughout(what: &str, time: Duration, mut look: impl AsyncFnMut() -> Result<()>) -> Result<()> {
    let started = Instant::now();
    while started.elapsed() < time {
        look().await.map_err(|error| error.context(format!("{what} did not last: it ended after {:?}", started.elapsed())))?;
        sleep(PAUSE).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use anyhow::ensure;

    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    #[test]
    fn it_waits_until_a_look_succeeds() {
        let mut looks = 0;
        let seen = run(until("three looks", SOON, async || {
            looks += 1;
            ensure!(looks == 3, "only {looks}");
            Ok(looks)
        }));
        assert_eq!(seen.unwrap(), 3);
    }

    #[test]
    fn a_time_out_says_what_was_seen_last() {
        let failure: Result<()> = run(until("pigs fly", Duration::from_millis(1), async || Err(anyhow!("they walk"))));
        assert_eq!(format!("{:#}", failure.unwrap_err()), "waited 1ms until pigs fly: they walk");
    }
}
