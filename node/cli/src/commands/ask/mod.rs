//! `sutra ask`.

mod answer;
mod refusal;

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use sutra_protocol::ConceptId;
use sutra_protocol::http::{Gate, ReasonRequest, ReasonResponse};

use super::Session;
use crate::arguments::{AsOf, concept_id};
use crate::exit::Outcome;

/// Flags of `sutra ask`.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 answered, 3 \"I don't know\", 1 error, 2 wrong usage.")]
pub(crate) struct Ask {
    /// The question, in English, such as "Is a poodle an animal?"
    question: String,
    /// Which concept a name in the question stands for; repeatable
    #[arg(long, value_name = "NAME=ID", value_parser = binding)]
    bind: Vec<(String, ConceptId)>,
    /// How sure an answer has to be: strict 0.8, default 0.5, lenient 0.2
    #[arg(long, value_enum)]
    gate: Option<GateName>,
    /// How many paths may support the answer [default: 3]
    #[arg(long, value_name = "N")]
    paths: Option<u32>,
    /// Most hops of a path [default: 6]
    #[arg(long, value_name = "N")]
    max_depth: Option<u32>,
    #[command(flatten)]
    as_of: AsOf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum GateName {
    Strict,
    Default,
    Lenient,
}

fn binding(text: &str) -> Result<(String, ConceptId), String> {
    match text.rsplit_once('=') {
        Some((name, id)) if !name.trim().is_empty() => Ok((name.trim().into(), concept_id(id.trim())?)),
        _ => Err("NAME=ID is needed".into()),
    }
}

impl Ask {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        let reply = session.client.post("/v1/reason", &self.request(session)).await?;
        session.screen.show(&reply, |reason: &ReasonResponse| match &reason.because {
            Some(because) if !reason.known => refusal::render(reason, because, &session.invocation, session.screen.width),
            _ => answer::render(reason, session.screen.width),
        })?;
        match reply.value().get("known").and_then(serde_norway::Value::as_bool) {
            Some(true) => Ok(Outcome::Done),
            Some(false) => Ok(Outcome::Unknown),
            None => Err(session.client.unreadable(&"it does not say whether the answer is known").into()),
        }
    }

    fn request(self, session: &Session) -> ReasonRequest {
        ReasonRequest {
            query: self.question,
            paths: self.paths,
            max_depth: self.max_depth,
            gate: self.gate.map(|gate| match gate {
                GateName::Strict => Gate::Strict,
                GateName::Default => Gate::Default,
                GateName::Lenient => Gate::Lenient,
            }),
            bind: BTreeMap::from_iter(self.bind),
            stream: None,
            namespace: session.namespace.clone(),
            valid_at: self.as_of.valid_at,
            known_at: self.as_of.known_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_is_a_name_and_an_id() {
        let id = "0123456789abcdef0123456789abcdef";
        assert_eq!(binding(&format!("e = mc² = {id}")), Ok(("e = mc²".into(), id.parse().unwrap())));
        assert!(binding("bank").is_err());
        assert!(binding("bank=bank").unwrap_err().contains("32 lowercase hexadecimal digits"));
    }
}
