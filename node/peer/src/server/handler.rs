//! What is done with a request.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::class::Class;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// The name of the node that sent it; empty on a founding connection.
    pub from: Arc<str>,
    /// The class of its connection.
    pub class: Class,
    /// Which part of the node it is for.
    pub service: u16,
    /// Which group.
    pub group: u64,
    /// At most [`crate::PAYLOAD_BYTES`].
    pub payload: Bytes,
}

/// Why a handler does not do what it was asked; the caller reads the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    reason: String,
}

impl Refusal {
    /// A refusal with this text.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }

    /// Its text.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.reason)
    }
}

/// An answer in the making. A reply above [`crate::PAYLOAD_BYTES`] reaches the caller as a refusal.
pub type Answer = Pin<Box<dyn Future<Output = Result<Bytes, Refusal>> + Send>>;

/// Answers requests. Functions from a request to a future are handlers.
pub trait Handler: Send + Sync + 'static {
    /// Begins to answer a request.
    ///
    /// The method itself is called in the order in which a connection's requests arrived, one after the other, so that whatever
    /// must begin in that order (appends) is begun before it returns. It must not block. The futures run each in a task of its own,
    /// in any order. A future is dropped when its connection ends: what must not be cut short needs a task of its own. A panic in
    /// either answers with a refusal.
    fn handle(&self, request: Request) -> Answer;
}

impl<F, A> Handler for F
where
    F: Fn(Request) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Bytes, Refusal>> + Send + 'static,
{
    fn handle(&self, request: Request) -> Answer {
        Box::pin(self(request))
    }
}
