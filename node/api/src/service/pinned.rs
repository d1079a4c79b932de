//! A state that is being read, and whether what was read of it is true, and whole.
//!
//! The bytes of a segment are checked when they are first read, and a shard on another node is asked when something of it is needed, both in
//! the middle of an answer. A read can't fail there, so it goes on with nothing, and the view remembers what was missing. [`Pinned`] is the
//! only way to a view, and it hands out no answer of a view that lacks something without saying so: an operation can't forget to look.

use sutra_grid::{Missing, View};
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
    /// Those of `work`; of what was missing, whatever `work` came to.
    pub(super) fn read<T>(&self, work: impl FnOnce(&View) -> Result<T, ApiError>) -> Result<T, ApiError> {
        let answer = work(&self.0);
        finish(&self.0.missing(), answer)
    }

    /// Whether nothing of it was missing so far.
    pub(super) fn is_whole(&self) -> bool {
        self.0.missing().is_empty()
    }

    /// The same without the shards that do not answer, whose numbers come along.
    ///
    /// # Errors
    /// Those of `work`; where shards do not answer, they are why it failed.
    pub(super) fn read_in_part<T>(&self, work: impl FnOnce(&View) -> Result<T, ApiError>) -> Result<(T, Vec<u64>), ApiError> {
        let answer = work(&self.0);
        let missing = self.0.missing();
        let silent = missing.iter().map(|missing| match missing {
            Missing::Unreachable { shard, .. } | Missing::Lost { shard, .. } => Some(*shard),
            Missing::NoView(_) | Missing::Damaged(_) => None,
        });
        match (silent.collect::<Option<Vec<u64>>>(), answer) {
            (Some(silent), Ok(answer)) => Ok((answer, silent)),
            (_, answer) => finish(&missing, answer.map(|answer| (answer, Vec::new()))),
        }
    }
}

fn finish<T>(missing: &[Missing], answer: Result<T, ApiError>) -> Result<T, ApiError> {
    // Damage is the worst of it.
    let worst = missing.iter().find(|missing| matches!(missing, Missing::Damaged(_))).or(missing.first());
    match worst {
        None => answer,
        Some(missing) => {
            if let Missing::Damaged(damage) = missing {
                tracing::error!(%damage, "a read met damage");
            }
            Err(fault::missing(missing))
        }
    }
}

#[cfg(test)]
mod tests {
    use sutra_protocol::ErrorCode;

    use super::*;

    #[test]
    fn no_answer_of_a_state_that_lacks_something_gets_out() {
        let damaged = Missing::Damaged("segments/0007.seg is damaged: block 3 has another checksum".into());
        let silent = Missing::Unreachable { shard: 3, reason: "10.0.0.2:7001 did not reply within 500 ms".into() };
        for answer in [Ok(1), Err(ApiError::not_found("concept 7 does not exist"))] {
            assert_eq!(finish(&[], answer.clone()), answer);
            let error = finish(&[silent.clone(), damaged.clone()], answer.clone()).unwrap_err();
            assert_eq!(error.code, ErrorCode::Internal);
            assert!(error.message.contains("segments/0007.seg"), "{}", error.message);
            let error = finish(std::slice::from_ref(&silent), answer).unwrap_err();
            assert_eq!(error.code, ErrorCode::Unavailable);
            assert!(error.message.contains("shard 3"), "{}", error.message);
        }
    }
}
