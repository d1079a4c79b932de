//! `sutra count`.

use clap::Args;
use sutra_protocol::filter::Filter;
use sutra_protocol::http::{CountRequest, CountResponse};

use super::Session;
use crate::arguments::{AsOf, filter};
use crate::exit::Outcome;

/// Flags of `sutra count`.
#[derive(Debug, Args)]
pub(crate) struct Count {
    /// Which concepts, in JSON, such as '{"field": "type", "eq": "rule"}' [default: all]
    #[arg(long, value_name = "JSON", value_parser = filter)]
    filter: Option<Filter>,
    #[command(flatten)]
    as_of: AsOf,
}

impl Count {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        let request = CountRequest {
            filter: self.filter,
            namespace: session.namespace.clone(),
            valid_at: self.as_of.valid_at,
            known_at: self.as_of.known_at,
        };
        let reply = session.client.post("/v1/concepts/count", &request).await?;
        // Bare digits, for scripts.
        session.screen.show(&reply, |counted: &CountResponse| format!("{}\n", counted.count))?;
        Ok(Outcome::Done)
    }
}
