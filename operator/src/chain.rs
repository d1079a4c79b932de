//! An error with its causes, in a line.

use std::error::Error;

/// An error with its causes: the text of one of the client's ends before the reason, or holds it already.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let reason = cause.to_string();
        if !text.contains(&reason) {
            text = format!("{text}: {reason}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Fault {
        text: &'static str,
        #[source]
        cause: Option<Box<Fault>>,
    }

    #[test]
    fn causes_follow_unless_they_were_said() {
        let cause = Fault { text: "reset", cause: None };
        let middle = Fault { text: "send: reset", cause: Some(Box::new(cause)) };
        assert_eq!(chain(&Fault { text: "list pods", cause: Some(Box::new(middle)) }), "list pods: send: reset");
    }
}
