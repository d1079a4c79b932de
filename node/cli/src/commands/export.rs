//! `sutra export`.

use std::io::{self, Write};

use anyhow::Context as _;
use clap::Args;
use reqwest::{Method, header};

use super::Session;
use super::import::IDLE;
use crate::arguments::AsOf;
use crate::exit::{Outcome, Usage};
use crate::output::number::{bytes, count, counted};
use crate::transfer::{Output, Progress, rate, until};

/// Flags of `sutra export`.
#[derive(Debug, Args)]
#[command(after_help = "\
The lines are those that `sutra import` takes back, concepts first. FILE appears, or is replaced, only when it is whole.")]
pub(crate) struct Export {
    /// Where to write; `-` is standard output
    #[arg(default_value = "-")]
    file: String,
    #[command(flatten)]
    as_of: AsOf,
}

impl Export {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        if [".zst", ".gz", ".xz", ".bz2"].iter().any(|suffix| self.file.ends_with(suffix)) {
            return Err(Usage(format!(
                "an export is not compressed; name it without {:?}, or pipe `sutra export` into zstd",
                suffix(&self.file)
            ))
            .into());
        }
        // A name that can't be written is told before the server is troubled.
        let mut output = Output::open(&self.file)?;
        let mut progress = Progress::new(None);
        let idle = session.client.timeout().unwrap_or(IDLE);
        let query = session.namespace_query().chain(self.as_of.query()).collect();
        let mut response = until(session.client.open(Method::GET, "/v1/export", query, None), idle, || 0).await??;
        let headers = response.headers();
        if !headers.contains_key(header::TRANSFER_ENCODING) && !headers.contains_key(header::CONTENT_LENGTH) {
            return Err(session.client.unreadable(&"its end can't be told from a broken connection").into());
        }
        loop {
            let received = output.bytes();
            let chunk = until(response.chunk(), idle, || received).await?;
            let Some(chunk) = chunk.map_err(|error| session.client.broken(&error))? else { break };
            output.write(&chunk).with_context(|| format!("can't write {}", self.file))?;
            if self.file != "-" {
                progress.show(output.bytes(), output.lines().total());
            }
        }
        if output.lines().is_open() {
            return Err(session.client.unreadable(&"it ends in the middle of a line").into());
        }
        output.finish().with_context(|| format!("can't write {}", self.file))?;
        progress.clear();
        let (lines, elapsed) = (output.lines().total(), progress.elapsed());
        let seconds = elapsed.as_secs_f64();
        // It goes to stderr: stdout may be the export.
        let told = format!(
            "exported {}, {}, in {seconds:.1} s ({} lines/s)",
            counted(lines, "line"),
            bytes(output.bytes()),
            count(rate(lines, elapsed))
        );
        let _ = writeln!(io::stderr(), "{told}");
        Ok(Outcome::Done)
    }
}

fn suffix(file: &str) -> &str {
    file.rfind('.').map_or("", |at| &file[at..])
}
