use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::{Call, Connection, Missed};
use crate::limits::Limits;

async fn connection() -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stream, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let connection = Connection::start("peer".into(), stream.unwrap(), &Limits::default(), Arc::default());
    (connection, accepted.unwrap().0)
}

fn call(limit: Duration) -> Call {
    Call { service: 1, group: 2, payload: Bytes::from_static(b"x"), deadline: Instant::now() + limit }
}

#[tokio::test]
async fn a_call_whose_future_is_dropped_leaves_nothing_behind() {
    let (connection, mut peer) = connection().await;
    let mut first = Box::pin(connection.call(call(Duration::from_secs(60))));
    assert!(first.as_mut().now_or_never().is_none());
    assert_eq!((connection.shared.waiting.count(), connection.shared.outbox.count()), (1, 1));
    // Not sent yet: the connection's task has had no turn.
    drop(first);
    assert_eq!((connection.shared.waiting.count(), connection.shared.outbox.count()), (0, 0));
    let mut sent = Box::pin(connection.call(call(Duration::from_secs(60))));
    assert!(sent.as_mut().now_or_never().is_none());
    let mut frame = [0; 24];
    peer.read_exact(&mut frame).await.unwrap();
    assert_eq!((frame[12], connection.shared.waiting.count()), (1, 1), "the second id, and not the first");
    drop(sent);
    assert_eq!(connection.shared.waiting.count(), 0);
    assert!(connection.is_open());
}

#[tokio::test]
async fn an_ended_connection_takes_no_calls() {
    let (connection, peer) = connection().await;
    drop(peer);
    connection.shared.closing.cancelled().await;
    assert!(matches!(
        connection.call(call(Duration::from_secs(60))).await,
        Err(Missed::Closed | Missed::Unsent(_) | Missed::Lost(_))
    ));
    assert!(!connection.is_open());
}

#[tokio::test]
async fn letting_go_of_a_connection_closes_it() {
    let (connection, mut peer) = connection().await;
    drop(connection);
    assert_eq!(peer.read(&mut [0; 1]).await.unwrap(), 0);
}
