//! Every route.

use std::collections::HashMap;
use std::sync::OnceLock;

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::middleware;
use axum::routing::{MethodRouter, delete, get, patch, post, put};

use super::app::App;
use super::envelope::envelope;
use super::openapi::Operation;
use super::operations as op;
use super::seen::seen;

/// An operation and what carries it out.
struct Route {
    operation: Operation,
    handler: MethodRouter<App>,
}

fn routes() -> Vec<Route> {
    let route = |operation, handler| Route { operation, handler };
    vec![
        route(op::learn::describe(), post(op::learn::learn)),
        route(op::learn_batch::describe(), post(op::learn_batch::learn_batch)),
        route(op::associate::describe(), post(op::associate::associate)),
        route(op::dissociate::describe(), delete(op::dissociate::dissociate)),
        route(op::associate_batch::describe(), post(op::associate_batch::associate_batch)),
        route(op::concept_get::describe(), get(op::concept_get::concept)),
        route(op::concept_patch::describe(), patch(op::concept_patch::patch)),
        route(op::concept_delete::describe(), delete(op::concept_delete::delete)),
        route(op::concepts_get::describe(), post(op::concepts_get::get)),
        route(op::concepts_query::describe(), post(op::concepts_query::query)),
        route(op::concepts_count::describe(), post(op::concepts_count::count)),
        route(op::neighbors::describe(), get(op::neighbors::neighbors)),
        route(op::search::describe(), post(op::search::search)),
        route(op::path::describe(), post(op::path::path)),
        route(op::reason::describe(), post(op::reason::reason)),
        route(op::import::describe(), post(op::import::import)),
        route(op::export::describe(), get(op::export::export)),
        route(op::namespaces::describe(), get(op::namespaces::namespaces)),
        route(op::namespace_get::describe(), get(op::namespace_get::namespace)),
        route(op::namespace_put::describe(), put(op::namespace_put::set_namespace)),
        route(op::namespace_delete::describe(), delete(op::namespace_delete::drop_namespace)),
        route(op::grid::describe(), get(op::grid::grid)),
        route(op::stats::describe(), get(op::stats::stats)),
        route(op::info::describe(), get(op::info::info)),
        route(op::health::describe(), get(op::health::health)),
        route(op::health_detailed::describe(), get(op::health_detailed::health_detailed)),
        route(op::livez::describe(), get(op::livez::livez)),
        route(op::readyz::describe(), get(op::readyz::readyz)),
        route(op::metrics::describe(), get(op::metrics::metrics)),
        route(op::document::describe(), get(op::document::document)),
        route(op::docs::describe(), get(op::docs::docs)),
    ]
}

/// The router with every path in its two spellings, and the envelope around all of it.
pub(super) fn router(app: App) -> Router {
    let mut router = Router::new();
    for Route { operation, handler } in routes() {
        let path = unversioned(operation.path);
        let handler = if operation.shows { handler.layer(middleware::from_fn_with_state(app.clone(), seen)) } else { handler };
        router = router.route(path, handler.clone()).route(&format!("{VERSION}{path}"), handler);
    }
    router.fallback(unknown_path).layer(middleware::from_fn_with_state(app.clone(), envelope)).with_state(app)
}

/// The envelope explains it.
async fn unknown_path(_: Request) -> StatusCode {
    StatusCode::NOT_FOUND
}

/// Every operation, in the order of the document.
pub(super) fn operations() -> Vec<Operation> {
    routes().into_iter().map(|route| route.operation).collect()
}

const VERSION: &str = "/v1";

/// `path` without the leading `/v1`, which is optional for ever.
pub(super) fn unversioned(path: &str) -> &str {
    path.strip_prefix(VERSION).filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

/// The operation behind a route's method and path pattern.
pub(super) fn operation_id(method: &Method, pattern: &str) -> Option<&'static str> {
    static IDS: OnceLock<HashMap<(Method, &'static str), &'static str>> = OnceLock::new();
    let ids = IDS.get_or_init(|| {
        operations().into_iter().map(|operation| ((operation.method, unversioned(operation.path)), operation.id)).collect()
    });
    let method = if method == Method::HEAD { &Method::GET } else { method };
    ids.get(&(method.clone(), unversioned(pattern))).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_path_are_one_operation() {
        assert_eq!(operation_id(&Method::POST, "/v1/learn"), Some("learn"));
        assert_eq!(operation_id(&Method::POST, "/learn"), Some("learn"));
        assert_eq!(operation_id(&Method::HEAD, "/v1/stats"), Some("stats"));
        assert_eq!(operation_id(&Method::PUT, "/v1/learn"), None);
        assert_eq!(unversioned("/v1"), "/v1");
    }

    #[test]
    fn operation_ids_are_unique() {
        let mut ids: Vec<_> = operations().iter().map(|operation| operation.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), operations().len());
    }
}
