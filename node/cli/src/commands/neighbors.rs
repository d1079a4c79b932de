//! `sutra neighbors`.

use clap::{Args, ValueEnum};
use sutra_protocol::http::NeighborsResponse;
use sutra_protocol::{AssociationType, ConceptId, Direction};

use super::Session;
use crate::arguments::{AsOf, association_type, concept_id};
use crate::exit::Outcome;
use crate::output::number::{confidence, counted};
use crate::output::table::Rows;
use crate::output::text;

/// Flags of `sutra neighbors`.
#[derive(Debug, Args)]
pub(crate) struct Neighbors {
    /// The concept's id
    #[arg(value_parser = concept_id)]
    id: ConceptId,
    /// Which way associations are followed [default: both]
    #[arg(long, value_enum)]
    direction: Option<DirectionName>,
    /// The type of association
    #[arg(long = "type", value_name = "TYPE", value_parser = association_type())]
    kind: Option<AssociationType>,
    /// The label of the association
    #[arg(long)]
    label: Option<String>,
    /// How far, 1 to 3 [default: 1]
    #[arg(long, value_name = "N")]
    hops: Option<u32>,
    /// How many at once
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Where to go on, as the previous page said
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    #[command(flatten)]
    as_of: AsOf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DirectionName {
    Out,
    In,
    Both,
}

impl Neighbors {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        let direction = self.direction.map(|choice| match choice {
            DirectionName::Out => "out",
            DirectionName::In => "in",
            DirectionName::Both => "both",
        });
        let given = [
            ("direction", direction.map(Into::into)),
            ("type", self.kind.map(|kind| kind.as_str().into())),
            ("label", self.label),
            ("hops", self.hops.map(|hops| hops.to_string())),
            ("limit", self.limit.map(|limit| limit.to_string())),
            ("cursor", self.cursor),
        ];
        let query = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let query = query.chain(session.namespace_query()).chain(self.as_of.query());
        let reply = session.client.get(&format!("/v1/concept/{}/neighbors", self.id), query).await?;
        session.screen.show(&reply, |page| render(page, session.screen.width))?;
        Ok(Outcome::Done)
    }
}

fn render(page: &NeighborsResponse, width: usize) -> String {
    if page.neighbors.is_empty() {
        return "no neighbors\n".into();
    }
    let headings = ["HOP", "LINK", "CONFIDENCE", "EVIDENCE", "ID", "CONTENT"];
    let mut rows = Rows::new(width, headings, &["HOP", "CONFIDENCE", "EVIDENCE", "ID"]);
    for neighbor in &page.neighbors {
        let label = if neighbor.label.is_empty() { neighbor.kind.as_str() } else { neighbor.label.as_str() };
        let link = match neighbor.direction {
            Direction::Out => format!("—{label}→"),
            Direction::In => format!("←{label}—"),
            Direction::Both => format!("←{label}→"),
        };
        let evidence = neighbor.evidence.len().to_string();
        let content = neighbor.content.clone();
        rows.push([neighbor.hop.to_string(), link, confidence(neighbor.confidence), evidence, neighbor.id.to_string(), content]);
    }
    let mut out = rows.render();
    out.push_str(&counted(page.neighbors.len() as u64, "neighbor"));
    if let Some(cursor) = &page.cursor {
        out.push_str(&format!("; --cursor {} shows more", text::shell_word(cursor)));
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn neighbors_are_a_table_with_the_way_to_the_next_page() {
        let id = "1".repeat(32);
        let page = json!({"neighbors": [{"id": id, "content": "poodle: a dog", "hop": 1, "direction": "in", "type": "hierarchical",
            "label": "hypernym", "confidence": 0.9, "strength": 1.0, "evidence": [{"asserted_by": "anonymous", "confidence": 0.9}]}],
            "cursor": "b2s="});
        let expected = format!(
            "HOP  LINK        CONFIDENCE  EVIDENCE  ID                                CONTENT
1    ←hypernym—  0.90        1         {id}  poodle: a dog
1 neighbor; --cursor b2s= shows more
"
        );
        assert_eq!(render(&serde_json::from_value(page).unwrap(), 120), expected);
    }
}
