//! One operation of the document.

use axum::http::Method;
use serde_json::{Value, json};
use sutra_protocol::{ConceptId, ErrorCode, Namespace, Timestamp, limits};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

/// What an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Tag {
    /// Teaching, changing, retracting.
    Write,
    /// Asking.
    Read,
    /// Import and export.
    Transfer,
    /// Namespaces.
    Namespaces,
    /// The node itself.
    Node,
}

/// An operation as the document describes it.
#[derive(Clone)]
pub(in crate::http) struct Operation {
    pub(in crate::http) id: &'static str,
    pub(in crate::http) method: Method,
    /// With `/v1`, where the path has it.
    pub(in crate::http) path: &'static str,
    pub(super) tag: Tag,
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    pub(super) parameters: Vec<Value>,
    pub(super) body: Option<Value>,
    pub(super) replies: Vec<(u16, Value)>,
    pub(super) errors: Vec<ErrorCode>,
    /// Whether it shows knowledge: its good replies carry a token.
    pub(in crate::http) shows: bool,
    /// Every schema that body and replies refer to, by name.
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
}

impl Tag {
    pub(super) const ALL: [(Self, &'static str); 5] = [
        (Self::Write, "Teach, change and retract"),
        (Self::Read, "Ask"),
        (Self::Transfer, "Import and export"),
        (Self::Namespaces, "Separate graphs"),
        (Self::Node, "The node itself"),
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
            Self::Transfer => "transfer",
            Self::Namespaces => "namespaces",
            Self::Node => "node",
        }
    }
}

impl Operation {
    /// An operation that may fail only as everything may.
    pub(in crate::http) fn new(method: Method, path: &'static str, id: &'static str, tag: Tag, summary: &'static str) -> Self {
        Self {
            id,
            method,
            path,
            tag,
            summary,
            description: "",
            parameters: Vec::new(),
            body: None,
            replies: Vec::new(),
            errors: vec![ErrorCode::MethodNotAllowed, ErrorCode::Internal],
            shows: false,
            schemas: Vec::new(),
        }
    }

    /// More than the summary says.
    pub(in crate::http) fn about(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// Reads a namespace, perhaps at another time.
    pub(in crate::http) fn reads(self) -> Self {
        let time = || schema::<Timestamp>();
        self.query("namespace", schema::<Namespace>(), "Whose graph. Default: `default`.")
            .query("valid_at", time(), "What held in the world then. Default: now.")
            .query("known_at", time(), "What was recorded by then. Default: everything.")
            .query(
                "consistency",
                json!({ "type": "string", "enum": ["session", "strong", "eventual"] }),
                "How fresh the answer has to be. Default: `session`. On a node alone the three are equal.",
            )
            .query("partial", json!({ "type": "boolean" }), "Whether an answer without the shards that can't answer will do.")
            .reads_named()
    }

    /// Reads what the path names.
    pub(in crate::http) fn reads_named(self) -> Self {
        let shows = Self { shows: true, ..self };
        shows.with_token().errors(&[ErrorCode::InvalidArgument, ErrorCode::Overloaded, ErrorCode::Unavailable])
    }

    /// Writes to a namespace that the query or the body names.
    pub(in crate::http) fn writes(self) -> Self {
        self.query("namespace", schema::<Namespace>(), "Whose graph. Default: `default`.").writes_named()
    }

    /// Writes to what the path names.
    pub(in crate::http) fn writes_named(self) -> Self {
        let key = json!({ "type": "string", "minLength": 1, "maxLength": limits::IDEMPOTENCY_KEY_BYTES, "pattern": "^[!-~]+$" });
        self.header("Idempotency-Key", key, "The same request with the same key within an hour returns the first answer.")
            .with_token()
            .errors(&[
                ErrorCode::InvalidArgument,
                ErrorCode::PermissionDenied,
                ErrorCode::Conflict,
                ErrorCode::Overloaded,
                ErrorCode::Unavailable,
            ])
    }

    /// Ends at a deadline.
    pub(in crate::http) fn bounded(self) -> Self {
        let timeout =
            json!({ "type": "integer", "minimum": 1, "maximum": limits::TIMEOUT_MS, "default": limits::DEFAULT_TIMEOUT_MS });
        self.query("timeout_ms", timeout, "How long the caller waits, in milliseconds.").errors(&[ErrorCode::DeadlineExceeded])
    }

    fn with_token(self) -> Self {
        let token = json!({ "type": "string", "maxLength": limits::TOKEN_BYTES });
        self.header("Sutra-Token", token, "From an earlier answer: this request sees what that one wrote or saw.")
    }

    /// A query parameter.
    pub(in crate::http) fn query(self, name: &str, schema: Value, description: &str) -> Self {
        self.parameter("query", name, false, schema, description)
    }

    /// An optional request header.
    pub(in crate::http) fn header(self, name: &str, schema: Value, description: &str) -> Self {
        self.parameter("header", name, false, schema, description)
    }

    /// The `{id}` of a concept.
    pub(in crate::http) fn of_concept(self) -> Self {
        self.parameter("path", "id", true, schema::<ConceptId>(), "The concept.").errors(&[ErrorCode::NotFound])
    }

    /// The `{ns}` of a namespace.
    pub(in crate::http) fn of_namespace(self) -> Self {
        self.parameter("path", "ns", true, schema::<Namespace>(), "The namespace.")
    }

    fn parameter(mut self, place: &str, name: &str, required: bool, schema: Value, description: &str) -> Self {
        let parameter = json!({ "name": name, "in": place, "required": required, "description": description, "schema": schema });
        self.parameters.push(parameter);
        self
    }

    /// A JSON body.
    pub(in crate::http) fn takes<T: ToSchema>(mut self) -> Self {
        let schema = self.refer::<T>();
        self.body = Some(json!({ "required": true, "content": { "application/json": { "schema": schema } } }));
        self.errors(&[ErrorCode::InvalidArgument, ErrorCode::TooLarge])
    }

    /// A JSON body that may be left out.
    pub(in crate::http) fn may_take<T: ToSchema>(self) -> Self {
        let mut operation = self.takes::<T>();
        if let Some(body) = &mut operation.body {
            body["required"] = false.into();
        }
        operation
    }

    /// A schema that others refer to without bringing it along.
    pub(in crate::http) fn knows<T: ToSchema>(mut self) -> Self {
        self.refer::<T>();
        self
    }

    /// A body of NDJSON, each line a `T`.
    pub(in crate::http) fn takes_lines<T: ToSchema>(mut self) -> Self {
        let line = self.refer::<T>();
        self.body = Some(json!({ "required": true, "content": { "application/x-ndjson": lines(&line) } }));
        self
    }

    /// A 200 with a JSON body.
    pub(in crate::http) fn answers<T: ToSchema>(mut self, description: &str) -> Self {
        let schema = self.refer::<T>();
        self.replies_with(200, description, json!({ "application/json": { "schema": schema } }))
    }

    /// A 200 with NDJSON, each line a `T`, beside other representations.
    pub(in crate::http) fn answers_lines<T: ToSchema>(mut self, description: &str) -> Self {
        let line = self.refer::<T>();
        match self.replies.iter_mut().find(|(status, _)| *status == 200) {
            Some((_, reply)) => {
                reply["content"]["application/x-ndjson"] = lines(&line);
                self
            }
            None => self.replies_with(200, description, json!({ "application/x-ndjson": lines(&line) })),
        }
    }

    /// A reply whose body is text of a media type.
    pub(in crate::http) fn answers_text(self, status: u16, media_type: &str, description: &str) -> Self {
        self.replies_with(status, description, json!({ media_type: { "schema": { "type": "string" } } }))
    }

    /// A reply with this JSON schema.
    pub(in crate::http) fn answers_json(self, status: u16, schema: Value, description: &str) -> Self {
        self.replies_with(status, description, json!({ "application/json": { "schema": schema } }))
    }

    /// A reply without a body.
    pub(in crate::http) fn answers_nothing(self, status: u16, description: &str) -> Self {
        self.replies_with(status, description, Value::Null)
    }

    fn replies_with(mut self, status: u16, description: &str, content: Value) -> Self {
        let id = json!({ "X-Request-Id": { "required": true, "description": "Names the request in the log.", "schema": { "type": "string" } } });
        let mut reply = json!({ "description": description, "headers": id });
        if !content.is_null() {
            reply["content"] = content;
        }
        self.replies.push((status, reply));
        if self.shows {
            self.hands_out("Sutra-Token", "Sent on a read, that read sees at least what this one saw.")
        } else {
            self
        }
    }

    /// A header of the 2xx and 3xx replies described so far.
    pub(in crate::http) fn hands_out(mut self, name: &str, description: &str) -> Self {
        for (_, reply) in &mut self.replies {
            reply["headers"][name] = json!({ "required": true, "description": description, "schema": { "type": "string" } });
        }
        self
    }

    /// The token of a write.
    pub(in crate::http) fn hands_out_token(self) -> Self {
        self.hands_out("Sutra-Token", "Sent on a read, that read sees this write and all that the request's own token named.")
    }

    /// Errors that it may end with, beside those it already has.
    pub(in crate::http) fn errors(mut self, codes: &[ErrorCode]) -> Self {
        for code in codes {
            if !self.errors.contains(code) {
                self.errors.push(*code);
            }
        }
        self
    }

    fn refer<T: ToSchema>(&mut self) -> Value {
        let name = T::name().into_owned();
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        T::schemas(&mut self.schemas);
        self.schemas.push((name, T::schema()));
        reference
    }
}

/// The schema of a type, inline.
pub(in crate::http) fn schema<T: ToSchema>() -> Value {
    serde_json::to_value(T::schema()).unwrap_or_default()
}

/// OpenAPI 3.1 has no word for NDJSON: the body is text, and an extension names the schema of its lines.
fn lines(line: &Value) -> Value {
    json!({ "schema": { "type": "string", "description": "One JSON value a line." }, "x-line-schema": line })
}
