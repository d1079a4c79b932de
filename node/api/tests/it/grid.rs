//! A node over a temporary directory, served on a loopback port until it is dropped.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use sutra_api::http::{HttpLimits, serve};
use sutra_api::metrics::Metrics;
use sutra_api::service::{Service, ServiceConfig};
use sutra_storage::{Store, StoreConfig};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) service: Service,
    pub(crate) shutdown: CancellationToken,
    pub(crate) serving: Option<JoinHandle<()>>,
    client: Client,
    _dir: tempfile::TempDir,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Node {
    pub(crate) async fn start() -> Self {
        Self::with_limits(HttpLimits::default()).await
    }

    pub(crate) async fn with_limits(limits: HttpLimits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        let store = tokio::task::spawn_blocking(move || Store::open(StoreConfig::at(path)).unwrap()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let config = ServiceConfig {
            node: "test".into(),
            http: address.to_string(),
            tcp: "127.0.0.1:0".into(),
            peer: Some("127.0.0.1:7001".into()),
            advertise: None,
            version: "0.0.0",
            embedder: "none".into(),
            edition: "none".into(),
        };
        let service = Service::new(sutra_grid::Router::alone(store), config);
        let shutdown = CancellationToken::new();
        // A node that soon loses patience with an idle connection may close it just when it is used again.
        let kept = if limits.head_timeout < Duration::from_secs(1) { 0 } else { usize::MAX };
        let serving = tokio::spawn(serve(listener, service.clone(), Metrics::new(), limits, shutdown.clone()));
        let client = Client::builder().no_proxy().pool_max_idle_per_host(kept).build().unwrap();
        Self { address, service, shutdown, serving: Some(serving), client, _dir: dir }
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.ask(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.ask(Method::DELETE, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.ask(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.ask(Method::PATCH, path).json(&body)).await
    }

    /// Learns `content` and gives its id.
    pub(crate) async fn learn(&self, body: Value) -> String {
        let answer = self.post("/v1/learn", body).await.ok();
        answer["id"].as_str().unwrap().to_owned()
    }
}

/// A reply, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response: Response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("{name} is missing in {self:?}")).to_str().unwrap()
    }

    /// The JSON body of a success.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        assert!(!self.header("x-request-id").is_empty());
        serde_json::from_str(&self.text).unwrap()
    }

    /// The error, which has the documented shape and this code.
    pub(crate) fn refused(&self, code: &str) -> Value {
        let body: Value = serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{self:?}"));
        let error = &body["error"];
        assert_eq!(error["code"], code, "{body}");
        let status = sutra_protocol::ErrorCode::ALL.iter().find(|known| known.as_str() == code).unwrap().http_status();
        assert_eq!(self.status, status);
        assert_eq!(error["request_id"], self.header("x-request-id"));
        assert_eq!(self.header("content-type"), "application/json");
        assert!(error["message"].as_str().unwrap().len() > 10, "{body}");
        error.clone()
    }

    /// An `invalid_argument` that blames `param`.
    pub(crate) fn blames(&self, param: &str) -> String {
        let error = self.refused("invalid_argument");
        assert_eq!(error["param"], param, "{error}");
        error["message"].as_str().unwrap().to_owned()
    }
}
