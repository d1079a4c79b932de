//! Which answers of the API server are final.

use kube::Error;
use kube::core::Status;

/// What became of a write that the API server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is as asked.
    Done,
    /// It will not be, however often it is asked: the API server's own sentence.
    Refused(String),
}

impl Outcome {
    /// Of a write to something that may be gone, which is well too.
    pub(super) fn of_leaving<T>(answer: Result<T, Error>) -> Result<Self, Error> {
        match answer {
            // By the number: of an API that it does not know the server says so without a reason.
            Err(Error::Api(status)) if status.code == 404 => Ok(Self::Done),
            answer => Self::of(answer),
        }
    }

    /// Of a write that makes what is not there: it finds nothing only if the API or the namespace itself is not there.
    pub(super) fn of_making<T>(answer: Result<T, Error>) -> Result<Self, Error> {
        match answer {
            Err(Error::Api(status)) if status.code == 404 => Ok(Self::Refused(sentence(&status))),
            answer => Self::of(answer),
        }
    }

    /// Of an answer. An error that may pass by itself stays one: conflicts, overload, faults of the server and of the way to
    /// it, and what the lease does not cover.
    pub(super) fn of<T>(answer: Result<T, Error>) -> Result<Self, Error> {
        match answer {
            Ok(_) => Ok(Self::Done),
            Err(Error::Api(status)) if is_final(&status) => Ok(Self::Refused(sentence(&status))),
            Err(error) => Err(error),
        }
    }
}

/// How sentences about objects begin that server-side apply cannot read.
const UNREADABLE: [&str; 2] = ["failed to convert new object", "failed to create typed patch object"];

fn is_final(status: &Status) -> bool {
    match status.code {
        // Credentials are renewed; requests time out; what was observed is gone or has changed; there are too many.
        401 | 404 | 408 | 409 | 410 | 429 => false,
        400..=499 => true,
        // What server-side apply cannot read (a field that this API server does not know, a key twice in a list, a quantity that
        // is none) is answered as if it were the server's fault.
        500 => UNREADABLE.iter().any(|beginning| status.message.starts_with(beginning)),
        _ => false,
    }
}

fn sentence(status: &Status) -> String {
    [&status.message, &status.reason]
        .into_iter()
        .find(|text| !text.is_empty())
        .cloned()
        .unwrap_or_else(|| format!("the API server answered with status {}", status.code))
}

#[cfg(test)]
mod tests {
    use kube::Error;
    use kube::core::Status;

    use super::Outcome;

    fn of(code: u16, message: &str, reason: &str) -> Result<Outcome, Error> {
        Outcome::of::<()>(Err(Error::Api(Status::failure(message, reason).with_code(code).boxed())))
    }

    #[test]
    fn an_answer_that_repeating_does_not_change_is_a_refusal_in_the_servers_words() {
        for (code, message) in [
            (400, "admission webhook denied the request"),
            (403, "exceeded quota: small"),
            (413, "request is too large"),
            (422, "StatefulSet.apps \"demo\" is invalid: spec: Forbidden"),
            (
                500,
                "failed to create typed patch object (ns/demo; apps/v1, Kind=StatefulSet): .spec.x: field not declared in schema",
            ),
            (500, "failed to convert new object (ns/demo; apps/v1, Kind=StatefulSet) to proper version: quantities must match"),
        ] {
            assert_eq!(of(code, message, "Reason").unwrap(), Outcome::Refused(message.to_owned()));
        }
    }

    #[test]
    fn what_may_pass_by_itself_is_an_error() {
        for code in [401, 404, 408, 409, 410, 429, 500, 502, 503, 504] {
            assert!(of(code, "message", "Reason").is_err(), "{code}");
        }
        assert!(Outcome::of::<()>(Err(Error::Service("the lease is not held".into()))).is_err());
    }

    #[test]
    fn what_is_not_there_means_what_the_write_wanted() {
        let missing = || Err(Error::Api(Status::failure("nothing there", "NotFound").with_code(404).boxed()));
        assert_eq!(Outcome::of_leaving::<()>(missing()).unwrap(), Outcome::Done);
        assert_eq!(Outcome::of_making::<()>(missing()).unwrap(), Outcome::Refused("nothing there".to_owned()));
        let unknown_api = Err(Error::Api(Status::failure("404 page not found", "").with_code(404).boxed()));
        assert_eq!(Outcome::of_making::<()>(unknown_api).unwrap(), Outcome::Refused("404 page not found".to_owned()));
    }

    #[test]
    fn a_refusal_always_says_something() {
        assert_eq!(of(403, "", "Forbidden").unwrap(), Outcome::Refused("Forbidden".to_owned()));
        assert_eq!(of(403, "", "").unwrap(), Outcome::Refused("the API server answered with status 403".to_owned()));
    }
}
