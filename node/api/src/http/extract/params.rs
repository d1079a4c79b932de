//! The query string.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;
use sutra_protocol::{ApiError, limits};
use tokio::time::Instant;

use crate::http::envelope::Started;
use crate::http::problem::Problem;

/// When the caller stops waiting. Extractors that run after [`Query`] find it in the request's extensions.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Deadline(pub(in crate::http) Instant);

/// The caller wants to see all that was acknowledged before.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Strong;

/// Noted of a request that wants no partial answer.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Whole;

/// The parameters of one operation. Each has to be taken; what is left is unknown, and refused.
#[derive(Debug)]
pub(in crate::http) struct Params(Vec<(String, String)>);

/// What an operation reads from the query string.
pub(in crate::http) trait FromParams: Sized {
    /// Whether `timeout_ms` bounds the operation.
    const BOUNDED: bool = true;

    /// Whether what is read has to be as new as can be.
    fn is_strong(&self) -> bool {
        false
    }

    /// Whether an answer without the shards that can't answer will not do.
    fn is_whole(&self) -> bool {
        false
    }

    /// Takes the operation's parameters.
    fn from_params(params: &mut Params) -> Result<Self, ApiError>;
}

/// The query string as `T`, and `timeout_ms`.
pub(in crate::http) struct Query<T>(pub(in crate::http) T);

impl<T: FromParams, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut params = Params::parse(parts.uri.query().unwrap_or_default())?;
        if T::BOUNDED {
            let timeout = params.number("timeout_ms", 1, limits::TIMEOUT_MS)?.unwrap_or(limits::DEFAULT_TIMEOUT_MS);
            let started = parts.extensions.get::<Started>().map_or_else(Instant::now, |started| started.0);
            parts.extensions.insert(Deadline(started + Duration::from_millis(timeout)));
        }
        let found = T::from_params(&mut params)?;
        params.finish()?;
        if found.is_strong() {
            parts.extensions.insert(Strong);
        }
        if found.is_whole() {
            parts.extensions.insert(Whole);
        }
        Ok(Self(found))
    }
}

impl Params {
    pub(in crate::http) fn parse(query: &str) -> Result<Self, ApiError> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(name)?, decoded(value)?))
        });
        pairs.collect::<Result<_, ApiError>>().map(Self)
    }

    /// Takes a parameter that may stand once.
    pub(in crate::http) fn one<T: for<'de> Deserialize<'de>>(&mut self, name: &str) -> Result<Option<T>, ApiError> {
        let mut values = self.many(name)?;
        if values.len() > 1 {
            let message = format!("query parameter {name} stands {} times; at most once is allowed", values.len());
            return Err(ApiError::invalid(name, message));
        }
        Ok(values.pop())
    }

    /// Takes a parameter that may be repeated.
    pub(in crate::http) fn many<T: for<'de> Deserialize<'de>>(&mut self, name: &str) -> Result<Vec<T>, ApiError> {
        let taken = self.0.extract_if(.., |(found, _)| found == name);
        taken.map(|(_, value)| read(name, &value)).collect()
    }

    /// Takes a whole number that may stand once.
    pub(in crate::http) fn number(&mut self, name: &str, least: u64, greatest: u64) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.one::<String>(name)? else { return Ok(None) };
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse().ok().filter(|found| digits && (least..=greatest).contains(found)) {
            Some(found) => Ok(Some(found)),
            None => {
                let found = limits::excerpt(&text);
                Err(ApiError::invalid(name, format!("{name} is {found}; it must be a whole number from {least} to {greatest}")))
            }
        }
    }

    /// Takes `true` or `false`.
    pub(in crate::http) fn flag(&mut self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.one::<String>(name)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => {
                let message = format!("{name} is {}; it must be true or false", limits::excerpt(other));
                Err(ApiError::invalid(name, message))
            }
        }
    }

    fn finish(self) -> Result<(), ApiError> {
        let Some((first, _)) = self.0.first() else { return Ok(()) };
        let names: Vec<_> = self.0.iter().map(|(name, _)| limits::excerpt(name)).collect();
        Err(ApiError::invalid(first.clone(), format!("unknown query parameter {}", names.join(", "))))
    }
}

fn decoded(text: &str) -> Result<String, ApiError> {
    let spaced = text.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(ApiError::invalid("query", format!("the query string is not UTF-8 at {}", limits::excerpt(text)))),
    }
}

fn read<T: for<'de> Deserialize<'de>>(name: &str, value: &str) -> Result<T, ApiError> {
    T::deserialize(IntoDeserializer::<ValueError>::into_deserializer(value))
        .map_err(|error| ApiError::invalid(name, format!("query parameter {name}: {error}")))
}

#[cfg(test)]
mod tests {
    use sutra_protocol::{Direction, Namespace};

    use super::*;

    #[test]
    fn values_are_decoded_and_typed() {
        let mut params = Params::parse("namespace=ward-7&label=part+of&label=a%26b&direction=in&hops=3&x").unwrap();
        assert_eq!(params.one::<Namespace>("namespace").unwrap().unwrap().as_str(), "ward-7");
        assert_eq!(params.many::<String>("label").unwrap(), ["part of", "a&b"]);
        assert_eq!(params.one::<Direction>("direction").unwrap(), Some(Direction::In));
        assert_eq!(params.number("hops", 1, 3).unwrap(), Some(3));
        let error = params.finish().unwrap_err();
        assert_eq!((error.message.as_str(), error.param.as_deref()), ("unknown query parameter \"x\"", Some("x")));
    }

    #[test]
    fn a_bad_value_is_named_with_its_bound() {
        let message = |query: &str| {
            let mut params = Params::parse(query)?;
            params.number("hops", 1, 3)?;
            params.one::<Direction>("direction")?;
            params.flag("partial").map(drop)
        };
        for (query, expected) in [
            ("hops=4", "hops is \"4\"; it must be a whole number from 1 to 3"),
            ("hops=+2", "hops is \" 2\"; it must be a whole number from 1 to 3"),
            ("hops=", "hops is \"\"; it must be a whole number from 1 to 3"),
            ("hops=1&hops=1", "query parameter hops stands 2 times; at most once is allowed"),
            ("direction=up", "query parameter direction: unknown variant `up`, expected one of `out`, `in`, `both`"),
            ("partial=1", "partial is \"1\"; it must be true or false"),
            ("hops=%ff", "the query string is not UTF-8 at \"%ff\""),
        ] {
            assert_eq!(message(query).unwrap_err().message, expected);
        }
    }
}
