//! What is served over HTTP: `/metrics`, `/livez`, `/readyz`.

use ::http::StatusCode;
use ::http::header::CONTENT_TYPE;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::health::Health;
use crate::lease::Leadership;
use crate::metrics::Metrics;

/// What the answers are made of.
#[derive(Clone, Debug)]
pub struct Served {
    /// Whether it lives and is ready.
    pub health: Health,
    /// What was counted.
    pub metrics: Metrics,
    /// Whether it leads.
    pub leadership: Leadership,
}

/// Serves until `stop` is cancelled.
///
/// # Errors
/// If the listener fails.
pub async fn serve(listener: TcpListener, served: Served, stop: CancellationToken) -> std::io::Result<()> {
    axum::serve(listener, router(served)).with_graceful_shutdown(stop.cancelled_owned()).await
}

fn router(served: Served) -> Router {
    Router::new().route("/metrics", get(metrics)).route("/livez", get(live)).route("/readyz", get(ready)).with_state(served)
}

async fn metrics(State(served): State<Served>) -> Response {
    served.metrics.leads(served.leadership.is_held());
    served.metrics.observe_clusters(&served.health.clusters());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], served.metrics.render()).into_response()
}

async fn live(State(served): State<Served>) -> Response {
    probe(served.health.live())
}

async fn ready(State(served): State<Served>) -> Response {
    probe(served.health.ready())
}

fn probe(answer: Result<(), String>) -> Response {
    match answer {
        Ok(()) => "ok\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use ::http::Request;
    use axum::body::{Body, to_bytes};
    use kube::runtime::reflector;
    use tower::ServiceExt as _;

    use super::*;

    async fn get(served: &Served, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(served.clone()).oneshot(request).await.unwrap();
        let status = response.status();
        (status, String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn probes_say_why_not() {
        let (_announcer, leadership) = Leadership::new();
        let served = Served { health: Health::new(), metrics: Metrics::new(), leadership };
        assert_eq!(get(&served, "/readyz").await, (StatusCode::OK, "ok\n".into()));
        assert_eq!(get(&served, "/livez").await.0, StatusCode::OK);
        served.health.control_begins(["pods"], reflector::store().0);
        assert_eq!(get(&served, "/readyz").await, (StatusCode::SERVICE_UNAVAILABLE, "pods: not all known yet\n".into()));
        assert!(get(&served, "/metrics").await.1.contains("sutra_operator_leader 0"));
        assert_eq!(get(&served, "/elsewhere").await.0, StatusCode::NOT_FOUND);
    }
}
