//! A state that is being read, and whether what was read of it is true.
//!
//! The bytes of a segment are checked when they are first read, in the middle of an answer. A read can't fail there, so it goes on
//! with nothing, and the view remembers the damage. [`Pinned`] is the only way to a view, and it hands out no answer of a view that
//! met damage: an operation can't forget to look.

use sutra_grid::View;
use sutra_protocol::ApiError;

use super::fault;

/// One state of a namespace.
pub(super) struct Pinned(View);

impl Pinned {
    pub(super) fn new(view: View) -> Self {
        Self(view)
    }

    /// What `work` makes of the state.
    ///
    /// # Errors
    /// Those of `work`; `internal`, whatever `work` came to, if it met damage.
    pub(super) fn read<T>(&self, work: impl FnOnce(&View) -> Result<T, ApiError>) -> Result<T, ApiError> {
        let answer = work(&self.0);
        finish(damage(&self.0), answer)
    }
}

/// The damage that reads of the view have met.
fn damage(view: &View) -> Option<String> {
    view.damage().map(ToString::to_string)
}

fn finish<T>(damage: Option<String>, answer: Result<T, ApiError>) -> Result<T, ApiError> {
    match damage {
        None => answer,
        Some(damage) => {
            tracing::error!(%damage, "a read met damage");
            Err(fault::internal(&damage))
        }
    }
}

#[cfg(test)]
mod tests {
    use sutra_protocol::ErrorCode;

    use super::*;

    #[test]
    fn no_answer_of_a_damaged_state_gets_out() {
        let damage = || Some("segments/0007.seg is damaged: block 3 has another checksum".to_owned());
        for answer in [Ok(1), Err(ApiError::not_found("concept 7 does not exist"))] {
            assert_eq!(finish(None, answer.clone()), answer);
            let error = finish(damage(), answer).unwrap_err();
            assert_eq!(error.code, ErrorCode::Internal);
            assert!(error.message.contains("segments/0007.seg"), "{}", error.message);
        }
    }
}
