//! `sutra erase`.

use clap::Args;
use sutra_protocol::ConceptId;
use sutra_protocol::http::DeleteResponse;

use super::Session;
use crate::arguments::concept_id;
use crate::exit::{Outcome, Usage};
use crate::output::number::counted;

/// Flags of `sutra erase`.
#[derive(Debug, Args)]
pub(crate) struct Erase {
    /// The concept's id; it may have been retracted before
    #[arg(value_parser = concept_id)]
    id: ConceptId,
    /// Yes, remove it for ever: nothing brings it back
    #[arg(long)]
    yes: bool,
}

impl Erase {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        if !self.yes {
            let message = format!(
                "erasing {} removes it, and all that it ever said, for ever; give --yes if that is what you want, or use \
                 `sutra retract`, which keeps its history",
                self.id
            );
            return Err(Usage(message).into());
        }
        let query = session.namespace_query().chain([("mode", "erase".to_owned())]);
        let reply = session.client.delete(&format!("/v1/concept/{}", self.id), query).await?;
        session.screen.show(&reply, render)?;
        Ok(Outcome::Done)
    }
}

fn render(erased: &DeleteResponse) -> String {
    format!("erased for ever, with {}\n", counted(erased.retracted, "association"))
}
