//! Refuses every request that may change something, unless the lease is held at the moment at which it is sent.
//!
//! The fence is a layer around the client: nothing that writes can forget to ask. What is asked of nodes does not go through that client;
//! [`pass`] is asked before it is sent. What an API server takes longer than a third of the
//! lease's duration to let in could still arrive after another operator has begun; the deadline of requests (see [`crate::client`]) and
//! the versions and server-side apply of what is written bound what that could do.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use ::http::{Method, Request};
use futures_util::future::{Either, MapErr, TryFutureExt as _};
use tower::{BoxError, Layer, Service};

use crate::lease::Leadership;

/// Why a request was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not sent, because this operator does not hold the lease now: {request}")]
pub struct NotHeld {
    /// What it would have done, to what.
    pub request: String,
}

/// Refuses what does not go to the API server, and changes something all the same: to be asked right before it is sent.
///
/// # Errors
/// If the lease is not held now.
pub fn pass(leadership: &Leadership, request: impl FnOnce() -> String) -> Result<(), kube::Error> {
    if leadership.is_held() { Ok(()) } else { Err(kube::Error::Service(Box::new(NotHeld { request: request() }))) }
}

/// The layer.
#[derive(Clone, Debug)]
pub struct Fence {
    leadership: Leadership,
}

impl Fence {
    /// Lets through what changes nothing, and the rest while the lease is held.
    #[must_use]
    pub fn new(leadership: Leadership) -> Self {
        Self { leadership }
    }
}

/// Whether a request was refused by the fence: it is certain that it changed nothing.
#[must_use]
pub fn is_not_held(error: &kube::Error) -> bool {
    match error {
        kube::Error::Service(error) => error.downcast_ref::<NotHeld>().is_some(),
        _ => false,
    }
}

impl<S> Layer<S> for Fence {
    type Service = Fenced<S>;

    fn layer(&self, inner: S) -> Fenced<S> {
        Fenced { inner, leadership: self.leadership.clone() }
    }
}

/// A service behind the fence.
#[derive(Clone, Debug)]
pub struct Fenced<S> {
    inner: S,
    leadership: Leadership,
}

impl<S, B> Service<Request<B>> for Fenced<S>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Either<Ready<Result<S::Response, BoxError>>, MapErr<S::Future, fn(S::Error) -> BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let harmless = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        // Asked here and not when the request was made: it may have waited for a connection since.
        if harmless || self.leadership.is_held() {
            return Either::Right(self.inner.call(request).map_err(Into::into));
        }
        let refused = NotHeld { request: format!("{} {}", request.method(), request.uri().path()) };
        Either::Left(ready(Err(refused.into())))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use ::http::Response;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
    use kube::client::{Body, ClientBuilder};

    use super::*;

    /// A client behind the fence, and how many requests came through it.
    fn client(leadership: Leadership) -> (kube::Client, Arc<AtomicUsize>) {
        let passed = Arc::new(AtomicUsize::new(0));
        let counted = passed.clone();
        let server = tower::service_fn(move |_: Request<Body>| {
            counted.fetch_add(1, Ordering::Relaxed);
            let object = br#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}"#;
            async move { Ok::<_, Infallible>(Response::new(Body::from(object.to_vec()))) }
        });
        (ClientBuilder::new(server, "default").with_layer(&Fence::new(leadership)).build(), passed)
    }

    async fn write_in_every_way(api: &Api<ConfigMap>) -> Vec<Result<(), kube::Error>> {
        let object = ConfigMap::default();
        let patch = Patch::Merge(&object);
        vec![
            api.create(&PostParams::default(), &object).await.map(drop),
            api.replace("a", &PostParams::default(), &object).await.map(drop),
            api.patch("a", &PatchParams::default(), &patch).await.map(drop),
            api.delete("a", &DeleteParams::default()).await.map(drop),
        ]
    }

    #[tokio::test]
    async fn without_the_lease_reads_pass_and_no_write_does() {
        let (_announcer, leadership) = Leadership::new();
        let (client, passed) = client(leadership);
        let api = Api::<ConfigMap>::default_namespaced(client);
        api.get("a").await.unwrap();
        assert_eq!(passed.load(Ordering::Relaxed), 1);
        for result in write_in_every_way(&api).await {
            let error = result.unwrap_err();
            assert!(is_not_held(&error), "{error:?}");
            assert!(error.to_string().contains("does not hold the lease now"), "{error}");
        }
        assert_eq!(passed.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn with_the_lease_writes_pass_until_its_time_is_over() {
        let (announcer, leadership) = Leadership::new();
        let (client, passed) = client(leadership);
        let api = Api::<ConfigMap>::default_namespaced(client);
        announcer.announce(Some(Instant::now() + Duration::from_secs(60)));
        assert!(write_in_every_way(&api).await.iter().all(Result::is_ok));
        assert_eq!(passed.load(Ordering::Relaxed), 4);
        // Nobody said that it is over: the clock does.
        announcer.announce(Some(Instant::now()));
        assert!(write_in_every_way(&api).await.iter().all(Result::is_err));
        assert_eq!(passed.load(Ordering::Relaxed), 4);
    }
}
