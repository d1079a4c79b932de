//! Peers that are slow, frozen or gone.

use std::time::Duration;

use bytes::Bytes;

use sutra_peer::{CallError, Class, Limits, Peer, Request, ServerIdentity};

use crate::fixture::{LONG, Node, control, echo, identity, secret, unreachable, until};

#[tokio::test]
async fn a_stuck_bulk_call_does_not_delay_control() {
    let handler = async |request: Request| {
        if request.class == Class::Bulk {
            std::future::pending::<()>().await;
        }
        echo(request).await
    };
    // After one request nothing more of a connection is read.
    let node = Node::start_with(handler, Limits { in_flight: 1, ..Limits::default() }).await;
    let peer = node.peer();
    let bulk = || {
        let peer = peer.clone();
        tokio::spawn(async move { peer.call(Class::Bulk, 0, 0, Bytes::from(vec![0; 16 << 20]), LONG).await })
    };
    let stuck = [bulk(), bulk()];
    until(async || (node.stats.in_flight() == 1).then_some(())).await;
    for _ in 0..100 {
        assert_eq!(&*control(&peer, "urgent").await.unwrap(), b"urgent");
    }
    assert_eq!(peer.stats().in_flight(), 2);
    stuck.iter().for_each(|call| call.abort());
}

#[tokio::test]
async fn a_peer_that_never_answers_is_connected_to_anew_after_two_time_outs() {
    let node = Node::start(async |request: Request| {
        if &*request.payload == b"never" {
            std::future::pending::<()>().await;
        }
        echo(request).await
    });
    let node = node.await;
    let peer = node.peer();
    control(&peer, "first").await.unwrap();
    let soon = Duration::from_millis(30);
    let never = || peer.call(Class::Control, 0, 0, Bytes::from_static(b"never"), soon);
    let timed_out = |called: Result<Bytes, CallError>| {
        let error = called.unwrap_err();
        assert!(matches!(error, CallError::TimedOut { limit, .. } if limit == soon), "{error}");
        assert!(!error.is_surely_undelivered());
    };
    timed_out(never().await);
    control(&peer, "something is received in between").await.unwrap();
    timed_out(never().await);
    assert_eq!(peer.stats().dials(), 1);
    // This one waits, and is lost with the connection.
    let waiting = tokio::spawn({
        let peer = peer.clone();
        async move { control(&peer, "never").await }
    });
    until(async || (peer.stats().in_flight() == 1).then_some(())).await;
    timed_out(never().await);
    assert!(matches!(waiting.await.unwrap(), Err(CallError::Lost { reason, .. }) if reason.contains("timed out")));
    control(&peer, "again").await.unwrap();
    assert_eq!(peer.stats().dials(), 2);
}

#[tokio::test]
async fn a_peer_that_accepts_and_never_greets_is_unreachable() {
    // The system accepts for it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let limits = Limits { handshake: Duration::from_millis(50), ..Limits::default() };
    let peer = Peer::with_limits(address, identity("client"), secret(), limits);
    let reason = unreachable(control(&peer, "x").await);
    assert!(reason.contains("50 ms"), "{reason}");
    // A call with less patience is not told how it ends, but knows that it was not sent.
    let peer = Peer::new(listener.local_addr().unwrap().to_string(), identity("client"), secret());
    let called = peer.call(Class::Control, 0, 0, Bytes::new(), Duration::from_millis(50)).await;
    assert!(unreachable(called).contains("no time left to connect"));
}

#[tokio::test]
async fn while_it_backs_off_calls_fail_at_once_with_the_last_reason() {
    let limits = Limits { first_back_off: LONG * 100, last_back_off: LONG * 100, ..Limits::default() };
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let peer = Peer::with_limits(closed.to_string(), identity("client"), secret(), limits);
    let (first, second) = tokio::join!(control(&peer, "one"), control(&peer, "two"));
    let (first, second) = (unreachable(first), unreachable(second));
    assert!(first.contains("connect") && first == second, "{first}");
    assert_eq!(unreachable(control(&peer, "three").await), first);
    assert_eq!((peer.stats().dials(), peer.stats().failures()), (1, 3));
}

#[tokio::test]
async fn a_server_that_comes_back_on_its_port_is_reached_again() {
    let quick =
        Limits { first_back_off: Duration::from_millis(5), last_back_off: Duration::from_millis(20), ..Limits::default() };
    let node = Node::start(echo).await;
    let (peer, address) = (node.peer_with(quick), node.address.to_string());
    control(&peer, "before").await.unwrap();
    node.stop().await;
    until(async || matches!(control(&peer, "gone").await, Err(CallError::Unreachable { .. })).then_some(())).await;
    let failed = peer.stats().dials();
    let identity = ServerIdentity::of(identity("server"), secret());
    let _node = Node::start_as(identity, echo, Limits::default(), &address).await;
    let reply = until(async || control(&peer, "after").await.ok()).await;
    assert_eq!(&*reply, b"after");
    assert!(peer.stats().dials() > failed);
}
