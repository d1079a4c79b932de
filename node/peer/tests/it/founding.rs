//! The door of a node that belongs to no grid yet.

use bytes::Bytes;

use sutra_peer::{CallError, Class, Limits, Peer, PeerSecret, Request, ServerIdentity};

use crate::fixture::{LONG, Node, control, echo, identity, secret, unreachable, until};

async fn found(peer: &Peer, text: &'static str) -> Result<Bytes, CallError> {
    peer.call(Class::Founding, 1, 2, Bytes::from_static(text.as_bytes()), LONG).await
}

#[tokio::test]
async fn the_founding_door_is_open_until_the_node_belongs_to_a_grid() {
    let door = ServerIdentity::founding(None);
    let inside = door.clone();
    let handler = move |request: Request| {
        let door = inside.clone();
        async move {
            if &*request.payload == b"found" {
                assert_eq!((request.class, &*request.from), (Class::Founding, ""));
                door.set(identity("server"), secret());
                // The reply comes only after the connection has noticed.
                tokio::task::yield_now().await;
            }
            echo(request).await
        }
    };
    let node = Node::start_as(door, handler, Limits::default(), "127.0.0.1:0").await;
    let founder = Peer::founding(node.address.to_string(), None);
    assert!(unreachable(control(&node.peer(), "x").await).contains("belongs to no grid yet"));
    assert_eq!(node.identity.get(), None);
    assert_eq!(&*found(&founder, "hello").await.unwrap(), b"hello");
    assert_eq!(&*found(&founder, "found").await.unwrap(), b"found");
    assert_eq!(node.identity.get(), Some(identity("server")));
    let reason = until(async || match found(&founder, "again").await {
        Err(CallError::Unreachable { reason, .. }) if reason.contains("refused") => Some(reason),
        _ => None,
    });
    assert!(reason.await.contains("this node belongs to a grid"));
    assert_eq!(&*control(&node.peer(), "member").await.unwrap(), b"member");
}

#[tokio::test]
async fn founders_prove_the_secret_where_one_is_required() {
    let door = ServerIdentity::founding(Some(secret()));
    let node = Node::start_as(door, echo, Limits::default(), "127.0.0.1:0").await;
    let founder = |secret| Peer::founding(node.address.to_string(), secret);
    assert_eq!(&*found(&founder(Some(secret())), "hello").await.unwrap(), b"hello");
    let wrong = founder(Some(PeerSecret::new("another").unwrap()));
    assert!(unreachable(found(&wrong, "x").await).contains("different secrets"));
    assert!(unreachable(found(&founder(None), "x").await).contains("wants proof"));
}

#[tokio::test]
async fn founders_call_only_to_found_and_members_never() {
    let node = Node::start(echo).await;
    let founder = Peer::founding(node.address.to_string(), None);
    unreachable(control(&founder, "x").await);
    unreachable(found(&node.peer(), "x").await);
    assert_eq!((founder.stats().dials(), node.stats.dials()), (0, 0));
}

#[tokio::test]
async fn members_come_again_with_the_new_secret_when_it_changes() {
    let node = Node::start(echo).await;
    let old = node.peer();
    control(&old, "x").await.unwrap();
    let changed = PeerSecret::generate().unwrap();
    node.identity.set(identity("server"), changed.clone());
    let new = Peer::new(node.address.to_string(), identity("client"), changed);
    control(&new, "x").await.unwrap();
    let reason = until(async || match control(&old, "x").await {
        Err(CallError::Unreachable { reason, .. }) if reason.contains("refused") => Some(reason),
        _ => None,
    });
    assert!(reason.await.contains("different secrets"));
}
