//! `sutra query`.

use clap::Args;
use sutra_protocol::filter::Filter;
use sutra_protocol::http::{QueryRequest, QueryResponse};
use sutra_protocol::query::Order;

use super::Session;
use crate::arguments::{AsOf, filter};
use crate::exit::Outcome;
use crate::output::table::Rows;
use crate::output::text;

/// Flags of `sutra query`.
#[derive(Debug, Args)]
pub(crate) struct Query {
    /// Which concepts, in JSON, such as '{"field": "attributes.approved", "gte": 1990}' [default: all]
    #[arg(long, value_name = "JSON", value_parser = filter)]
    filter: Option<Filter>,
    /// In which order: id, created_at or attributes.NAME; with - before the last two, the greatest first [default: id]
    #[arg(long, value_name = "ORDER", allow_hyphen_values = true)]
    order: Option<Order>,
    /// Most concepts of a page [default: 100]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: Option<u32>,
    /// Where the page before ended
    #[arg(long, value_name = "CURSOR", allow_hyphen_values = true)]
    cursor: Option<String>,
    #[command(flatten)]
    as_of: AsOf,
}

impl Query {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        let order = self.order.clone().unwrap_or_default();
        let request = QueryRequest {
            filter: self.filter,
            order: self.order,
            limit: self.limit,
            cursor: self.cursor,
            namespace: session.namespace.clone(),
            valid_at: self.as_of.valid_at,
            known_at: self.as_of.known_at,
        };
        let reply = session.client.post("/v1/concepts/query", &request).await?;
        session.screen.show(&reply, |page| render(page, &order, session.screen.width))?;
        Ok(Outcome::Done)
    }
}

fn render(page: &QueryResponse, order: &Order, width: usize) -> String {
    if page.concepts.is_empty() {
        return "nothing found\n".into();
    }
    let heading = match order {
        Order::Attribute { name, .. } => text::line(name),
        Order::Id | Order::CreatedAt(_) => "CREATED".into(),
    };
    let mut rows = Rows::new(width, ["ID", "TYPE", &heading, "CONTENT"], &["ID", "TYPE", "CREATED"]);
    for concept in &page.concepts {
        let ordered_by = match order {
            Order::Attribute { name, .. } => concept.attributes.get(name).map(super::get::attribute).unwrap_or_default(),
            Order::Id | Order::CreatedAt(_) => concept.created_at.to_string(),
        };
        rows.push([concept.id.to_string(), concept.semantic_type.as_str().into(), ordered_by, concept.content.clone()]);
    }
    let mut out = rows.render();
    if let Some(cursor) = &page.cursor {
        out.push_str(&format!("There are more: --cursor {}\n", text::shell_word(cursor)));
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_shows_what_it_is_ordered_by_and_where_the_next_begins() {
        let id = "1".repeat(32);
        let concept = |attributes| {
            json!({"id": id, "content": "warfarin", "namespace": "default", "type": "entity", "aliases": [],
                "confidence": 1.0, "strength": 1.0, "attributes": attributes, "created_at": "2026-03-01T12:00:00Z",
                "updated_at": "2026-03-01T12:00:00Z", "asserted_by": "anonymous", "degree": {"out": 0, "in": 0}})
        };
        let page = json!({"concepts": [concept(json!({"approved": 1954})), concept(json!({}))], "cursor": "AQ-_"});
        let page: QueryResponse = serde_json::from_value(page).unwrap();
        let expected = format!(
            "ID                                TYPE    approved  CONTENT
{id}  entity  1954      warfarin
{id}  entity            warfarin
There are more: --cursor AQ-_
"
        );
        assert_eq!(render(&page, &"-attributes.approved".parse().unwrap(), 120), expected);
        assert!(render(&page, &Order::Id, 120).contains("CREATED") && !render(&page, &Order::Id, 120).contains("1954"));
        assert_eq!(render(&QueryResponse { concepts: vec![], cursor: None }, &Order::Id, 100), "nothing found\n");
    }
}
