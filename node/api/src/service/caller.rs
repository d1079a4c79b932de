//! Who asks, until when, and for which time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use sutra_grid::Reading;
use sutra_protocol::command::RequestKey;
use sutra_protocol::{Namespace, Timestamp};

use super::Token;

/// Who makes a request, and what goes with it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whose word a write is.
    pub asserted_by: Arc<str>,
    /// When the caller stops waiting.
    pub deadline: Instant,
    /// Set when the caller may repeat the request (`Idempotency-Key`).
    pub request: Option<RequestKey>,
    /// What the caller has to see (`Sutra-Token`).
    pub token: Option<Token>,
    /// Whether a read has to see all that was acknowledged before it, by whichever node (`consistency=strong`).
    pub strong: bool,
    /// Whether an answer without the shards that can't answer will do (`partial`).
    pub partial: bool,
    /// Shards of which this node's replica has all that was acknowledged before the request.
    pub(crate) here: Arc<Mutex<Vec<u64>>>,
}

impl Caller {
    /// A caller without an account, who waits for `timeout`.
    pub fn anonymous(timeout: Duration) -> Self {
        Self {
            asserted_by: "anonymous".into(),
            deadline: Instant::now() + timeout,
            request: None,
            token: None,
            strong: false,
            partial: true,
            here: Arc::default(),
        }
    }

    /// Notes of which shards this node's replica has all that was acknowledged before.
    pub(super) fn caught_up(&self, here: Vec<u64>) {
        *self.here.lock().unwrap_or_else(PoisonError::into_inner) = here;
    }

    /// What the caller's reads have to see.
    pub(super) fn reading(&self) -> Reading {
        let seen = self.token.iter().flat_map(Token::positions).collect();
        let here = self.here.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Reading { seen, strong: self.strong, here, until: Some(self.deadline) }
    }

    /// What is looked at to say what the caller's write means: all that was acknowledged before.
    pub(super) fn planning(&self) -> Reading {
        Reading { strong: true, ..self.reading() }
    }
}

/// What a read looks at.
#[derive(Clone, Debug, Default)]
pub struct Read {
    /// Whose graph.
    pub namespace: Namespace,
    /// What held in the world then; default: now.
    pub valid_at: Option<Timestamp>,
    /// What was recorded by then; default: everything.
    pub known_at: Option<Timestamp>,
}

/// The answer to a read of one thing that has versions.
#[derive(Clone, Debug, PartialEq)]
pub struct Found<T> {
    /// The answer.
    pub body: T,
    /// When the version was recorded: its `ETag` in microseconds.
    pub version: Timestamp,
}

/// The answer to a write.
#[derive(Clone, Debug, PartialEq)]
pub struct Written<T> {
    /// The answer.
    pub body: T,
    /// With this, a read sees the write, and all that the caller's own token names.
    pub token: Token,
}
