//! `sutra path`.

use std::fmt::Write;

use clap::{Args, ValueEnum};
use sutra_protocol::AssociationType;
use sutra_protocol::http::{ConceptRef, PathDirection, PathRequest, PathResponse, PathStrategy};

use super::Session;
use crate::arguments::{AsOf, association_type, concept_ref, unit_interval};
use crate::exit::Outcome;
use crate::output::chain::Chains;
use crate::output::number::{confidence, counted, milliseconds};

/// Flags of `sutra path`.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 found, 3 no path, 1 error, 2 wrong usage.")]
pub(crate) struct Path {
    /// Where paths begin: an id, key:KEY, or a content or alias
    #[arg(value_parser = concept_ref)]
    start: ConceptRef,
    /// Where paths end
    #[arg(value_parser = concept_ref)]
    end: ConceptRef,
    /// Most hops [default: 6]
    #[arg(long, value_name = "N")]
    max_depth: Option<u32>,
    /// Most paths [default: 1]
    #[arg(long, value_name = "N")]
    max_paths: Option<u32>,
    /// Whether associations are followed only the way they point [default: both]
    #[arg(long, value_enum)]
    direction: Option<DirectionName>,
    /// A type that may be followed; repeatable [default: all]
    #[arg(long = "type", value_name = "TYPE", value_parser = association_type())]
    types: Vec<AssociationType>,
    /// A label that may be followed; repeatable [default: all]
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
    /// Least confidence of each association [default: 0]
    #[arg(long, value_name = "0..1", value_parser = unit_interval)]
    min_confidence: Option<f64>,
    /// Which paths come first [default: shortest]
    #[arg(long, value_enum)]
    strategy: Option<StrategyName>,
    #[command(flatten)]
    as_of: AsOf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DirectionName {
    Out,
    Both,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum StrategyName {
    Shortest,
    Best,
}

impl Path {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        let request = PathRequest {
            start: self.start,
            end: self.end,
            max_depth: self.max_depth,
            max_paths: self.max_paths,
            direction: self.direction.map(|choice| match choice {
                DirectionName::Out => PathDirection::Out,
                DirectionName::Both => PathDirection::Both,
            }),
            types: Some(self.types).filter(|types| !types.is_empty()),
            labels: Some(self.labels).filter(|labels| !labels.is_empty()),
            min_confidence: self.min_confidence,
            strategy: self.strategy.map(|choice| match choice {
                StrategyName::Shortest => PathStrategy::Shortest,
                StrategyName::Best => PathStrategy::Best,
            }),
            namespace: session.namespace.clone(),
            valid_at: self.as_of.valid_at,
            known_at: self.as_of.known_at,
        };
        let reply = session.client.post("/v1/path", &request).await?;
        session.screen.show(&reply, |found| render(found, session.screen.width))?;
        match reply.value().get("found").and_then(serde_norway::Value::as_bool) {
            Some(true) => Ok(Outcome::Done),
            Some(false) => Ok(Outcome::Unknown),
            None => Err(session.client.unreadable(&"it does not say whether there is a path").into()),
        }
    }
}

fn render(found: &PathResponse, width: usize) -> String {
    let mut out = String::new();
    let mut chains = Chains::new(&[], width);
    for (at, path) in found.paths.iter().enumerate() {
        let hops = counted(path.hops.len() as u64, "hop");
        let _ = writeln!(out, "Path {} of {}, {hops}, confidence {}:", at + 1, found.paths.len(), confidence(path.confidence));
        chains.push(&mut out, path);
        out.push('\n');
    }
    if !found.found {
        out.push_str("no path; more --max-depth, other --type and --label, or --direction both may find one\n");
    }
    let _ = writeln!(out, "{}", milliseconds(found.elapsed_ms));
    if found.partial {
        out.push_str("Partial: a shard, or the time, was missing.\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_are_told_hop_by_hop() {
        let [dog, canine] = ["1", "2"].map(|digit| digit.repeat(32));
        let found = json!({"found": true, "paths": [{
            "concepts": [{"id": dog, "content": "dog"}, {"id": canine, "content": "canine"}],
            "hops": [{"source": dog, "target": canine, "type": "hierarchical", "label": "hypernym", "confidence": 1.0, "reversed": false,
                "evidence": [{"asserted_by": "anonymous", "confidence": 1.0}]}],
            "confidence": 1.0}], "shards_accessed": 1, "elapsed_ms": 0.31, "partial": false});
        let expected = "Path 1 of 1, 1 hop, confidence 1.00:
  dog —hypernym (hierarchical, 1.00)→ canine
      asserted by anonymous (1.00)

0.3 ms
";
        assert_eq!(render(&serde_json::from_value(found).unwrap(), 100), expected);
    }
}
