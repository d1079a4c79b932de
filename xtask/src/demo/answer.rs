//! What two answers have to share to be the same.

use serde_json::Value;

use super::client::Client;
use crate::failure::{Failure, Result};

/// The parts of a reply to `POST /v1/reason` that do not depend on who answers, or when: its text, confidence and chains, with
/// their evidence.
const PARTS: [&str; 6] = ["known", "answer", "confidence", "answers", "paths", "sources"];

/// An answer and the chains that it rests on.
#[derive(Clone, Debug)]
pub(crate) struct Answer(Value);

impl Answer {
    /// Asks a node; a refusal is a failure.
    pub(crate) fn ask(client: &Client, question: &str) -> Result<Self> {
        let reply = client.reply(&["ask", question])?;
        Self::read(reply).ok_or_else(|| Failure::new(format!("the reply to {question:?} has no answer, confidence or chain")))
    }

    /// Fails, with both, if the other answer differs in anything that counts.
    pub(crate) fn expect_same(&self, other: &Self) -> Result<()> {
        let differences = PARTS.iter().filter_map(|part| {
            let (before, after) = (&self.0[*part], &other.0[*part]);
            (before != after).then(|| format!("\n{part} was {before:#}\n{part} is {after:#}"))
        });
        let differences = differences.collect::<String>();
        if differences.is_empty() { Ok(()) } else { Err(Failure::new(format!("the answer is another one:{differences}"))) }
    }

    fn read(reply: Value) -> Option<Self> {
        let chains = reply["paths"].as_array()?;
        let is_whole = reply["answer"].is_string() && reply["confidence"].is_number() && !chains.is_empty();
        is_whole.then_some(Self(reply))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(id: &str, text: &str, confidence: f64, label: &str) -> Answer {
        let paths = json!([{"hops": [{"label": label}]}]);
        let reply = json!({"id": id, "known": true, "answer": text, "confidence": confidence, "paths": paths, "sources": []});
        Answer::read(reply).unwrap()
    }

    #[test]
    fn answers_are_the_same_whoever_gives_them() {
        answer("ans-1", "It does.", 0.8, "inhibits").expect_same(&answer("ans-2", "It does.", 0.8, "inhibits")).unwrap();
    }

    #[test]
    fn another_text_confidence_or_chain_is_another_answer() {
        let before = answer("ans-1", "It does.", 0.8, "inhibits");
        let others = [("answer", "It may.", 0.8, "inhibits"), ("confidence", "It does.", 0.7, "inhibits")];
        for (part, text, confidence, label) in others.into_iter().chain([("paths", "It does.", 0.8, "produces")]) {
            let failure = before.expect_same(&answer("ans-1", text, confidence, label)).unwrap_err().to_string();
            assert!(failure.contains(&format!("\n{part} was ")), "{failure}");
        }
    }

    #[test]
    fn an_answer_without_a_chain_is_none() {
        assert!(Answer::read(json!({"known": true, "answer": "It does.", "confidence": 0.8, "paths": []})).is_none());
        assert!(Answer::read(json!({"known": false, "answer": null, "confidence": 0.0, "paths": []})).is_none());
    }
}
