//! Connections to the API server: one for the lease, which the fence depends on, and one behind the fence for everything else.
//!
//! Neither repeats anything by itself. The library would repeat a write inside the fence, when the lease may be gone, and a renewal after
//! the time that it is for.

use std::time::Duration;

use ::http::header::{HeaderValue, USER_AGENT};
use kube::client::ClientBuilder;
use kube::{Client, Config};
use tower::timeout::TimeoutLayer;

use crate::fence::Fence;
use crate::lease::Leadership;

/// How long it may take to connect.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the API server may take to begin its answer. A watch's answer begins at once.
const ANSWER: Duration = Duration::from_secs(30);
/// How long nothing may come on a connection: longer than a watch is asked for (see [`crate::control`]).
const SILENCE: Duration = Duration::from_secs(300);
/// How long the API server may take to accept what is sent.
const SEND: Duration = Duration::from_secs(10);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It is not known where the API server is.
    #[error("find the API server: set KUBECONFIG, or run as a pod with a service account")]
    Infer(#[from] kube::config::InferConfigError),
    /// Certificates or credentials do not work.
    #[error("prepare the connection to the API server")]
    Build(#[from] kube::Error),
}

/// Where the API server is and who asks it.
#[derive(Clone, Debug)]
pub struct Server {
    config: Config,
}

impl Server {
    /// As `KUBECONFIG` says, or as every pod is told.
    ///
    /// # Errors
    /// If there is neither.
    pub async fn infer() -> Result<Self, ClientError> {
        Ok(Self::new(Config::infer().await?))
    }

    fn new(mut config: Config) -> Self {
        config.connect_timeout = Some(CONNECT);
        config.read_timeout = Some(SILENCE);
        config.write_timeout = Some(SEND);
        config.reset_reader_on_write = true;
        config.default_retry = false;
        let agent = HeaderValue::from_static(concat!("sutra-operator/", env!("CARGO_PKG_VERSION")));
        config.headers.push((USER_AGENT, agent));
        Self { config }
    }

    /// The client of the lease's keeper: not fenced.
    ///
    /// # Errors
    /// If certificates or credentials do not work.
    pub fn for_lease(&self) -> Result<Client, ClientError> {
        Ok(ClientBuilder::try_from(self.config.clone())?.build())
    }

    /// The client of everything else.
    ///
    /// # Errors
    /// If certificates or credentials do not work.
    pub fn fenced(&self, leadership: Leadership) -> Result<Client, ClientError> {
        let builder = ClientBuilder::try_from(self.config.clone())?;
        Ok(builder.with_layer(&Fence::new(leadership)).with_layer(&TimeoutLayer::new(ANSWER)).build())
    }
}

/// Makes the one implementation of TLS that is built in the one of the process.
pub fn install_tls() {
    // The error is that there is one already: it is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
