//! What stands around the fields: the name and the id.

use std::io::{self, Write};

use rmpv::{Integer, ValueRef};
use serde::Serialize;

use super::value;
use crate::error::{ApiError, ErrorCode};
use crate::limits;

/// The number that a request gave itself, repeated in the reply.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequestId(pub Integer);

/// A request as it stands in its frame.
#[derive(Debug)]
pub struct Envelope<'v, 'p> {
    /// The request's name.
    pub name: &'v str,
    /// Its fields: a map; none for a bare name.
    pub fields: Option<&'v ValueRef<'p>>,
}

/// The id of a request, which is also wanted for the error reply of one that is otherwise malformed.
///
/// # Errors
/// `invalid_argument` if it is no whole number.
pub fn request_id(payload: &ValueRef<'_>) -> Result<Option<RequestId>, ApiError> {
    match value::entry(payload, "id") {
        None => Ok(None),
        Some(ValueRef::Integer(id)) => Ok(Some(RequestId(*id))),
        Some(other) => Err(ApiError::invalid("id", format!("id is {}; expected a whole number", value::kind(other)))),
    }
}

/// The name and the fields of a request.
///
/// # Errors
/// `invalid_argument`, telling what a request looks like.
pub fn open<'v, 'p>(payload: &'v ValueRef<'p>) -> Result<Envelope<'v, 'p>, ApiError> {
    let entries = match payload {
        ValueRef::String(name) => return Ok(Envelope { name: request_name(name)?, fields: None }),
        ValueRef::Map(entries) => entries,
        other => return Err(shape(value::kind(other))),
    };
    let mut named = None;
    for (key, fields) in entries {
        let ValueRef::String(key) = key else { return Err(shape(format_args!("a map with a key that is {}", value::kind(key)))) };
        let key = request_name(key)?;
        if key == "id" {
            continue;
        }
        if named.replace(Envelope { name: key, fields: Some(fields) }).is_some() {
            return Err(shape(format_args!("a map of {} entries", entries.len())));
        }
    }
    let named = named.ok_or_else(|| shape("a map without a name"))?;
    match named.fields {
        Some(ValueRef::Map(_)) => Ok(named),
        Some(ValueRef::Nil) | None => Ok(Envelope { fields: None, ..named }),
        Some(other) => {
            let message = format!("the fields of {} are {}; expected a map", limits::excerpt(named.name), value::kind(other));
            Err(ApiError::new(ErrorCode::InvalidArgument, message))
        }
    }
}

fn request_name<'v>(text: &'v rmpv::Utf8StringRef<'_>) -> Result<&'v str, ApiError> {
    text.as_str().ok_or_else(|| shape("a name that is not valid UTF-8"))
}

fn shape(found: impl std::fmt::Display) -> ApiError {
    let message = format!("a request is {{\"Name\": {{fields}}}}, with \"id\" if it likes, or \"Name\"; this is {found}");
    ApiError::new(ErrorCode::InvalidArgument, message)
}

/// The payload `{"NameOk": {…}}`, with the id and the token if there are some; above the frame's bound, that of the error that says so.
pub fn encode_reply<T: Serialize>(name: &str, fields: &T, id: Option<RequestId>, token: Option<&str>) -> Vec<u8> {
    let mut payload = Bounded(Vec::new());
    match encode(&mut payload, &format!("{name}Ok"), fields, (id, token)) {
        Ok(()) => payload.0,
        Err(_) => {
            let message = format!(
                "the reply to {name} is above {} bytes, the bound of a frame; ask for less with limit",
                limits::FRAME_BYTES
            );
            encode_error(&ApiError::new(ErrorCode::TooLarge, message), id)
        }
    }
}

/// The payload `{"Error": {code, message, …}}`, with the id if there is one.
pub fn encode_error(error: &ApiError, id: Option<RequestId>) -> Vec<u8> {
    let mut payload = Bounded(Vec::new());
    if encode(&mut payload, "Error", error, (id, None)).is_err() {
        // Only an error's details can be that long.
        payload.0.clear();
        let brief = ApiError { details: None, message: limits::excerpt(&error.message), ..error.clone() };
        let _ = encode(&mut payload, "Error", &brief, (id, None));
    }
    payload.0
}

fn encode<T: Serialize>(
    payload: &mut Bounded,
    name: &str,
    fields: &T,
    (id, token): (Option<RequestId>, Option<&str>),
) -> Result<(), rmp_serde::encode::Error> {
    rmp::encode::write_map_len(payload, 1 + u32::from(id.is_some()) + u32::from(token.is_some()))?;
    rmp::encode::write_str(payload, name)?;
    let mut serializer = rmp_serde::Serializer::new(&mut *payload).with_struct_map().with_human_readable();
    fields.serialize(&mut serializer)?;
    if let Some(token) = token {
        rmp::encode::write_str(payload, "token")?;
        rmp::encode::write_str(payload, token)?;
    }
    if let Some(RequestId(id)) = id {
        rmp::encode::write_str(payload, "id")?;
        match (id.as_u64(), id.as_i64()) {
            (Some(id), _) => rmp::encode::write_uint(payload, id)?,
            (None, id) => rmp::encode::write_sint(payload, id.unwrap_or_default())?,
        };
    }
    Ok(())
}

/// A buffer that refuses to grow above a frame: a page of long contents would otherwise be built before it is found too large.
struct Bounded(Vec<u8>);

/// What an id needs at the end of a payload.
const ID_BYTES: usize = 16;

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > limits::FRAME_BYTES - ID_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rmpv::Value;

    use super::*;
    use crate::ConceptId;

    fn decoded(payload: &[u8]) -> String {
        rmpv::decode::read_value(&mut &payload[..]).unwrap().to_string()
    }

    #[test]
    fn a_reply_has_its_name_text_ids_and_the_number_of_its_request() {
        #[derive(Serialize)]
        struct Learned {
            concept_id: ConceptId,
        }
        let fields = Learned { concept_id: ConceptId::from_u128(7) };
        let reply = encode_reply("LearnConceptV2", &fields, Some(RequestId((-3).into())), None);
        let expected = r#"{"LearnConceptV2Ok": {"concept_id": "00000000000000000000000000000007"}, "id": -3}"#;
        assert_eq!(decoded(&reply), expected);
        let error = encode_error(&ApiError::invalid("k", "k is 0"), None);
        assert_eq!(decoded(&error), r#"{"Error": {"code": "invalid_argument", "message": "k is 0", "param": "k"}}"#);
    }

    #[test]
    fn a_reply_above_the_frame_bound_is_an_error() {
        let reply = encode_reply("ListRecent", &vec!["x".repeat(limits::FRAME_BYTES)], Some(RequestId(1.into())), None);
        let reply = rmpv::decode::read_value(&mut &reply[..]).unwrap();
        assert_eq!(reply["Error"]["code"], Value::from("too_large"));
        assert_eq!(reply["id"], Value::from(1));
    }

    #[test]
    fn requests_are_a_name_or_a_map_of_one_name() {
        let fields = ValueRef::Map(vec![]);
        let named = ValueRef::Map(vec![("id".into(), 9.into()), ("Flush".into(), fields.clone())]);
        assert_eq!(open(&named).unwrap().name, "Flush");
        assert_eq!(request_id(&named).unwrap(), Some(RequestId(9.into())));
        assert_eq!(open(&"Flush".into()).unwrap().name, "Flush");
        for (bad, word) in [
            (ValueRef::Map(vec![("A".into(), fields.clone()), ("B".into(), fields.clone())]), "2 entries"),
            (ValueRef::Map(vec![("id".into(), 1.into())]), "without a name"),
            (ValueRef::Map(vec![("A".into(), ValueRef::Array(vec![]))]), "are a list"),
            (ValueRef::Array(vec![]), "a list"),
        ] {
            assert!(open(&bad).unwrap_err().message.contains(word), "{bad}");
        }
        assert!(request_id(&ValueRef::Map(vec![("id".into(), "x".into())])).is_err());
    }
}
