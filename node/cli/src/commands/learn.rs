//! `sutra learn`.

use std::io::{self, IsTerminal, Read};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use sutra_protocol::http::{LearnRequest, LearnResponse, OnConflict};
use sutra_protocol::{SemanticType, Source, Timestamp, limits};

use super::Session;
use crate::arguments::{Attribute, Link, semantic_type, unit_interval};
use crate::exit::{Outcome, Usage};
use crate::output::chain;
use crate::output::number::{confidence, counted};

/// Flags of `sutra learn`.
#[derive(Debug, Args)]
pub(crate) struct Learn {
    /// The text; `-` reads it from standard input
    content: String,
    /// Your own id for it, such as RXCUI:1191
    #[arg(long)]
    key: Option<String>,
    /// Another name of it; repeatable
    #[arg(long = "alias", value_name = "NAME")]
    aliases: Vec<String>,
    /// What kind of knowledge it is [default: entity]
    #[arg(long = "type", value_name = "TYPE", value_parser = semantic_type())]
    kind: Option<SemanticType>,
    /// How sure you are, 0 to 1 [default: 1]
    #[arg(long, value_name = "0..1", value_parser = unit_interval)]
    confidence: Option<f64>,
    /// A typed property: true, false, a number, or text; quotes inside, as in 'zip="01234"', make it text; repeatable
    #[arg(long = "attribute", value_name = "NAME=VALUE")]
    attributes: Vec<Attribute>,
    /// Where it was read: a URL, a DOI, a file name
    #[arg(long, value_name = "URI")]
    source: Option<String>,
    /// The title of the source
    #[arg(long, value_name = "TITLE", requires = "source")]
    source_title: Option<String>,
    /// The page, from 1
    #[arg(long, value_name = "N", requires = "source")]
    source_page: Option<u32>,
    /// The position in the source, in bytes
    #[arg(long, value_name = "N", requires = "source")]
    source_offset: Option<u64>,
    /// When it begins to hold in the world
    #[arg(long, value_name = "TIME")]
    valid_from: Option<Timestamp>,
    /// When it ceases to hold
    #[arg(long, value_name = "TIME")]
    valid_to: Option<Timestamp>,
    /// An association from it, with it as evidence: TYPE is semantic, causal, temporal, hierarchical or compositional; TARGET
    /// is an id, key:KEY or a content, which is created if it is new; repeatable
    #[arg(long = "associate", value_name = "TYPE:LABEL=TARGET")]
    associations: Vec<Link>,
    /// What to do if the key names another content, or the concept is known [default: error for the first, merge for the second]
    #[arg(long, value_enum, value_name = "WHAT")]
    on_conflict: Option<ConflictName>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ConflictName {
    Error,
    Merge,
    Replace,
}

impl Learn {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        let reply = session.client.post("/v1/learn", &self.request(session)?).await?;
        session.screen.show(&reply, |learned: &LearnResponse| {
            if io::stdout().is_terminal() { format!("{}\n{}", learned.id, told(learned)) } else { format!("{}\n", learned.id) }
        })?;
        Ok(Outcome::Done)
    }

    fn request(self, session: &Session) -> anyhow::Result<LearnRequest> {
        let content = if self.content == "-" { read(io::stdin().lock())? } else { self.content };
        let mut attributes = std::collections::BTreeMap::new();
        for Attribute { name, value } in self.attributes {
            if attributes.insert(name.clone(), value).is_some() {
                return Err(Usage(format!("the attribute {name} is given twice")).into());
            }
        }
        let (title, page, offset) = (self.source_title, self.source_page, self.source_offset);
        Ok(LearnRequest {
            content,
            key: self.key,
            namespace: session.namespace.clone(),
            aliases: self.aliases,
            semantic_type: self.kind,
            confidence: self.confidence,
            attributes,
            valid_from: self.valid_from,
            valid_to: self.valid_to,
            source: self.source.map(|uri| Source { uri, title, page, offset }),
            associations: self.associations.into_iter().map(Link::into_association).collect(),
            on_conflict: self.on_conflict.map(|choice| match choice {
                ConflictName::Error => OnConflict::Error,
                ConflictName::Merge => OnConflict::Merge,
                ConflictName::Replace => OnConflict::Replace,
            }),
            ..LearnRequest::default()
        })
    }
}

/// Reads a content. One above the bound is left to the server to refuse, but not read on without end.
fn read(input: impl Read) -> anyhow::Result<String> {
    let mut content = String::new();
    let bound = limits::CONTENT_BYTES as u64 + 1;
    input.take(bound).read_to_string(&mut content).context("can't read the content from standard input")?;
    if content.len() as u64 == bound {
        return Err(Usage(format!("the content has more than {} bytes", limits::CONTENT_BYTES)).into());
    }
    Ok(content)
}

/// What a person at a terminal is told below the id, which is all that a script gets.
fn told(learned: &LearnResponse) -> String {
    let known = if learned.created { "learned" } else { "known before; complemented" };
    let mut out = format!("{known}, {}\n", counted(learned.associations.len() as u64, "association"));
    for link in &learned.associations {
        let (source, target) = (chain::name(&link.source_content), chain::name(&link.target_content));
        let label = if link.label.is_empty() { link.kind.as_str().into() } else { crate::output::text::line(&link.label) };
        out.push_str(&format!("  {source} —{label} ({})→ {target}\n", confidence(link.confidence)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_from_standard_input_is_bounded() {
        assert_eq!(read("aspirin\n".as_bytes()).unwrap(), "aspirin\n");
        assert!(read(io::repeat(b'a')).unwrap_err().is::<Usage>());
        assert!(read(&[0xff, 0xfe][..]).is_err());
    }

    #[test]
    fn what_was_learned_is_told() {
        let learned: LearnResponse = serde_json::from_value(serde_json::json!({
            "id": "1".repeat(32), "created": true, "shard": 0, "index": 7, "recorded_at": "2026-03-01T12:00:00Z", "type": "entity",
            "associations": [{"source": "1".repeat(32), "source_content": "Aspirin: a drug", "target": "2".repeat(32),
                "target_content": "headache", "type": "causal", "label": "treats", "confidence": 0.9, "evidence": []}]
        }))
        .unwrap();
        assert_eq!(told(&learned), "learned, 1 association\n  Aspirin —treats (0.90)→ headache\n");
    }
}
