//! How many are let in.

use std::time::Duration;

use bytes::Bytes;

use sutra_peer::{Class, Limits};

use crate::fixture::{LONG, Node, control, echo, unreachable, until};
use crate::wire::Wire;

#[tokio::test]
async fn one_connection_too_many_is_refused_until_another_ends() {
    let node = Node::start_with(echo, Limits { connections: 1, ..Limits::default() }).await;
    let (first, second) = (node.peer(), node.peer());
    control(&first, "x").await.unwrap();
    assert!(unreachable(control(&second, "x").await).contains("too many connections"));
    assert!(unreachable(first.call(Class::Bulk, 0, 0, Bytes::new(), LONG).await).contains("too many connections"));
    control(&first, "still there").await.unwrap();
    drop(first);
    until(async || control(&second, "x").await.ok()).await;
}

#[tokio::test]
async fn those_who_prove_nothing_delay_others_only_for_the_time_of_a_handshake() {
    let limits = Limits { newcomers: 1, connections: 1, handshake: Duration::from_millis(500), ..Limits::default() };
    let node = Node::start_with(echo, limits).await;
    let silent = Wire::connect(node.address).await;
    control(&node.peer(), "x").await.unwrap();
    assert!(silent.end().await.is_empty());
}
