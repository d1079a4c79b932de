//! How a server ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use sutra_peer::{CallError, Limits, Request};

use crate::fixture::{LONG, Node, control, echo, unreachable, until};

#[tokio::test]
async fn requests_in_flight_are_answered_before_a_server_ends() {
    let release = Arc::new(Notify::new());
    let gate = release.clone();
    let handler = move |request: Request| {
        let gate = gate.clone();
        async move {
            gate.notified().await;
            echo(request).await
        }
    };
    let node = Node::start_with(handler, Limits { farewell: LONG, ..Limits::default() }).await;
    let peer = node.peer();
    let call = tokio::spawn({
        let peer = peer.clone();
        async move { control(&peer, "x").await }
    });
    until(async || (node.stats.in_flight() == 1).then_some(())).await;
    node.begin_to_stop();
    // Others can't connect any more, and this one is still served.
    until(async || tokio::net::TcpStream::connect(node.address).await.is_err().then_some(())).await;
    release.notify_one();
    assert_eq!(&*call.await.unwrap().unwrap(), b"x");
    node.stopped().await;
    unreachable(
        until(async || Some(control(&peer, "x").await).filter(|called| !matches!(called, Err(CallError::Lost { .. })))).await,
    );
}

#[tokio::test]
async fn a_server_does_not_wait_for_ever_for_a_handler() {
    let handler = async |request: Request| {
        std::future::pending::<()>().await;
        echo(request).await
    };
    let node = Node::start_with(handler, Limits { farewell: Duration::from_millis(20), ..Limits::default() }).await;
    let peer = node.peer();
    let call = tokio::spawn(async move { control(&peer, "x").await });
    until(async || (node.stats.in_flight() == 1).then_some(())).await;
    node.stop().await;
    assert!(matches!(call.await.unwrap(), Err(CallError::Lost { .. })));
}
