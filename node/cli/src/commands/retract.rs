//! `sutra retract`.

use clap::Args;
use sutra_protocol::ConceptId;
use sutra_protocol::http::DeleteResponse;

use super::Session;
use crate::arguments::concept_id;
use crate::exit::Outcome;
use crate::output::number::counted;

/// Flags of `sutra retract`.
#[derive(Debug, Args)]
pub(crate) struct Retract {
    /// The concept's id
    #[arg(value_parser = concept_id)]
    id: ConceptId,
}

impl Retract {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        let reply = session.client.delete(&format!("/v1/concept/{}", self.id), session.namespace_query()).await?;
        session.screen.show(&reply, render)?;
        Ok(Outcome::Done)
    }
}

fn render(retracted: &DeleteResponse) -> String {
    let gone = counted(retracted.retracted, "association");
    format!("retracted, with {gone}; --known-at a time before {} still shows it\n", retracted.recorded_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_and_where_it_is_still_seen_is_told() {
        let reply =
            serde_json::json!({"deleted": true, "index": 9, "recorded_at": "2026-03-01T12:00:00.000001Z", "retracted": 2});
        let told = render(&serde_json::from_value(reply).unwrap());
        assert_eq!(told, "retracted, with 2 associations; --known-at a time before 2026-03-01T12:00:00.000001Z still shows it\n");
    }
}
