//! Nodes that do not answer.

use std::time::Duration;

use sutra_grid::ShardId;
use sutra_peer::{CallError, Class};
use sutra_protocol::founding::{CHECK, CheckRequest};
use sutra_replication::Call;
use sutra_weather::{OUTSIDE, member};
use tokio::time::{Instant, timeout};

use super::nodes::{Nodes, Setup};
use super::rest::come_to_rest;
use crate::cluster::LIMIT;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_leaders_that_are_gone_is_answered_when_the_time_is_over() {
    let mut nodes = Nodes::start(Setup::of(7)).await;
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
        assert_eq!(answer.unwrap(), Vec::<u64>::new(), "two of three are gone");
    }
    drop(router);
    nodes.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_asks_another_for_whoever_asked_it_can_be_stopped_and_started_again() {
    let mut nodes = Nodes::start(Setup::of(8)).await;
    come_to_rest(&nodes, LIMIT).await.unwrap();
    let leads = |node: &u64| nodes.running(*node).unwrap().grid.shard(ShardId(1)).unwrap().group().leads();
    let (leaders, others): (Vec<u64>, Vec<u64>) = nodes.numbers().into_iter().partition(leads);
    let asked = others[0];
    nodes.net.part(&[nodes.address(asked)], &[nodes.address(leaders[0])]);
    // It passes that on, and waits ten minutes for an answer.
    let payload = rmp_serde::to_vec_named(&CheckRequest::default()).unwrap().into();
    let call = Call { class: Class::Control, service: CHECK, group: 1, payload, timeout: Duration::from_millis(300) };
    let answer = nodes.net.transport(OUTSIDE).call(&member(nodes.address(asked)), call).await;
    assert!(matches!(answer, Err(CallError::TimedOut { .. })), "{answer:?}");
    nodes.stop(asked).await;
    nodes.start_node(asked).await;
    nodes.close().await;
}
