//! A peer's connection of one class: dialled when needed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tracing::{debug, info};

use crate::back_off::BackOff;
use crate::class::Class;
use crate::connection::Connection;
use crate::handshake::{HandshakeError, dialler};
use crate::identity::Identity;
use crate::limits::Limits;
use crate::secret::PeerSecret;
use crate::stats::PeerStats;

/// Whom to dial, and as whom.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: Arc<str>,
    pub(crate) identity: Identity,
    /// None only on a founding connection.
    pub(crate) secret: Option<PeerSecret>,
    pub(crate) limits: Limits,
    pub(crate) stats: Arc<PeerStats>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
enum DialError {
    #[error("connect: {0}")]
    Connect(std::io::Error),
    #[error("connect: no answer within {} ms", .0.as_millis())]
    Late(std::time::Duration),
    #[error("handshake: {0}")]
    Handshake(HandshakeError),
}

type Dialled = Result<Arc<Connection>, Arc<str>>;

/// One class's connection to a peer.
pub(crate) struct Link {
    target: Target,
    class: Class,
    inner: Mutex<Inner>,
}

struct Inner {
    state: State,
    back_off: BackOff,
}

enum State {
    Idle,
    /// A task dials and will tell.
    Dialling(watch::Receiver<Option<Dialled>>),
    Up(Arc<Connection>),
    /// Not dialled until then.
    Down {
        until: Instant,
        reason: Arc<str>,
    },
}

impl Link {
    pub(crate) fn new(target: Target, class: Class) -> Self {
        let back_off = BackOff::new(target.limits.first_back_off, target.limits.last_back_off);
        Self { target, class, inner: Mutex::new(Inner { state: State::Idle, back_off }) }
    }

    /// The connection; dials if there is none. Fails at once while the link backs off, with what the last attempt failed with.
    pub(crate) async fn connection(self: &Arc<Self>) -> Dialled {
        let mut dial = {
            let mut inner = self.inner();
            match &inner.state {
                State::Up(connection) if connection.is_open() => return Ok(connection.clone()),
                State::Down { until, reason } if Instant::now() < *until => return Err(reason.clone()),
                // An error would mean that the task was ended from outside.
                State::Dialling(dial) if dial.has_changed().is_ok() => dial.clone(),
                _ => self.begin(&mut inner),
            }
        };
        // Cloned at once: what is awaited keeps the channel locked.
        let dialled = dial.wait_for(Option::is_some).await.ok().and_then(|dialled| dialled.clone());
        dialled.unwrap_or_else(|| Err("the attempt to connect was given up".into()))
    }

    /// Dials in a task of its own, so that it goes on when the call that wanted it is dropped.
    fn begin(self: &Arc<Self>, inner: &mut Inner) -> watch::Receiver<Option<Dialled>> {
        let (sender, receiver) = watch::channel(None);
        inner.state = State::Dialling(receiver.clone());
        let link = self.clone();
        tokio::spawn(async move {
            let dialled = link.dial().await;
            let dialled = link.dialled(dialled);
            sender.send_replace(Some(dialled));
        });
        receiver
    }

    fn dialled(&self, dialled: Result<Connection, DialError>) -> Dialled {
        let Inner { state, back_off } = &mut *self.inner();
        let (address, class) = (&self.target.address, self.class);
        match dialled {
            Ok(connection) => {
                debug!(peer = %address, %class, "connected to a peer");
                let connection = Arc::new(connection);
                back_off.succeeded();
                *state = State::Up(connection.clone());
                Ok(connection)
            }
            Err(error) => {
                let reason: Arc<str> = error.to_string().into();
                if back_off.is_fresh() {
                    info!(peer = %address, %class, %reason, "can't connect to a peer; trying again when it is needed");
                }
                *state = State::Down { until: Instant::now() + back_off.failed(), reason: reason.clone() };
                Err(reason)
            }
        }
    }

    async fn dial(&self) -> Result<Connection, DialError> {
        let Target { address, identity, secret, limits, stats } = &self.target;
        stats.dialled();
        // The name is resolved each time: a node may come back with another address.
        let connected = timeout(limits.dial, TcpStream::connect(&**address)).await.map_err(|_| DialError::Late(limits.dial))?;
        let mut stream = connected.map_err(DialError::Connect)?;
        // Requests are written whole; waiting to fill a segment would only delay the last one.
        let _ = stream.set_nodelay(true);
        timeout(limits.handshake, dialler::greet(&mut stream, self.class, identity, secret.as_ref()))
            .await
            .unwrap_or(Err(HandshakeError::Late(limits.handshake)))
            .map_err(DialError::Handshake)?;
        Ok(Connection::start(address.clone(), stream, limits, stats.clone()))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // No code that can panic runs while it is held.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
