//! Requests and their replies.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::sync::Notify;

use sutra_peer::{Answer, CallError, Class, Handler, PAYLOAD_BYTES, Refusal, Request};

use crate::fixture::{LONG, Node, control, echo, until};

#[tokio::test]
async fn a_request_arrives_as_it_was_sent_and_says_who_sent_it() {
    let node = Node::start(async |request: Request| {
        assert_eq!((&*request.from, request.class, request.service, request.group), ("client", Class::Append, 3, 1 << 40));
        echo(request).await
    });
    let node = node.await;
    let peer = node.peer();
    let payload = Bytes::from(vec![7; PAYLOAD_BYTES]);
    for payload in [Bytes::new(), Bytes::from_static(b"x"), payload] {
        assert!(peer.call(Class::Append, 3, 1 << 40, payload.clone(), LONG).await.unwrap() == payload);
    }
    assert_eq!((peer.stats().calls(), peer.stats().failures(), peer.stats().dials()), (3, 0, 1));
    assert_eq!(peer.stats().bytes_sent(), node.stats.bytes_received());
    assert_eq!((node.stats.calls(), node.stats.failures(), node.stats.dials()), (3, 0, 1));
}

#[tokio::test]
async fn replies_out_of_order_reach_their_callers() {
    let second = Arc::new(Notify::new());
    let handler = move |request: Request| {
        let second = second.clone();
        async move {
            if &*request.payload == b"first" {
                second.notified().await;
            } else {
                second.notify_one();
            }
            echo(request).await
        }
    };
    let node = Node::start(handler).await;
    let peer = node.peer();
    let (first, second) = tokio::join!(control(&peer, "first"), control(&peer, "second"));
    assert_eq!((&*first.unwrap(), &*second.unwrap()), (&b"first"[..], &b"second"[..]));
    assert_eq!(peer.stats().dials(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_at_once_each_get_their_own_reply() {
    let node = Node::start(echo).await;
    let peer = node.peer();
    let calls = (0..1000_u32).map(|number| {
        let peer = peer.clone();
        tokio::spawn(async move {
            let payload = Bytes::from(number.to_be_bytes().repeat(number as usize));
            assert!(
                peer.call([Class::Control, Class::Append, Class::Bulk][number as usize % 3], 0, 0, payload.clone(), LONG)
                    .await
                    .unwrap()
                    == payload
            );
        })
    });
    join_all(calls).await.into_iter().for_each(|call| call.unwrap());
    assert_eq!((peer.stats().in_flight(), peer.stats().dials()), (0, 3));
}

/// Notes the groups of requests in the order in which they begin.
struct Noting(Arc<Mutex<Vec<u64>>>);

impl Handler for Noting {
    fn handle(&self, request: Request) -> Answer {
        self.0.lock().unwrap().push(request.group);
        Box::pin(echo(request))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_begin_in_the_order_in_which_they_were_sent() {
    let begun = Arc::new(Mutex::new(Vec::new()));
    let node = Node::start(Noting(begun.clone())).await;
    let peer = node.peer();
    // Later calls must not overtake the first ones while these wait for the connection.
    peer.call(Class::Append, 0, 0, Bytes::new(), LONG).await.unwrap();
    let calls = (1..500).map(|group| peer.call(Class::Append, 0, group, Bytes::from_static(b"entry"), LONG));
    join_all(calls).await.into_iter().for_each(|reply| drop(reply.unwrap()));
    assert_eq!(*begun.lock().unwrap(), (0..500).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_refusal_reaches_the_caller_in_the_handlers_words() {
    let node = Node::start(async |_| Err(Refusal::new("not the leader"))).await;
    let peer = node.peer();
    let error = control(&peer, "x").await.unwrap_err();
    assert_eq!(error, CallError::Refused { reason: "not the leader".to_owned() });
    assert!(!error.is_surely_undelivered());
    assert_eq!((peer.stats().failures(), node.stats.failures()), (1, 1));
}

#[tokio::test]
async fn a_handler_that_panics_refuses_and_the_connection_lives_on() {
    let node = Node::start(|request: Request| {
        assert_ne!(&*request.payload, b"at once", "a panic of the test");
        async move {
            assert_ne!(&*request.payload, b"later", "a panic of the test");
            echo(request).await
        }
    });
    let node = node.await;
    let peer = node.peer();
    for text in ["at once", "later"] {
        assert!(matches!(control(&peer, text).await, Err(CallError::Refused { reason }) if reason.contains("panicked")));
    }
    assert_eq!(&*control(&peer, "calmly").await.unwrap(), b"calmly");
    assert_eq!((peer.stats().dials(), node.stats.in_flight()), (1, 0));
}

#[tokio::test]
async fn what_no_frame_holds_is_not_sent_and_as_a_reply_is_a_refusal() {
    let node = Node::start(async |_| Ok(Bytes::from(vec![0; PAYLOAD_BYTES + 1]))).await;
    let peer = node.peer();
    let large = Bytes::from(vec![0; PAYLOAD_BYTES + 1]);
    let error = peer.call(Class::Bulk, 0, 0, large, LONG).await.unwrap_err();
    assert_eq!(error, CallError::TooLarge { bytes: PAYLOAD_BYTES + 1, bound: PAYLOAD_BYTES });
    assert!(error.is_surely_undelivered());
    assert!(matches!(control(&peer, "x").await, Err(CallError::Refused { .. })));
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_nothing_behind_and_disturbs_no_other() {
    let node = Node::start(async |request: Request| {
        if &*request.payload == b"never" {
            std::future::pending::<()>().await;
        }
        echo(request).await
    });
    let node = node.await;
    let peer = node.peer();
    assert_eq!(&*control(&peer, "one").await.unwrap(), b"one");
    {
        let mut never = Box::pin(control(&peer, "never"));
        assert!(never.as_mut().now_or_never().is_none());
        assert_eq!(&*control(&peer, "two").await.unwrap(), b"two");
        until(async || (node.stats.in_flight() == 1).then_some(())).await;
        assert_eq!(peer.stats().in_flight(), 1);
    }
    assert_eq!(peer.stats().in_flight(), 0);
    assert_eq!(&*control(&peer, "three").await.unwrap(), b"three");
    drop(peer);
    // The connection goes with the peer, and what ran for it goes with the connection.
    until(async || (node.stats.in_flight() == 0).then_some(())).await;
}
