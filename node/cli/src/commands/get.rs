//! `sutra get`.

use clap::Args;
use sutra_protocol::http::{ConceptView, GetConceptsRequest, GetConceptsResponse};
use sutra_protocol::{AttributeValue, ConceptId};

use super::Session;
use crate::arguments::{AsOf, concept_id};
use crate::exit::Outcome;
use crate::output::number::{confidence, count};
use crate::output::{chain, text};

/// Flags of `sutra get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The concept's id; several ids show several concepts of one moment
    #[arg(required = true, num_args = 1..=1000, value_name = "ID", value_parser = concept_id)]
    ids: Vec<ConceptId>,
    #[command(flatten)]
    as_of: AsOf,
}

impl Get {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        let width = session.screen.width;
        if let [id] = self.ids.as_slice() {
            let query = session.namespace_query().chain(self.as_of.query());
            let reply = session.client.get(&format!("/v1/concept/{id}"), query).await?;
            session.screen.show(&reply, |concept| render(concept, width))?;
            return Ok(Outcome::Done);
        }
        let request = GetConceptsRequest {
            ids: self.ids,
            namespace: session.namespace.clone(),
            valid_at: self.as_of.valid_at,
            known_at: self.as_of.known_at,
        };
        let reply = session.client.post("/v1/concepts/get", &request).await?;
        session.screen.show(&reply, |found| render_all(found, width))?;
        let complete = reply.read::<GetConceptsResponse>()?.missing.is_empty();
        Ok(if complete { Outcome::Done } else { Outcome::Incomplete })
    }
}

fn render_all(found: &GetConceptsResponse, width: usize) -> String {
    let mut parts: Vec<_> = found.concepts.iter().map(|concept| render(concept, width)).collect();
    if !found.missing.is_empty() {
        parts.push(found.missing.iter().map(|id| format!("concept {id} does not exist\n")).collect());
    }
    parts.join("\n")
}

/// An attribute's value; text stands in quotes.
pub(super) fn attribute(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Bool(value) => value.to_string(),
        AttributeValue::Integer(value) => value.to_string(),
        AttributeValue::Float(value) => value.to_string(),
        AttributeValue::Text(value) => format!("“{}”", text::line(value)),
    }
}

fn render(concept: &ConceptView, width: usize) -> String {
    let mut fields = vec![("id", concept.id.to_string())];
    let mut push = |name, value: Option<String>| fields.extend(value.map(|value| (name, value)));
    push("key", concept.key.as_deref().map(text::line));
    push("namespace", Some(concept.namespace.to_string()));
    push("type", Some(concept.semantic_type.as_str().into()));
    push(
        "aliases",
        Some(concept.aliases.iter().map(|alias| text::line(alias)).collect::<Vec<_>>().join("; ")).filter(|all| !all.is_empty()),
    );
    push("confidence", Some(confidence(concept.confidence)));
    push("strength", Some(confidence(concept.strength)));
    for (name, value) in &concept.attributes {
        push("attribute", Some(format!("{} = {}", text::line(name), attribute(value))));
    }
    push("source", concept.source.as_ref().map(chain::place));
    push("valid from", concept.valid_from.map(|time| time.to_string()));
    push("valid to", concept.valid_to.map(|time| time.to_string()));
    push("created", Some(concept.created_at.to_string()));
    push("updated", Some(concept.updated_at.to_string()));
    push("retracted", concept.retracted_at.map(|time| time.to_string()));
    push("asserted by", Some(text::line(&concept.asserted_by)));
    push("associations", Some(format!("{} out, {} in", count(concept.degree.out), count(concept.degree.into))));
    let mut out = text::wrap(&text::lines(&concept.content), width, 0);
    out.push('\n');
    for (name, value) in fields {
        // The value's own lines are indented as far as its first.
        let value = text::wrap(&value, width, 14);
        out.push_str(&format!("{name:<14}{}", value.trim_start()));
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_concept_is_shown_field_by_field() {
        let id = "1".repeat(32);
        let concept = json!({"id": id, "key": "RXCUI:1191", "content": "Aspirin: a drug\nthat relieves pain\u{1b}[2J", "namespace": "default",
            "type": "entity", "aliases": ["ASA", "acetylsalicylic acid"], "confidence": 0.999, "strength": 1.0,
            "attributes": {"dose": 500, "route": "oral"}, "source": {"uri": "label.pdf", "page": 2},
            "created_at": "2026-03-01T12:00:00Z", "updated_at": "2026-03-01T12:00:00Z", "asserted_by": "anonymous",
            "degree": {"out": 3, "in": 1200}});
        let expected = format!(
            "Aspirin: a drug
that relieves pain\\u{{1b}}[2J

id            {id}
key           RXCUI:1191
namespace     default
type          entity
aliases       ASA; acetylsalicylic acid
confidence    >0.99
strength      1.00
attribute     dose = 500
attribute     route = “oral”
source        page 2, label.pdf
created       2026-03-01T12:00:00Z
updated       2026-03-01T12:00:00Z
asserted by   anonymous
associations  3 out, 1,200 in
"
        );
        assert_eq!(render(&serde_json::from_value(concept).unwrap(), 80), expected);
    }
}
