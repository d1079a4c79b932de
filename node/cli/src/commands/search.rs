//! `sutra search`.

use clap::Args;
use sutra_protocol::filter::Filter;
use sutra_protocol::http::{SearchRequest, SearchResponse};

use super::Session;
use crate::arguments::{AsOf, filter};
use crate::exit::Outcome;
use crate::output::number::confidence;
use crate::output::table::Rows;

/// Flags of `sutra search`.
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// The words, any of which will do: '"heart attack"' is a phrase, 'cardio*' the beginning of a word, 'asprin~' a word with a
    /// letter wrong
    #[arg(required_unless_present = "vector", conflicts_with = "vector")]
    words: Vec<String>,
    /// A vector in place of words, as a JSON list such as '[0.12, -0.5]': finds those at the least angles to it
    #[arg(long, value_name = "JSON", value_parser = vector, allow_hyphen_values = true)]
    vector: Option<Vector>,
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

/// A vector on the command line: one value, not one a number.
#[derive(Clone, Debug)]
struct Vector(Vec<f32>);

fn vector(text: &str) -> Result<Vector, String> {
    serde_json::from_str(text).map(Vector).map_err(|error| format!("a JSON list of numbers is needed: {error}"))
}

impl Search {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        let request = SearchRequest {
            query: self.words.join(" "),
            vector: self.vector.map(|Vector(numbers)| numbers),
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
        assert_eq!(render(&SearchResponse { results: vec![], partial: false, missing_shards: vec![] }, 100), "nothing found\n");
    }

    #[test]
    fn a_vector_is_a_list_of_numbers() {
        assert_eq!(vector("[-0.5, 1]").unwrap().0, [-0.5, 1.0]);
        assert!(vector("0.5").unwrap_err().starts_with("a JSON list of numbers is needed"));
    }
}
