//! `sutra search`.

use clap::Args;
use sutra_protocol::filter::Filter;
use sutra_protocol::http::{SearchRequest, SearchResponse};

use super::Session;
use crate::arguments::AsOf;
use crate::exit::Outcome;
use crate::output::number::confidence;
use crate::output::table::Rows;

/// Flags of `sutra search`.
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// The words
    #[arg(required = true)]
    words: Vec<String>,
    /// How many results [default: 10]
    #[arg(short, value_name = "N")]
    k: Option<u32>,
    /// Which concepts may be found, in JSON, such as '{"field": "type", "eq": "rule"}'
    #[arg(long, value_name = "JSON", value_parser = filter)]
    filter: Option<Filter>,
    /// Least score
    #[arg(long, value_name = "SCORE")]
    min_score: Option<f64>,
    #[command(flatten)]
    as_of: AsOf,
}

fn filter(text: &str) -> Result<Filter, String> {
    let filter: Filter = serde_json::from_str(text).map_err(|error| error.to_string())?;
    filter.validate().map_err(|violation| violation.to_string())?;
    Ok(filter)
}

impl Search {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        let request = SearchRequest {
            query: self.words.join(" "),
            k: self.k,
            mode: None,
            filter: self.filter,
            min_score: self.min_score,
            namespace: session.namespace.clone(),
            valid_at: self.as_of.valid_at,
            known_at: self.as_of.known_at,
        };
        let reply = session.client.post("/v1/search", &request).await?;
        session.screen.show(&reply, |found| render(found, session.screen.width))?;
        Ok(Outcome::Done)
    }
}

fn render(found: &SearchResponse, width: usize) -> String {
    if found.results.is_empty() {
        return if found.partial { "nothing found; a shard could not be asked\n" } else { "nothing found\n" }.into();
    }
    let mut rows = Rows::new(width, ["SCORE", "ID", "TYPE", "CONFIDENCE", "CONTENT"], &["SCORE", "ID", "TYPE", "CONFIDENCE"]);
    for hit in &found.results {
        let kind = hit.semantic_type.as_str().into();
        rows.push([format!("{:.2}", hit.score), hit.id.to_string(), kind, confidence(hit.confidence), hit.content.clone()]);
    }
    let mut out = rows.render();
    if found.partial {
        out.push_str("Partial: a shard could not be asked.\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn results_are_a_table() {
        let id = "1".repeat(32);
        let found = json!({"results": [{"id": id, "content": "aspirin: a drug that relieves pain", "type": "definitional",
            "score": 4.251, "confidence": 0.9}], "partial": false});
        let expected = format!(
            "SCORE  ID                                TYPE          CONFIDENCE  CONTENT
4.25   {id}  definitional  0.90        aspirin: a drug that relieves pain
"
        );
        assert_eq!(render(&serde_json::from_value(found).unwrap(), 120), expected);
        assert_eq!(render(&SearchResponse { results: vec![], partial: false }, 100), "nothing found\n");
    }

    #[test]
    fn a_filter_is_checked_before_it_is_sent() {
        assert!(filter(r#"{"field": "attributes.dose", "gt": 100}"#).is_ok());
        assert!(filter(r#"{"field": "colour", "eq": 1}"#).unwrap_err().contains("attributes.NAME"));
        assert!(filter("type=rule").is_err());
    }
}
