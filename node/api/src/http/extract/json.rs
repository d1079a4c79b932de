//! A body as a request of the protocol.

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;
use serde_path_to_error::Track;
use sutra_protocol::http::strict::Strict;
use sutra_protocol::http::{
    AssociateBatchRequest, AssociateRequest, CountRequest, DissociateRequest, GetConceptsRequest, LearnBatchRequest,
    LearnRequest, NamespaceSettings, PatchRequest, PathRequest, QueryRequest, ReasonRequest, SearchRequest,
};
use sutra_protocol::limits::{self, Violation};
use sutra_protocol::{ApiError, ErrorCode};

use super::body::{self, Held};
use super::caller::deadline;
use crate::http::app::App;
use crate::http::problem::Problem;

/// Bodies above this size are parsed on a blocking thread: parsing takes about a millisecond a MiB or more.
const INLINE_BYTES: usize = 256 << 10;
/// How many unknown fields an error names.
const NAMED_FIELDS: usize = 20;

/// What a body can be.
pub(in crate::http) trait RequestBody: Sized + Send + 'static {
    /// Reads and checks the body.
    fn parse(bytes: &[u8]) -> Result<Self, ApiError>;
}

/// The body of a request that does not write.
pub(in crate::http) struct Json<T>(pub(in crate::http) T);

/// Nothing: the operation takes no body.
pub(in crate::http) struct NoBody;

impl<T: RequestBody> FromRequest<App> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parsed, _) = receive(request, app, |_, _| ()).await?;
        Ok(Self(parsed))
    }
}

/// Reads and parses the body of `request`, with what `look` finds in its head and bytes.
pub(super) async fn receive<T: RequestBody, L>(
    request: Request,
    app: &App,
    look: impl FnOnce(&axum::http::request::Parts, &[u8]) -> L,
) -> Result<(T, L), ApiError> {
    let (parts, incoming) = request.into_parts();
    let held = body::read(app, incoming, deadline(&parts.extensions)).await?;
    if !held.bytes.is_empty() {
        body::check_headers(&parts.headers, "application/json", is_json)?;
    }
    let found = look(&parts, &held.bytes);
    let parsed = if held.bytes.len() <= INLINE_BYTES {
        T::parse(&held.bytes)
    } else {
        let parse = move |held: Held| T::parse(&held.bytes);
        tokio::task::spawn_blocking(move || parse(held))
            .await
            .unwrap_or_else(|_| Err(ApiError::new(ErrorCode::Internal, "the body could not be read")))
    };
    Ok((parsed?, found))
}

fn is_json(essence: &str) -> bool {
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Reads JSON, refusing what does not belong there; every error names the field.
fn strict<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| ApiError::invalid("body", format!("the body is not UTF-8 at byte {}", error.valid_up_to())))?;
    if text.trim().is_empty() {
        return Err(ApiError::invalid("body", "the body is empty; a JSON object is needed"));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let mut track = Track::new();
    let mut unknown = Vec::new();
    let mut unknown_total = 0;
    let tracked = serde_path_to_error::Deserializer::new(Strict::new(&mut json), &mut track);
    let result = serde_ignored::deserialize(tracked, |path| {
        unknown_total += 1;
        if unknown.len() < NAMED_FIELDS {
            unknown.push(field_path(&path));
        }
    });
    let value = result.map_err(|error: serde_json::Error| refused(&error, &track.path().to_string()))?;
    json.end().map_err(|error| refused(&error, ""))?;
    match unknown.first() {
        None => Ok(value),
        Some(first) => {
            let more = if unknown_total > unknown.len() {
                format!(" and {} more", unknown_total - unknown.len())
            } else {
                String::new()
            };
            let plural = if unknown_total == 1 { "field" } else { "fields" };
            let hint = if unknown.iter().any(|field| field == "timeout_ms") { "; timeout_ms is a query parameter" } else { "" };
            Err(ApiError::invalid(first.clone(), format!("unknown {plural} {}{more}{hint}", unknown.join(", "))))
        }
    }
}

fn refused(error: &serde_json::Error, path: &str) -> ApiError {
    // `?`: the body ends in the middle of the root's first field.
    let path = if matches!(path, "." | "?") { "" } else { path };
    if !error.is_data() {
        return ApiError::invalid(if path.is_empty() { "body" } else { path }, format!("the body is not JSON: {error}"));
    }
    let text = error.to_string();
    let missing = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    let field = match (path, missing) {
        ("", Some(missing)) => missing.into(),
        (path, Some(missing)) => format!("{path}.{missing}"),
        ("", None) => "body".into(),
        (path, None) => path.to_owned(),
    };
    let message = limits::undecodable(&field, &text);
    ApiError::invalid(field, message)
}

/// `associations[3].colour`, as violations write it.
fn field_path(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } => format!("{}[{index}]", field_path(parent)),
        Path::Map { parent, key } => match field_path(parent) {
            outer if outer.is_empty() => key.clone(),
            outer => format!("{outer}.{key}"),
        },
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => field_path(parent),
    }
}

impl RequestBody for NoBody {
    fn parse(bytes: &[u8]) -> Result<Self, ApiError> {
        if bytes.trim_ascii().is_empty() {
            return Ok(Self);
        }
        Err(ApiError::invalid("body", format!("the body has {} bytes; this request takes none", bytes.len())))
    }
}

impl RequestBody for NamespaceSettings {
    fn parse(bytes: &[u8]) -> Result<Self, ApiError> {
        if bytes.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let settings: Self = strict(bytes)?;
        settings.validate()?;
        Ok(settings)
    }
}

macro_rules! checked_body {
    ($($body:ty: $check:expr;)*) => {
        $(impl RequestBody for $body {
            fn parse(bytes: &[u8]) -> Result<Self, ApiError> {
                let body: Self = strict(bytes)?;
                let check: fn(&Self) -> Result<(), Violation> = $check;
                check(&body)?;
                Ok(body)
            }
        })*
    };
}

checked_body! {
    LearnRequest: Self::validate;
    // The items are checked one by one by the service: a bad one fails alone.
    LearnBatchRequest: |body| limits::at_most("items", body.items.len(), limits::BATCH_ITEMS, "entries");
    AssociateRequest: Self::validate;
    AssociateBatchRequest: |body| limits::at_most("items", body.items.len(), limits::BATCH_ITEMS, "entries");
    DissociateRequest: Self::validate;
    PatchRequest: Self::validate;
    SearchRequest: Self::validate;
    GetConceptsRequest: Self::validate;
    QueryRequest: Self::validate;
    CountRequest: Self::validate;
    PathRequest: Self::validate;
    ReasonRequest: Self::validate;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal<T: RequestBody>(body: &[u8]) -> (String, String) {
        let error = T::parse(body).err().unwrap();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        (error.param.unwrap(), error.message)
    }

    #[test]
    fn a_wrong_type_names_the_field_what_was_found_and_what_is_expected() {
        let (param, message) = refusal::<LearnRequest>(br#"{"content": "a", "associations": [{"target_key": 7}]}"#);
        assert_eq!(param, "associations[0].target_key");
        assert!(message.contains("integer `7`") && message.contains("expected a string"), "{message}");
    }

    #[test]
    fn every_unknown_field_is_named() {
        let (param, message) =
            refusal::<LearnRequest>(br#"{"content": "a", "contnet": 1, "associations": [{"target_key": "k", "lable": ""}]}"#);
        assert_eq!((param.as_str(), message.as_str()), ("contnet", "unknown fields contnet, associations[0].lable"));
    }

    #[test]
    fn a_list_is_no_object() {
        let list = |field: &str| (field.to_owned(), format!("{field}: invalid type: sequence, expected an object"));
        for (body, field) in [
            (&br#"["hello", "pk1"]"#[..], "body"),
            (br#"{"content": "a", "source": ["u", "t"]}"#, "source"),
            (br#"{"content": "a", "associations": [{}, []]}"#, "associations[1]"),
        ] {
            let (param, message) = refusal::<LearnRequest>(body);
            let (field, expected) = list(field);
            assert_eq!(param, field);
            assert!(message.starts_with(&expected), "{message}");
        }
        assert_eq!(refusal::<LearnBatchRequest>(br#"{"items": [{"content": "a"}, ["x"]]}"#).0, "items[1]");
        assert_eq!(refusal::<AssociateRequest>(br#"{"source": ["k"], "target": {"key": "k"}}"#).0, "source");
        assert_eq!(refusal::<SearchRequest>(br#"{"query": "a", "filter": {"not": ["x"]}}"#).0, "filter.not");
    }

    #[test]
    fn a_parameter_of_the_query_is_not_looked_for_in_the_body() {
        let (param, message) = refusal::<LearnRequest>(br#"{"content": "a", "timeout_ms": 5}"#);
        assert_eq!((&*param, &*message), ("timeout_ms", "unknown field timeout_ms; timeout_ms is a query parameter"));
    }

    #[test]
    fn a_missing_field_is_named() {
        assert_eq!(refusal::<PathRequest>(br#"{"start": {"key": "a"}}"#).0, "end");
        let (param, message) = refusal::<LearnRequest>(b"{}");
        assert_eq!((param.as_str(), message.as_str()), ("content", "content is empty; 1 to 10485760 bytes are needed"));
    }

    #[test]
    fn what_is_no_json_text_is_refused() {
        assert_eq!(refusal::<LearnRequest>(b"{\"content\": \"\xff\"}").1, "the body is not UTF-8 at byte 13");
        assert!(refusal::<LearnRequest>(br#"{"content": "a""#).1.starts_with("the body is not JSON: EOF"));
        assert_eq!(refusal::<LearnRequest>(b"{").0, "body");
        assert!(refusal::<LearnRequest>(br#"{"content": "a"} x"#).1.contains("trailing characters"));
        assert!(refusal::<LearnRequest>(br#"{"content": "a", "confidence": NaN}"#).1.contains("not JSON"));
        assert_eq!(refusal::<LearnRequest>(b" ").1, "the body is empty; a JSON object is needed");
        assert!(refusal::<LearnRequest>("[".repeat(200).as_bytes()).1.len() < 200);
    }

    #[test]
    fn settings_may_be_left_out_and_retention_has_bounds() {
        assert_eq!(NamespaceSettings::parse(b"").unwrap(), NamespaceSettings::default());
        assert_eq!(refusal::<NamespaceSettings>(br#"{"history_retention_seconds": 0}"#).0, "history_retention_seconds");
    }
}
