//! A client written by hand, from the description of the protocol.

use std::net::SocketAddr;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::fixture::{GRID, LONG, secret};

pub(crate) struct Wire {
    stream: TcpStream,
    /// All that was sent.
    pub(crate) sent: Vec<u8>,
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), sent: Vec::new() }
    }

    /// Connected, and through the handshake.
    pub(crate) async fn greeted(address: SocketAddr) -> Self {
        let mut wire = Self::connect(address).await;
        let hello = hello();
        wire.send(&hello).await;
        assert_eq!(wire.read(1).await, [0]);
        let mut theirs = wire.read(8).await;
        let length = u16::from_be_bytes([theirs[6], theirs[7]]);
        theirs.extend(wire.read(usize::from(length)).await);
        let proof = |label: &[u8]| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret().as_bytes()).unwrap();
            [label, &hello, &theirs].iter().for_each(|part| mac.update(part));
            mac.finalize().into_bytes().to_vec()
        };
        wire.send(&proof(b"sutra peer dialler\0")).await;
        assert_eq!(wire.read(1).await, [0]);
        assert_eq!(wire.read(32).await, proof(b"sutra peer acceptor\0"));
        wire
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.sent.extend(bytes);
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn read(&mut self, bytes: usize) -> Vec<u8> {
        let mut read = vec![0; bytes];
        timeout(LONG, self.stream.read_exact(&mut read)).await.unwrap().unwrap();
        read
    }

    /// What the other side still sends before it ends the connection.
    pub(crate) async fn end(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // Whether it closes or resets is the system's doing.
        let _ = timeout(LONG, self.stream.read_to_end(&mut rest)).await.expect("the connection stays open");
        rest
    }
}

/// A hello of the node `wire`, class control.
pub(crate) fn hello() -> Vec<u8> {
    let mut body = vec![0, 1];
    body.extend([7; 32]);
    for name in [GRID, "wire"] {
        body.push(name.len() as u8);
        body.extend(name.as_bytes());
    }
    [b"SGPR", &1_u16.to_be_bytes()[..], &(body.len() as u16).to_be_bytes()[..], &body].concat()
}

/// A frame with id 5, service 6 and group 7.
pub(crate) fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = ((19 + payload.len()) as u32).to_be_bytes().to_vec();
    frame.push(kind);
    frame.extend(5_u64.to_be_bytes());
    frame.extend(6_u16.to_be_bytes());
    frame.extend(7_u64.to_be_bytes());
    frame.extend(payload);
    frame
}
