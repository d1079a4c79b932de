//! The sentence for each way an exchange fails.

use std::fmt;
use std::io;
use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use sutra_protocol::error::ErrorBody;
use sutra_protocol::{ApiError, ConceptId};

use crate::arguments::Server;
use crate::output::{self, candidates, text};

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The address with a request's path is none.
    #[error("{0}")]
    Address(String),
    /// Nobody answers there.
    #[error("can't reach {server}: {reason}; is sutra-node running? (set --server or SUTRA_SERVER)")]
    Unreachable {
        /// Where.
        server: Server,
        /// What the system says.
        reason: String,
    },
    /// The server took longer than it may.
    #[error("no answer from {server} within {after:?}; --timeout grants more")]
    Late {
        /// Who.
        server: Server,
        /// How long was waited.
        after: Duration,
    },
    /// The connection ended before the exchange.
    #[error("the connection to {server} broke: {reason}")]
    Broken {
        /// Who.
        server: Server,
        /// What the system says.
        reason: String,
    },
    /// The server says no, and why.
    #[error("{}", sentence(.error, *.retry_after))]
    Refused {
        /// Its words.
        error: Box<ApiError>,
        /// When to come back, in seconds.
        retry_after: Option<u64>,
    },
    /// Something between, or something else, answers.
    #[error("{server} answered {status}{}", Excerpt(.body))]
    NotANode {
        /// Who.
        server: Server,
        /// Its status.
        status: StatusCode,
        /// The beginning of what it says.
        body: String,
    },
    /// A success that no node sends.
    #[error("{server} sent a reply that is not a Sutra node's: {reason}")]
    Unreadable {
        /// Who.
        server: Server,
        /// What is wrong with it.
        reason: String,
    },
}

impl ClientError {
    /// The error of a request that got no response.
    pub(super) fn unsent(server: Server, error: &reqwest::Error) -> Self {
        if error.is_connect() {
            return Self::Unreachable { server, reason: cause(error) };
        }
        Self::broken(server, error)
    }

    /// The error of a response that ended too early.
    pub(super) fn broken(server: Server, error: &reqwest::Error) -> Self {
        Self::Broken { server, reason: cause(error) }
    }

    /// The error of a response whose status says failure.
    pub(super) fn refused(server: Server, status: StatusCode, retry_after: Option<u64>, body: &[u8]) -> Self {
        match serde_json::from_slice::<ErrorBody>(body) {
            Ok(body) => Self::Refused { error: Box::new(body.error), retry_after },
            Err(_) => {
                Self::NotANode { server, status, body: String::from_utf8_lossy(&body[..body.len().min(4096)]).into_owned() }
            }
        }
    }
}

/// The deepest cause: the layers above say only that something failed.
fn cause(error: &reqwest::Error) -> String {
    let mut deepest: &(dyn std::error::Error + 'static) = error;
    let mut system = None;
    loop {
        system = deepest.downcast_ref::<io::Error>().map(io::Error::kind).or(system);
        match deepest.source() {
            Some(source) => deepest = source,
            None => break,
        }
    }
    match system {
        // The kind has no number of the operating system: "connection refused", not "Connection refused (os error 111)".
        Some(kind @ (io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset | io::ErrorKind::TimedOut)) => {
            kind.to_string()
        }
        _ => deepest.to_string(),
    }
}

/// What a server's error comes to for a person.
fn sentence(error: &ApiError, retry_after: Option<u64>) -> String {
    let ApiError { code, message, request_id, details, .. } = error;
    let request = request_id.as_ref().map(|id| format!(", request {id}")).unwrap_or_default();
    let mut told = format!("{message} ({code}{request})");
    if let Some(seconds) = retry_after {
        told.push_str(&format!("; try again in {seconds} s"));
    }
    let details = details.as_ref().and_then(|details| details.as_object());
    for (name, value) in details.into_iter().flatten() {
        match (name.as_str(), value.as_str()) {
            ("outcome", Some("none")) => told.push_str("; nothing was changed"),
            ("outcome", Some("unknown")) => told.push_str("; whether it was stored is not known: repeating it does no harm"),
            ("retry_after_ms", _) => {}
            ("candidates", None) => told.push_str(&candidates(value)),
            // The sentence has it already.
            (_, Some(text)) if message.contains(text) => {}
            _ => told.push_str(&format!("\n  {name}: {value}")),
        }
    }
    told
}

/// What an ambiguous name may stand for, and how to go on.
fn candidates(value: &Value) -> String {
    #[derive(Deserialize)]
    struct Meant {
        id: ConceptId,
        key: Option<String>,
        content: Option<String>,
    }
    let Ok(meant) = Vec::<Meant>::deserialize(value) else { return format!("\n  candidates: {value}") };
    let cells = |one: &Meant| candidates::cells(one.id, one.key.as_deref(), one.content.as_deref().unwrap_or_default());
    let mut told = format!("\n\n{}", candidates::table(meant.iter().map(cells), output::width(&io::stderr())));
    candidates::push_rest(&mut told, meant.len(), "; `sutra search` finds them all");
    told.push_str("\nRun it again with the id of the one you mean, or with key:KEY, instead of the name.");
    told
}

/// The first line of a body that is no error of ours.
struct Excerpt<'a>(&'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.lines().map(str::trim).find(|line| !line.is_empty()) {
            Some(line) => write!(f, ": {}", text::cut(&text::line(line), 120)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sentence(status: StatusCode, retry_after: Option<u64>, body: &str) -> String {
        ClientError::refused("http://node:8000".parse().unwrap(), status, retry_after, body.as_bytes()).to_string()
    }

    #[test]
    fn a_refusal_names_code_and_request() {
        let body = json!({"error": {"code": "not_found", "message": "there is no concept 07", "request_id": "r-1", "details": {"id": "07"}}});
        assert_eq!(sentence(StatusCode::NOT_FOUND, None, &body.to_string()), "there is no concept 07 (not_found, request r-1)");
    }

    #[test]
    fn a_refusal_says_when_to_come_back_and_what_is_in_conflict() {
        let body =
            json!({"error": {"code": "overloaded", "message": "the write log is full", "details": {"retry_after_ms": 900}}});
        let told = sentence(StatusCode::TOO_MANY_REQUESTS, Some(1), &body.to_string());
        assert_eq!(told, "the write log is full (overloaded); try again in 1 s");

        let body = json!({"error": {"code": "conflict", "message": "two concepts are called bank", "details": {"candidates": ["07", "08"]}}});
        let told = sentence(StatusCode::CONFLICT, None, &body.to_string());
        assert_eq!(told, "two concepts are called bank (conflict)\n  candidates: [\"07\",\"08\"]");
    }

    #[test]
    fn an_unknown_outcome_is_told() {
        let body =
            json!({"error": {"code": "deadline_exceeded", "message": "the time was over", "details": {"outcome": "unknown"}}});
        assert!(sentence(StatusCode::GATEWAY_TIMEOUT, None, &body.to_string()).contains("not known"));
    }

    #[test]
    fn what_is_no_error_of_ours_is_quoted_in_a_line() {
        let told = sentence(StatusCode::BAD_GATEWAY, None, "\n<html>\u{1b}[31mupstream</html>\nmore");
        assert_eq!(told, "http://node:8000 answered 502 Bad Gateway: <html>\\u{1b}[31mupstream</html>");
        assert_eq!(sentence(StatusCode::BAD_GATEWAY, None, ""), "http://node:8000 answered 502 Bad Gateway");
    }
}
