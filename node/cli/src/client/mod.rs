//! One HTTP exchange with a node; and the one request that goes to a peer port, before there is a grid.

mod error;
mod founder;

use std::time::Duration;

use reqwest::{Body, Method, Request, Response, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_norway::Value;
use sutra_protocol::error::ErrorBody;
use sutra_protocol::limits;

use crate::arguments::Server;

pub(crate) use error::ClientError;
pub(crate) use founder::found;

/// How much longer than the server a client waits: the server knows best why it is late.
const GRACE: Duration = Duration::from_secs(5);
/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// A connection to one node.
pub(crate) struct Client {
    http: reqwest::Client,
    server: Server,
    timeout: Option<Duration>,
}

/// A reply of the server: its body, every field kept, and in order, which YAML's values do and serde_json's do not.
#[derive(Debug)]
pub(crate) struct Reply(Value);

type Query = Vec<(&'static str, String)>;

impl Client {
    /// A client of `server`; `timeout` bounds each request, the server's default applies without one.
    pub(crate) fn new(server: Server, timeout: Option<Duration>) -> anyhow::Result<Self> {
        let builder = reqwest::Client::builder();
        // A transfer ends when it has not moved for as long as its command says; that a node takes nothing for half a minute is no failure.
        #[cfg(target_os = "linux")]
        let builder = builder.tcp_user_timeout(None);
        let http = builder
            // A grid is talked to directly: a proxy between would cut long transfers, and a redirect would lose bodies.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .user_agent(concat!("sutra/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http, server, timeout })
    }

    /// `GET path`.
    pub(crate) async fn get(&self, path: &str, query: impl IntoIterator<Item = (&'static str, String)>) -> anyhow::Result<Reply> {
        self.exchange(Method::GET, path, query, None).await
    }

    /// `POST path` with a JSON body.
    pub(crate) async fn post(&self, path: &str, body: &impl Serialize) -> anyhow::Result<Reply> {
        self.exchange(Method::POST, path, [], Some(serde_json::to_vec(body)?)).await
    }

    /// `DELETE path`.
    pub(crate) async fn delete(
        &self,
        path: &str,
        query: impl IntoIterator<Item = (&'static str, String)>,
    ) -> anyhow::Result<Reply> {
        self.exchange(Method::DELETE, path, query, None).await
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        query: impl IntoIterator<Item = (&'static str, String)>,
        body: Option<Vec<u8>>,
    ) -> anyhow::Result<Reply> {
        let mut query: Query = query.into_iter().collect();
        if let Some(timeout) = self.timeout {
            query.push(("timeout_ms", timeout.as_millis().to_string()));
        }
        let mut request = self.request(method, path, query)?;
        if let Some(body) = body {
            request.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.into());
        }
        let limit = self.timeout.unwrap_or(Duration::from_millis(limits::DEFAULT_TIMEOUT_MS)) + GRACE;
        let exchange = async {
            let response = self.accepted(request).await?;
            let bytes = response.bytes().await.map_err(|error| self.broken(&error))?;
            serde_json::from_slice(&bytes).map_err(|error| self.unreadable(&error))
        };
        let reply = tokio::time::timeout(limit, exchange).await;
        Ok(reply.map_err(|_| ClientError::Late { server: self.server.clone(), after: limit })?.map(Reply)?)
    }

    /// Opens a transfer, which no time-out bounds as a whole.
    ///
    /// # Errors
    /// As soon as the server refuses it, even if the body is still on its way.
    pub(crate) async fn open(
        &self,
        method: Method,
        path: &str,
        query: Query,
        body: Option<Body>,
    ) -> Result<Response, ClientError> {
        let mut request = self.request(method, path, query)?;
        request.headers_mut().insert(header::ACCEPT, header::HeaderValue::from_static("application/x-ndjson"));
        if let Some(body) = body {
            request.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/x-ndjson"));
            *request.body_mut() = Some(body);
        }
        self.accepted(request).await
    }

    /// A line of a streamed reply.
    ///
    /// # Errors
    /// Also if the line is an error: once a stream has begun, its status can't tell.
    pub(crate) fn event(&self, line: &[u8]) -> Result<Reply, ClientError> {
        let value: Value = serde_json::from_slice(line).map_err(|error| self.unreadable(&error))?;
        match value.get("error") {
            None => Ok(Reply(value)),
            Some(_) => match serde_norway::from_value::<ErrorBody>(value) {
                Ok(body) => Err(ClientError::Refused { error: Box::new(body.error), retry_after: None }),
                Err(error) => Err(self.unreadable(&error)),
            },
        }
    }

    /// The error for a connection that ended in the middle of a reply.
    pub(crate) fn broken(&self, error: &reqwest::Error) -> ClientError {
        ClientError::broken(self.server.clone(), error)
    }

    /// The error for a reply that no Sutra node sends.
    pub(crate) fn unreadable(&self, error: &dyn std::fmt::Display) -> ClientError {
        ClientError::Unreadable { server: self.server.clone(), reason: error.to_string() }
    }

    /// The time that the caller grants, if any.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    fn request(&self, method: Method, path: &str, query: Query) -> Result<Request, ClientError> {
        let url = self.server.url(path, query).map_err(ClientError::Address)?;
        Ok(Request::new(method, url))
    }

    /// The response, if its status says success.
    async fn accepted(&self, request: Request) -> Result<Response, ClientError> {
        let response = self.http.execute(request).await.map_err(|error| ClientError::unsent(self.server.clone(), &error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body = response.bytes().await.unwrap_or_default();
        Err(ClientError::refused(self.server.clone(), status, retry_after, &body))
    }
}

impl Reply {
    /// The body as it came.
    pub(crate) fn value(&self) -> &Value {
        &self.0
    }

    /// The body as a message of the protocol.
    ///
    /// # Errors
    /// A newer server may say what this client has no words for.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_norway::from_value(self.0.clone())
            .map_err(|error| anyhow::anyhow!("this client can't show the reply ({error}); `-o json` prints it as it is"))
    }
}
