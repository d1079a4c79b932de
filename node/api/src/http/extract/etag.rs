//! `ETag`, `If-Match` and `If-None-Match`: a concept's version is the time when it was recorded, in microseconds.

use axum::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue};
use sutra_protocol::limits::excerpt;
use sutra_protocol::{ApiError, ErrorCode, Timestamp};

/// The entity tag of a version.
pub(in crate::http) fn etag(version: Timestamp) -> HeaderValue {
    let tag = format!("\"{}\"", version.as_micros());
    // Digits, a sign and quotes are always a header value.
    HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// The version that `If-Match` asks for; `None` if there is no such header, or it is `*`.
pub(in crate::http) fn if_match(headers: &HeaderMap) -> Result<Option<Timestamp>, ApiError> {
    let tags = tags(headers, &IF_MATCH, "If-Match")?;
    match tags.as_slice() {
        [] => Ok(None),
        [tag] if tag == "*" => Ok(None),
        [tag] => match version(tag) {
            Some(version) => Ok(Some(version)),
            None => {
                let message = format!("If-Match names {}, which was never the ETag of a concept", excerpt(tag));
                Err(ApiError::new(ErrorCode::PreconditionFailed, message).with_param("If-Match"))
            }
        },
        _ => Err(ApiError::invalid("If-Match", format!("If-Match names {} tags; one is allowed", tags.len()))),
    }
}

/// Whether `If-None-Match` says that the caller has `version` already.
pub(in crate::http) fn is_known(headers: &HeaderMap, current: Timestamp) -> Result<bool, ApiError> {
    let tags = tags(headers, &IF_NONE_MATCH, "If-None-Match")?;
    Ok(tags.iter().any(|tag| tag == "*" || version(tag.strip_prefix("W/").unwrap_or(tag)) == Some(current)))
}

fn version(tag: &str) -> Option<Timestamp> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    let version = digits.parse().ok().map(Timestamp::from_micros)?;
    (version.as_micros().to_string() == digits).then_some(version)
}

/// The tags of a list header. No tag of ours holds a comma, so a comma always separates.
fn tags(headers: &HeaderMap, name: &HeaderName, shown: &str) -> Result<Vec<String>, ApiError> {
    let mut tags = Vec::new();
    for value in headers.get_all(name) {
        let text = value.to_str().map_err(|_| malformed(shown, "a text outside ASCII"))?;
        for tag in text.split(',').map(str::trim) {
            let opaque = tag.strip_prefix("W/").filter(|_| *name == IF_NONE_MATCH).unwrap_or(tag);
            let quoted = opaque.len() >= 2 && opaque.starts_with('"') && opaque.ends_with('"');
            if tag != "*" && !quoted {
                return Err(malformed(shown, &excerpt(tag)));
            }
            tags.push(tag.to_owned());
        }
    }
    Ok(tags)
}

fn malformed(shown: &str, found: &str) -> ApiError {
    ApiError::invalid(shown, format!("{shown} is {found}; * or an ETag in its double quotes is needed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn if_match_is_a_star_or_one_quoted_version() {
        let read = |value| if_match(&headers(IF_MATCH, value));
        assert_eq!(read("\"17\"").unwrap(), Some(Timestamp::from_micros(17)));
        assert_eq!(read("*").unwrap(), None);
        assert_eq!(if_match(&HeaderMap::new()).unwrap(), None);
        for malformed in ["17", "W/\"17\"", "\"17\", \"18\"", "\""] {
            assert_eq!(read(malformed).unwrap_err().code, ErrorCode::InvalidArgument, "{malformed}");
        }
        for foreign in ["\"abc\"", "\"+17\"", "\"\""] {
            assert_eq!(read(foreign).unwrap_err().code, ErrorCode::PreconditionFailed, "{foreign}");
        }
    }

    #[test]
    fn if_none_match_compares_weakly_and_takes_lists() {
        let current = Timestamp::from_micros(17);
        let known = |value| is_known(&headers(IF_NONE_MATCH, value), current);
        assert!(known("\"3\", W/\"17\"").unwrap() && known("*").unwrap());
        assert!(!known("\"3\"").unwrap());
        assert!(known("17").is_err());
        assert_eq!(etag(current), "\"17\"");
    }
}
