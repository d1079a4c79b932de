//! Which graph, and at which time: parameters that many operations share.

use std::fmt::Display;

use sutra_protocol::tcp::Consistency;
use sutra_protocol::{ApiError, Namespace, Timestamp};

use super::params::{FromParams, Params};
use crate::service::Read;

/// `namespace`, `valid_at`, `known_at`, `consistency` and `partial`: what every read takes.
#[derive(Debug, Default)]
pub(in crate::http) struct ReadParams {
    pub(in crate::http) namespace: Option<Namespace>,
    pub(in crate::http) valid_at: Option<Timestamp>,
    pub(in crate::http) known_at: Option<Timestamp>,
    strong: bool,
    whole: bool,
}

/// `namespace`: what every write takes.
#[derive(Debug, Default)]
pub(in crate::http) struct InNamespace(pub(in crate::http) Option<Namespace>);

/// No parameters but `timeout_ms`.
#[derive(Debug)]
pub(in crate::http) struct NoParams;

impl FromParams for ReadParams {
    fn is_strong(&self) -> bool {
        self.strong
    }

    fn is_whole(&self) -> bool {
        self.whole
    }

    fn from_params(params: &mut Params) -> Result<Self, ApiError> {
        let strong = params.one::<Consistency>("consistency")? == Some(Consistency::Strong);
        let whole = params.flag("partial")? == Some(false);
        let (namespace, valid_at) = (params.one("namespace")?, params.one("valid_at")?);
        Ok(Self { namespace, valid_at, known_at: params.one("known_at")?, strong, whole })
    }
}

impl FromParams for InNamespace {
    fn from_params(params: &mut Params) -> Result<Self, ApiError> {
        params.one("namespace").map(Self)
    }
}

impl FromParams for NoParams {
    fn from_params(_: &mut Params) -> Result<Self, ApiError> {
        Ok(Self)
    }
}

impl ReadParams {
    /// As the service takes it.
    pub(in crate::http) fn into_read(self) -> Read {
        Read { namespace: self.namespace.unwrap_or_default(), valid_at: self.valid_at, known_at: self.known_at }
    }

    /// Moves the parameters into a body's fields of the same names.
    pub(in crate::http) fn fill(
        self,
        namespace: &mut Option<Namespace>,
        valid_at: &mut Option<Timestamp>,
        known_at: &mut Option<Timestamp>,
    ) -> Result<(), ApiError> {
        fill("namespace", namespace, self.namespace)?;
        fill("valid_at", valid_at, self.valid_at)?;
        fill("known_at", known_at, self.known_at)
    }
}

/// Moves a query parameter into the body's field of the same name; both given, they have to agree.
pub(in crate::http) fn fill<T: PartialEq + Display>(name: &str, field: &mut Option<T>, param: Option<T>) -> Result<(), ApiError> {
    match (&*field, &param) {
        (Some(field), Some(param)) if field != param => {
            Err(ApiError::invalid(name, format!("{name} is {field} in the body and {param} in the query; they must be equal")))
        }
        (None, Some(_)) => {
            *field = param;
            Ok(())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_and_query_may_agree_but_not_differ() {
        let mut field = None;
        fill("namespace", &mut field, Some("a")).unwrap();
        fill("namespace", &mut field, Some("a")).unwrap();
        fill("namespace", &mut field, None).unwrap();
        assert_eq!(field, Some("a"));
        let error = fill("namespace", &mut field, Some("b")).unwrap_err();
        assert_eq!(error.message, "namespace is a in the body and b in the query; they must be equal");
    }
}
