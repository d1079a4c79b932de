//! One line of an import.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use sutra_protocol::http::strict::Strict;
use sutra_protocol::http::{LearnRequest, TransferLine};
use sutra_protocol::{ApiError, ErrorCode, limits};

/// How our own export begins the line of an association. What is learned may begin with a `source` too, but names no key in it.
const ASSOCIATE: [&[u8]; 3] = [b"{\"source\":\"", b"{\"source\":{\"key\":", b"{\"source\":{\"content\":"];

/// Reads a line: a learn body if it has `content`, else an associate body if it has `source`. `None`: the line is blank.
pub(super) fn parse(line: &[u8]) -> Result<Option<TransferLine>, ApiError> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
    if line.is_empty() {
        return Ok(None);
    }
    if line.len() > limits::IMPORT_LINE_BYTES {
        let message = format!("the line has {} bytes; at most {} are allowed", line.len(), limits::IMPORT_LINE_BYTES);
        return Err(ApiError::new(ErrorCode::TooLarge, message));
    }
    // Most lines are read once. Only one that is neither what it begins like, nor right, is looked at again.
    if ASSOCIATE.iter().any(|start| line.starts_with(start))
        && let Ok(request) = read(line)
    {
        return Ok(Some(TransferLine::Associate(Box::new(request))));
    }
    let learned = read::<LearnRequest>(line);
    if let Ok(request) = &learned
        && !request.content.is_empty()
    {
        return learned.map(|request| Some(TransferLine::Learn(Box::new(request))));
    }
    match keys(line)? {
        Keys { content: Some(_), .. } => learned.map(|request| Some(TransferLine::Learn(Box::new(request)))),
        Keys { source: Some(_), .. } => read(line).map(|request| Some(TransferLine::Associate(Box::new(request)))),
        Keys { .. } => Err(ApiError::new(
            ErrorCode::InvalidArgument,
            "the line has neither content, as what is to be learned has, nor source, as an association has",
        )),
    }
}

/// Which kind a line is of.
#[derive(Deserialize)]
struct Keys {
    content: Option<IgnoredAny>,
    source: Option<IgnoredAny>,
}

fn keys(line: &[u8]) -> Result<Keys, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(line);
    let keys = Keys::deserialize(Strict::new(&mut json)).and_then(|keys| json.end().map(|()| keys));
    keys.map_err(|error| {
        let what = if error.is_data() { "a JSON object" } else { "JSON" };
        ApiError::new(ErrorCode::InvalidArgument, format!("the line is not {what}: {error}"))
    })
}

/// Reads a body; a field that it does not have is refused, for a misspelt one would be lost without a word.
fn read<T: DeserializeOwned>(line: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(line);
    let mut unknown = None;
    let value = serde_ignored::deserialize(Strict::new(&mut json), |path| {
        unknown.get_or_insert_with(|| field(&path));
    });
    let value = value.and_then(|value| json.end().map(|()| value));
    match (value, unknown) {
        (Ok(value), None) => Ok(value),
        (Ok(_), Some(field)) => {
            let message = format!("{} is no field of this request", limits::excerpt(&field));
            Err(ApiError::invalid(field, message))
        }
        (Err(error), _) => Err(explain::<T>(line, &error)),
    }
}

/// The path of a field as requests spell it: `associations[2].label`.
fn field(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } => format!("{}[{index}]", field(parent)),
        Path::Map { parent, key } => match field(parent) {
            outer if outer.is_empty() => key.clone(),
            outer => format!("{outer}.{key}"),
        },
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => field(parent),
    }
}

/// Reads a bad body again, to name the field.
fn explain<T: DeserializeOwned>(line: &[u8], error: &serde_json::Error) -> ApiError {
    let mut json = serde_json::Deserializer::from_slice(line);
    match serde_path_to_error::deserialize::<_, T>(Strict::new(&mut json)).map(drop) {
        Err(error) if error.path().iter().next().is_some() => {
            let field = error.path().to_string();
            let message = limits::undecodable(&field, &error.inner().to_string());
            ApiError::invalid(field, message)
        }
        _ => ApiError::new(ErrorCode::InvalidArgument, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_by_its_fields() {
        let learn = r#"{"source": {"uri": "label.pdf"}, "content": "aspirin treats pain"}"#;
        assert!(matches!(parse(learn.as_bytes()), Ok(Some(TransferLine::Learn(_)))));
        for associate in [
            r#"{"source":"00000000000000000000000000000007","target":{"key":"k"}}"#,
            r#" {"target":{"content":"a"},"source":{"key":"k"}} "#,
        ] {
            assert!(matches!(parse(associate.as_bytes()), Ok(Some(TransferLine::Associate(_)))), "{associate}");
        }
        assert_eq!(parse(b" \r"), Ok(None));
    }

    #[test]
    fn a_bad_line_says_what_is_wrong() {
        let table: [(&[u8], Option<&str>, &str); 12] = [
            (br#"{"content": "a", "kind": 1}"#, Some("kind"), "\"kind\" is no field of this request"),
            (br#"{"content": "a", "associations": [{"targt": "b"}]}"#, Some("associations[0].targt"), "no field"),
            (br#"{"content": "a", "confidence": "high"}"#, Some("confidence"), "confidence: invalid type"),
            (br#"{"source":"xyz","target":"b"}"#, Some("source"), "32 lowercase hexadecimal digits"),
            (br#"{"key": "k"}"#, None, "neither content"),
            (br#"{"content": "a"} x"#, None, "trailing characters"),
            (b"{\"content\": \"\xff\"}", None, "invalid unicode"),
            (b"{\"a\": 1", None, "not JSON"),
            (b"[\"a\", \"k\"]", None, "not a JSON object: invalid type: sequence"),
            (br#"{"content": "a", "source": ["u"]}"#, Some("source"), "expected an object"),
            (br#"{"content": "a", "associations": [["x"]]}"#, Some("associations[0]"), "expected an object"),
            (br#"{"source": ["k"], "target": {"key": "k"}}"#, Some("source"), "the name of a concept"),
        ];
        for (line, field, message) in table {
            let error = parse(line).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument);
            assert!(error.message.contains(message), "{} lacks {message}", error.message);
            assert!(field.is_none() || error.param.as_deref() == field, "{:?} is not {field:?}", error.param);
        }
    }
}
