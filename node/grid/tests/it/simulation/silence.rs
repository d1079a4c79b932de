//! Leaders that are gone.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::nodes::{Nodes, Setup};
use super::rest::come_to_rest;
use crate::cluster::LIMIT;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_leaders_that_are_gone_is_answered_when_the_time_is_over() {
    let mut nodes = Nodes::start(Setup { seed: 7, shards: 2, log_file_bytes: 256 << 10, delta_bytes: 48 << 20 }).await;
    come_to_rest(&nodes, LIMIT).await.unwrap();
    nodes.crash(&[1, 2]).await;
    let router = nodes.running(3).unwrap().router.clone();
    // More of them than there are threads, none of which they may keep from others.
    let ask = || {
        let router = router.clone();
        tokio::spawn(async move { router.catch_up(Instant::now() + Duration::from_millis(500)).await })
    };
    let asked: Vec<_> = (0..8).map(|_| ask()).collect();
    for one in asked {
        let answer = timeout(LIMIT / 4, one).await.expect("nobody is told that the time is over");
        assert!(answer.unwrap().is_err(), "two of three are gone");
    }
    drop(router);
    nodes.close().await;
}
