//! What else may connect.

use std::time::Duration;

use sutra_peer::{Identity, Limits, Peer, PeerSecret};

use crate::fixture::{Node, control, echo, identity, secret, unreachable};
use crate::wire::{Wire, frame, hello};

#[tokio::test]
async fn another_secret_and_another_grid_are_refused_with_the_reason() {
    let node = Node::start(echo).await;
    let address = node.address.to_string();
    let stranger = Peer::new(address.clone(), identity("client"), PeerSecret::new("another").unwrap());
    let reason = unreachable(control(&stranger, "x").await);
    assert!(reason.contains(&address) && reason.contains("different secrets"), "{reason}");
    let foreigner = Peer::new(address, Identity::new("grid-2", "client").unwrap(), secret());
    let reason = unreachable(control(&foreigner, "x").await);
    assert!(reason.contains("\"grid-1\"") && reason.contains("\"grid-2\""), "{reason}");
    assert_eq!((node.stats.dials(), node.stats.calls()), (2, 0));
}

#[tokio::test]
async fn the_protocol_is_what_is_written_about_it() {
    let node = Node::start(echo).await;
    let mut wire = Wire::greeted(node.address).await;
    wire.send(&frame(1, b"hello")).await;
    assert_eq!(wire.read(28).await, frame(2, b"hello"));
}

#[tokio::test]
async fn garbage_instead_of_a_handshake_ends_the_connection_and_no_other() {
    let node = Node::start(echo).await;
    let peer = node.peer();
    control(&peer, "before").await.unwrap();
    let http = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec();
    for garbage in [http, vec![0xff; 4096], [b"SGPR\0\x01\xff\xff", &[0; 1000][..]].concat()] {
        let mut wire = Wire::connect(node.address).await;
        wire.send(&garbage).await;
        wire.end().await;
    }
    let mut wire = Wire::connect(node.address).await;
    wire.send(b"SGPR\0\x02\0\x01?").await;
    let told = String::from_utf8(wire.end().await.split_off(3)).unwrap();
    assert!(told.contains("version 2") && told.contains("version 1"), "{told}");
    control(&peer, "after").await.unwrap();
    assert_eq!(peer.stats().dials(), 1);
}

#[tokio::test]
async fn garbage_after_the_handshake_ends_the_connection_and_no_other() {
    let node = Node::start(echo).await;
    let peer = node.peer();
    control(&peer, "before").await.unwrap();
    let oversize = [&u32::MAX.to_be_bytes()[..], &[1; 19]].concat();
    let undersize = [&18_u32.to_be_bytes()[..], &[1; 19]].concat();
    for garbage in [oversize, undersize, frame(9, b"no kind"), frame(2, b"a reply to nothing"), vec![0xff; 1 << 16]] {
        let mut wire = Wire::greeted(node.address).await;
        wire.send(&garbage).await;
        assert!(wire.end().await.is_empty());
    }
    control(&peer, "after").await.unwrap();
    assert_eq!((peer.stats().dials(), node.stats.calls()), (1, 2));
}

#[tokio::test]
async fn a_recorded_handshake_is_worth_nothing() {
    let node = Node::start(echo).await;
    let recorded = Wire::greeted(node.address).await.sent;
    let mut replay = Wire::connect(node.address).await;
    replay.send(&recorded).await;
    let answer = replay.end().await;
    // The server's hello is as long as ours but for the node's name.
    let refusal = &answer[1 + hello().len() - "wire".len() + "server".len()..];
    assert_eq!(refusal[0], 1);
    assert!(String::from_utf8_lossy(&refusal[3..]).contains("different secrets"));
}

#[tokio::test]
async fn a_half_sent_frame_and_a_half_sent_handshake_are_given_up() {
    let soon = Duration::from_millis(50);
    let node = Node::start_with(echo, Limits { handshake: soon, stall: soon, ..Limits::default() }).await;
    let mut wire = Wire::connect(node.address).await;
    wire.send(&hello()[..20]).await;
    assert!(wire.end().await.is_empty());
    // A busy machine must not take too long for the whole handshake of the other case.
    let node = Node::start_with(echo, Limits { stall: soon, ..Limits::default() }).await;
    for cut in [1, 10, 25] {
        let mut wire = Wire::greeted(node.address).await;
        wire.send(&frame(1, b"hello")[..cut]).await;
        assert!(wire.end().await.is_empty());
    }
}
