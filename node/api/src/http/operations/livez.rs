//! `GET /livez`.

use axum::http::Method;

use crate::http::openapi::{Operation, Tag};

pub(in crate::http) fn describe() -> Operation {
    Operation::new(Method::GET, "/livez", "livez", Tag::Node, "Whether the process answers")
        .about("It says nothing about disk, peers or quorum: restarting the process would mend none of them.")
        .answers_text(200, "text/plain", "It does.")
}

pub(in crate::http) async fn livez() -> &'static str {
    "ok\n"
}
