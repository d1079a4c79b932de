//! All operations and their schemas as one JSON value.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use sutra_protocol::ErrorCode;
use sutra_protocol::error::ErrorBody;
use utoipa::{PartialSchema, ToSchema};

use super::operation::{Operation, Tag};

const ABOUT: &str = "Sutra Grid learns concepts and associations, and answers questions with the chain of evidence. \
    Every path that begins with /v1 is also served without it. Request bodies are read strictly: unknown fields and query \
    parameters are refused by name. Every reply has X-Request-Id; a request may bring its own.";

/// The document of a node of this version.
pub(in crate::http) fn document(operations: &[Operation], version: &str) -> Value {
    let mut paths = Map::new();
    let mut schemas = error_schemas();
    let mut requests = Vec::new();
    for operation in operations {
        for (name, schema) in &operation.schemas {
            schemas.insert(name.clone(), serde_json::to_value(schema).unwrap_or_default());
        }
        requests.extend(operation.body.clone());
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.as_str().to_ascii_lowercase()] = render(operation);
    }
    refuse_unknown_fields(&requests, &mut schemas);
    let tags: Vec<_> = Tag::ALL.map(|(tag, about)| json!({ "name": tag.name(), "description": about })).into();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sutra Grid",
            "version": version,
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

fn render(operation: &Operation) -> Value {
    let mut replies = Map::new();
    for (status, reply) in &operation.replies {
        replies.insert(status.to_string(), reply.clone());
    }
    for code in &operation.errors {
        let reply = replies.entry(code.http_status().to_string()).or_insert_with(|| error(*code));
        let described = reply["description"].as_str().unwrap_or_default();
        if !described.contains(code.as_str()) {
            reply["description"] = format!("{described} `{code}`: {}", meaning(*code)).trim().into();
        }
    }
    let mut rendered = json!({
        "operationId": operation.id,
        "tags": [operation.tag.name()],
        "summary": operation.summary,
        "parameters": operation.parameters,
        "responses": replies,
    });
    if !operation.description.is_empty() {
        rendered["description"] = operation.description.into();
    }
    if let Some(body) = &operation.body {
        rendered["requestBody"] = body.clone();
    }
    rendered
}

fn error(code: ErrorCode) -> Value {
    let mut headers = json!({ "X-Request-Id": { "required": true, "description": "Names the request in the log.", "schema": { "type": "string" } } });
    let header = |about: &str, schema: Value| json!({ "required": true, "description": about, "schema": schema });
    match code.http_status() {
        405 => headers["Allow"] = header("The methods that the path has.", json!({ "type": "string" })),
        429 => headers["Retry-After"] = header("Seconds to wait.", json!({ "type": "integer", "minimum": 1 })),
        _ => {}
    }
    let schema = json!({ "$ref": "#/components/schemas/ErrorBody" });
    json!({ "description": "", "headers": headers, "content": { "application/json": { "schema": schema } } })
}

const fn meaning(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InvalidArgument => "the request is malformed or outside a bound; nothing was stored.",
        ErrorCode::Unauthenticated => "who asks is not known.",
        ErrorCode::PermissionDenied => "who asks may not do this: nobody writes to the namespaces `_grid` and `_users`.",
        ErrorCode::NotFound => "what is named does not exist.",
        ErrorCode::MethodNotAllowed => "the path has other methods.",
        ErrorCode::Conflict => "what is stored contradicts the request, or a name is ambiguous; `details` has the ids.",
        ErrorCode::PreconditionFailed => "the concept has changed since the version that If-Match names.",
        ErrorCode::TooLarge => "a body or content is larger than its bound; nothing was stored.",
        ErrorCode::RateLimited => "the caller sends more than its share.",
        ErrorCode::Overloaded => "the node has more to do than it can queue; nothing was stored.",
        ErrorCode::Unavailable => "the node can't serve this now; `details.outcome` says whether it may have been stored.",
        ErrorCode::DeadlineExceeded => "the time was over; `details.outcome` says whether it may have been stored.",
        ErrorCode::Internal => "a fault of the node.",
    }
}

fn error_schemas() -> Map<String, Value> {
    let mut used = vec![(ErrorBody::name().into_owned(), ErrorBody::schema())];
    ErrorBody::schemas(&mut used);
    used.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default())).collect()
}

/// Bodies are read strictly, so whatever a request refers to has no fields beside those it lists.
fn refuse_unknown_fields(requests: &[Value], schemas: &mut Map<String, Value>) {
    let mut reached = BTreeSet::new();
    let mut waiting = Vec::new();
    for request in requests {
        references(request, &mut waiting);
    }
    while let Some(name) = waiting.pop() {
        if reached.insert(name.clone())
            && let Some(schema) = schemas.get_mut(&name)
        {
            references(schema, &mut waiting);
            close(schema);
        }
    }
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let name = fields.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/components/schemas/"));
            found.extend(name.map(str::to_owned));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("properties").is_some_and(Value::is_object) && fields.get("type").is_some_and(|kind| kind == "object") {
                fields.entry("additionalProperties").or_insert(false.into());
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(values) => values.iter_mut().for_each(close),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::router;

    fn whole() -> Value {
        document(&router::operations(), "0.0.0")
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = whole();
        let mut names = Vec::new();
        references(&document, &mut names);
        assert!(names.len() > 50);
        for name in names {
            assert!(document["components"]["schemas"][&name].is_object(), "{name} is missing");
        }
    }

    #[test]
    fn request_bodies_have_no_fields_beside_those_listed_and_replies_may_grow() {
        let document = whole();
        let schemas = &document["components"]["schemas"];
        for request in ["LearnRequest", "LearnAssociation", "AssociateRequest", "SearchRequest", "PatchRequest", "ReasonRequest"]
        {
            assert_eq!(schemas[request]["additionalProperties"], false, "{request}");
        }
        assert!(schemas["LearnResponse"].get("additionalProperties").is_none());
        assert_eq!(schemas["LearnRequest"]["required"], json!(["content"]));
    }

    #[test]
    fn every_operation_documents_its_errors() {
        let document = whole();
        let learn = &document["paths"]["/v1/learn"]["post"]["responses"];
        for status in ["200", "400", "405", "409", "413", "429", "500", "503", "504"] {
            assert!(learn[status].is_object(), "{status}");
        }
        assert_eq!(learn["429"]["headers"]["Retry-After"]["required"], true);
        assert!(document["paths"]["/v1/concept/{id}"]["patch"]["responses"]["412"].is_object());
    }
}
