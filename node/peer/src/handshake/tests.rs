use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::sync::Semaphore;

use super::HandshakeError;
use super::acceptor::{Admitted, Door, admit};
use super::dialler::greet;
use super::hello::HELLO_BYTES;
use crate::class::Class;
use crate::identity::Identity;
use crate::secret::PeerSecret;

fn identity(grid: &str) -> Identity {
    Identity::new(grid, "node-1").unwrap()
}

fn secret(text: &str) -> PeerSecret {
    PeerSecret::new(text).unwrap()
}

fn grid(id: &str, text: &str) -> Door {
    Door::Grid { identity: identity(id), secret: secret(text) }
}

struct Caller {
    class: Class,
    identity: Identity,
    secret: Option<PeerSecret>,
}

impl Caller {
    fn of(grid: &str, text: &str) -> Self {
        Self { class: Class::Append, identity: identity(grid), secret: Some(secret(text)) }
    }

    fn founder(secret: Option<PeerSecret>) -> Self {
        Self { class: Class::Founding, identity: Identity::none(), secret }
    }
}

async fn meet(caller: Caller, door: Door) -> (Result<(), HandshakeError>, Result<Admitted, HandshakeError>) {
    meet_with(caller, door, 1).await
}

async fn meet_with(caller: Caller, door: Door, seats: usize) -> (Result<(), HandshakeError>, Result<Admitted, HandshakeError>) {
    let (mut one, mut other) = duplex(4096);
    let seats = Arc::new(Semaphore::new(seats));
    tokio::join!(greet(&mut one, caller.class, &caller.identity, caller.secret.as_ref()), async {
        admit(&mut other, &door, &seats).await
    },)
}

/// Both sides must know why.
async fn refused(caller: Caller, door: Door, why: &str) {
    let (called, admitted) = meet(caller, door).await;
    let (called, admitted) = (called.unwrap_err(), admitted.unwrap_err());
    assert_eq!(called.to_string(), format!("it was refused: {admitted}"));
    assert!(admitted.to_string().contains(why), "{admitted}");
}

#[tokio::test]
async fn nodes_of_one_grid_that_know_its_secret_meet() {
    let (called, admitted) = meet(Caller::of("g", "s"), grid("g", "s")).await;
    called.unwrap();
    let admitted = admitted.unwrap();
    assert_eq!((&*admitted.node, admitted.class), ("node-1", Class::Append));
}

#[tokio::test]
async fn another_secret_is_refused_and_both_sides_know_why() {
    refused(Caller::of("g", "s"), grid("g", "t"), "different secrets").await;
}

#[tokio::test]
async fn another_grid_is_refused_and_both_sides_know_why() {
    refused(Caller::of("g", "s"), grid("h", "s"), r#"the caller belongs to grid "g", the node that it called to grid "h""#).await;
}

#[tokio::test]
async fn the_founding_door_is_for_founders_and_the_grids_door_is_not() {
    refused(Caller::founder(None), grid("g", "s"), "this node belongs to a grid").await;
    refused(Caller::of("g", "s"), Door::Founding { secret: None }, "this node belongs to no grid yet").await;
    let (called, admitted) = meet(Caller::founder(None), Door::Founding { secret: None }).await;
    assert!(called.is_ok() && admitted.unwrap().node.is_empty());
}

#[tokio::test]
async fn a_founder_proves_the_secret_if_and_only_if_one_is_required() {
    let door = || Door::Founding { secret: Some(secret("s")) };
    let (called, admitted) = meet(Caller::founder(Some(secret("s"))), door()).await;
    assert!(called.is_ok() && admitted.is_ok());
    refused(Caller::founder(Some(secret("t"))), door(), "different secrets").await;
    refused(Caller::founder(None), door(), "wants proof").await;
    refused(Caller::founder(Some(secret("s"))), Door::Founding { secret: None }, "without a secret").await;
}

#[tokio::test]
async fn one_too_many_is_told_so() {
    let (called, admitted) = meet_with(Caller::of("g", "s"), grid("g", "s"), 0).await;
    assert!(matches!(admitted, Err(HandshakeError::Full)));
    assert!(called.unwrap_err().to_string().contains("too many connections"));
}

#[tokio::test]
async fn an_acceptor_that_does_not_know_the_secret_is_not_trusted() {
    let (mut one, mut other) = duplex(4096);
    let caller = Caller::of("g", "s");
    let greeting = greet(&mut one, caller.class, &caller.identity, caller.secret.as_ref());
    let impostor = async {
        let mut hello = vec![0; HELLO_BYTES];
        let length = other.read(&mut hello).await.unwrap();
        // The caller's own hello fits the class and the grid, and its own proof is at hand too.
        other.write_all(&[&[0], &hello[..length]].concat()).await.unwrap();
        let mut proof = [0; 32];
        other.read_exact(&mut proof).await.unwrap();
        other.write_all(&[&[0], &proof[..]].concat()).await.unwrap();
    };
    let (greeted, ()) = tokio::join!(greeting, impostor);
    assert!(matches!(greeted, Err(HandshakeError::Secret)));
}

#[tokio::test]
async fn what_does_not_speak_the_protocol_is_told_nothing() {
    let (mut one, mut other) = duplex(4096);
    one.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let admitted = admit(&mut other, &grid("g", "s"), &Arc::new(Semaphore::new(1))).await;
    assert!(matches!(admitted, Err(HandshakeError::Foreign)));
    drop(other);
    assert_eq!(one.read(&mut [0; 1]).await.unwrap(), 0);
}
