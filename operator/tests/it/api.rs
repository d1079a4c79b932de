//! As much of an API server as the operator's shell needs: lists, watches, leases.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use kube::Client;
use kube::client::{Body, ClientBuilder};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// An API server. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Api(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    lease: Option<Value>,
    version: u64,
    /// What lists of a kind (in the plural) hold.
    objects: HashMap<&'static str, Vec<Value>>,
    /// Kinds that it does not know.
    unknown: HashSet<&'static str>,
    /// Kinds whose lists are not answered.
    silent: HashSet<&'static str>,
    /// Leases cannot be written: no answer comes.
    deaf: bool,
    watches: HashMap<String, Vec<UnboundedSender<Bytes>>>,
}

impl Api {
    pub(crate) fn new() -> Self {
        let api = Self::default();
        api.is_unknown("podmonitors");
        api
    }

    pub(crate) fn client(&self) -> Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move { Ok::<_, Infallible>(api.serve(request).await) }
        });
        ClientBuilder::new(service, "default").build()
    }

    pub(crate) fn has(&self, kind: &'static str, object: Value) {
        self.state(|state| state.objects.entry(kind).or_default().push(object));
    }

    pub(crate) fn is_unknown(&self, kind: &'static str) {
        self.state(|state| state.unknown.insert(kind));
    }

    pub(crate) fn is_known(&self, kind: &'static str) {
        self.state(|state| state.unknown.remove(kind));
    }

    pub(crate) fn is_silent_about(&self, kind: &'static str) {
        self.state(|state| state.silent.insert(kind));
    }

    pub(crate) fn speaks_about(&self, kind: &'static str) {
        self.state(|state| state.silent.remove(kind));
    }

    pub(crate) fn takes_no_writes(&self) {
        self.state(|state| state.deaf = true);
    }

    pub(crate) fn lease(&self) -> Option<Value> {
        self.state(|state| state.lease.clone())
    }

    /// Tells those that watch a kind.
    pub(crate) fn happens(&self, kind: &str, what: &str, object: &Value) {
        let line = Bytes::from(format!("{}\n", json!({"type": what, "object": object})));
        self.state(|state| {
            for watch in state.watches.get(kind).into_iter().flatten() {
                let _ = watch.send(line.clone());
            }
        });
    }

    pub(crate) fn is_watched(&self, kind: &str) -> bool {
        self.state(|state| state.watches.contains_key(kind))
    }

    fn state<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    async fn serve(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
        let body = request.into_body().collect().await.unwrap().to_bytes();
        if path.contains("/leases") {
            return self.serve_lease(&method, &body).await;
        }
        if path == "/apis/monitoring.coreos.com/v1" {
            return self.discovery();
        }
        let kind = path.rsplit('/').next().unwrap().to_owned();
        while self.state(|state| state.silent.contains(kind.as_str())) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        if self.state(|state| state.unknown.contains(kind.as_str())) {
            return unknown();
        }
        if watches { self.watch(kind) } else { self.list(&kind) }
    }

    fn list(&self, kind: &str) -> Answer {
        let items = self.state(|state| state.objects.get(kind).cloned().unwrap_or_default());
        answer(StatusCode::OK, &json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "1"}, "items": items}))
    }

    fn watch(&self, kind: String) -> Answer {
        let (sender, receiver) = unbounded_channel();
        self.state(|state| state.watches.entry(kind).or_default().push(sender));
        let frames = stream::unfold(receiver, |mut receiver: UnboundedReceiver<Bytes>| async move {
            let line = receiver.recv().await?;
            Some((Ok::<_, Infallible>(Frame::data(line)), receiver))
        });
        Response::new(StreamBody::new(frames).boxed_unsync())
    }

    fn discovery(&self) -> Answer {
        if self.state(|state| state.unknown.contains("podmonitors")) {
            return unknown();
        }
        let monitors = json!({"name": "podmonitors", "singularName": "podmonitor", "namespaced": true, "kind": "PodMonitor",
            "verbs": ["get", "list", "watch", "create", "patch", "delete"]});
        let list = json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "monitoring.coreos.com/v1",
            "resources": [monitors]});
        answer(StatusCode::OK, &list)
    }

    async fn serve_lease(&self, method: &Method, body: &[u8]) -> Answer {
        if *method == Method::GET {
            return match self.lease() {
                Some(lease) => answer(StatusCode::OK, &lease),
                None => refusal(StatusCode::NOT_FOUND, "NotFound"),
            };
        }
        if self.state(|state| state.deaf) {
            std::future::pending::<()>().await;
        }
        let mut lease: Value = serde_json::from_slice(body).unwrap();
        self.state(|state| {
            let version = |lease: &Value| lease["metadata"]["resourceVersion"].clone();
            let matches = match &state.lease {
                Some(stored) => *method == Method::PUT && version(stored) == version(&lease),
                None => *method == Method::POST,
            };
            if !matches {
                return refusal(StatusCode::CONFLICT, "Conflict");
            }
            state.version += 1;
            lease["metadata"]["resourceVersion"] = json!(state.version.to_string());
            state.lease = Some(lease.clone());
            answer(StatusCode::OK, &lease)
        })
    }
}

fn answer(status: StatusCode, value: &Value) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())).boxed_unsync());
    *response.status_mut() = status;
    response
}

/// As a real one answers if it does not know so much as the group: in plain text.
fn unknown() -> Answer {
    let mut response = Response::new(Full::new(Bytes::from_static(b"404 page not found\n")).boxed_unsync());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

fn refusal(status: StatusCode, reason: &str) -> Answer {
    let code = status.as_u16();
    answer(
        status,
        &json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": reason, "reason": reason, "code": code}),
    )
}
