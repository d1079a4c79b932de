//! `sutra associate`.

use clap::Args;
use sutra_protocol::http::{AssociateRequest, AssociateResponse, ConceptRef};
use sutra_protocol::{AssociationType, Timestamp};

use super::Session;
use crate::arguments::{association_type, concept_ref, unit_interval};
use crate::exit::Outcome;
use crate::output::number::confidence;

/// Flags of `sutra associate`.
#[derive(Debug, Args)]
pub(crate) struct Associate {
    /// Where it starts: an id, key:KEY, or a content or alias
    #[arg(value_parser = concept_ref)]
    source: ConceptRef,
    /// Where it ends
    #[arg(value_parser = concept_ref)]
    target: ConceptRef,
    /// What kind of link it is [default: semantic]
    #[arg(long = "type", value_name = "TYPE", value_parser = association_type())]
    kind: Option<AssociationType>,
    /// Its name, such as treats
    #[arg(long)]
    label: Option<String>,
    /// How strongly the evidence speaks for it, 0 to 1 [default: 1]
    #[arg(long, value_name = "0..1", value_parser = unit_interval)]
    confidence: Option<f64>,
    /// A statement that it rests on: an id, key:KEY, or a content or alias; repeatable [default: your word]
    #[arg(long, value_name = "STATEMENT", value_parser = concept_ref)]
    evidence: Vec<ConceptRef>,
    /// When it begins to hold in the world
    #[arg(long, value_name = "TIME")]
    valid_from: Option<Timestamp>,
    /// When it ceases to hold
    #[arg(long, value_name = "TIME")]
    valid_to: Option<Timestamp>,
}

impl Associate {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        let request = AssociateRequest {
            source: self.source,
            target: self.target,
            kind: self.kind,
            label: self.label,
            confidence: self.confidence,
            strength: None,
            valid_from: self.valid_from,
            valid_to: self.valid_to,
            evidence: self.evidence,
            namespace: session.namespace.clone(),
        };
        let reply = session.client.post("/v1/associate", &request).await?;
        session.screen.show(&reply, render)?;
        Ok(Outcome::Done)
    }
}

fn render(associated: &AssociateResponse) -> String {
    let known = if associated.created { "associated" } else { "associated before; its evidence is complemented" };
    format!("{known}; confidence {}\n", confidence(associated.confidence))
}
