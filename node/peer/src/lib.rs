//! The connections between the nodes of a grid: requests and replies as bytes, whatever they mean.
//!
//! ```text
//!  Peer::call(class, ..) ─→ link, one a class ─→ connection ══ TCP ══▶ session ─→ Handler::handle(request)
//!     ▲                      dials, backs off     waiting calls         at most `in_flight` at once    │
//!     └───────────────── reply, refusal or error ◀═══════════════════════════════ Bytes or Refusal ◀───┘
//!
//!  a connection:   hello(nonce) ─→             ─→ proof ─→           ─→ requests ─→
//!                               ←─ hello(nonce)          ←─ proof                  ←─ replies, in any order
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | `identity` | who a node is |
//! | `secret` | what only the nodes of a grid know |
//! | `class` | what kind of traffic a connection carries |
//! | `limits` | how long is waited, and for how much |
//! | `handshake` | each side shows the other that it knows the secret |
//! | `frame` | the unit of what is sent after it |
//! | `frame_reader` | frames out of a stream, in bounded memory and time |
//! | `frame_writer` | what is queued, many frames a write |
//! | `outbox` | frames that wait to be written |
//! | `peer` | the client of one address |
//! | `link` | a peer's connection of one class: dialled when needed |
//! | `back_off` | how long not to dial |
//! | `connection` | calls under way, their replies, and when to give the connection up |
//! | `server` | connections that are accepted, and the requests they carry |
//! | `stats` | what has been carried |
//! | `error` | why a call has no reply |
//!
//! # What is protected
//! Both sides prove that they know the grid's secret before anything else of theirs is read: each proof is an HMAC-SHA256 over both
//! hellos, with a nonce of either side in them, so that nothing recorded can be used again. What follows the handshake is neither
//! encrypted nor signed: that frames arrive whole is TCP's doing, and somebody who can change packets on the way can change them.
//! TLS comes with the secure mode; until then the network between nodes has to be trusted that far.
//!
//! # On the wire
//! All numbers are big-endian. A frame: length of what follows `u32`, kind `u8` (1 request, 2 reply, 3 refusal), id `u64`, service
//! `u16`, group `u64`, payload. The handshake is described in its module. Time is tokio's throughout, so that tests can replay it.

mod back_off;
mod class;
mod connection;
mod error;
mod frame;
mod frame_reader;
mod frame_writer;
mod handshake;
mod identity;
mod limits;
mod link;
mod outbox;
mod peer;
mod secret;
mod server;
mod stats;

pub use class::Class;
pub use error::CallError;
pub use frame::{FRAME_BYTES, PAYLOAD_BYTES};
pub use identity::{Identity, IdentityError, NAME_BYTES};
pub use limits::Limits;
pub use peer::Peer;
pub use secret::{PeerSecret, SECRET_BYTES, SecretError};
pub use server::{Answer, Handler, Refusal, Request, Server, ServerIdentity};
pub use stats::PeerStats;
