//! `sutra import`.

use std::time::Duration;

use clap::Args;
use reqwest::Method;
use serde_norway::Value;
use sutra_protocol::http::ImportReport;

use super::Session;
use crate::client::{ClientError, Reply};
use crate::exit::Outcome;
use crate::output::number::{count, counted, milliseconds};
use crate::output::table::Rows;
use crate::transfer::{Input, Progress, rate, until};

/// How long nothing may move, unless the caller says otherwise; the server's own bound is the same.
pub(super) const IDLE: Duration = Duration::from_secs(60);
/// Failed lines shown.
const ERRORS_SHOWN: usize = 10;

/// Flags of `sutra import`.
#[derive(Debug, Args)]
#[command(after_help = "\
A line is a learn body, such as {\"content\": \"aspirin\", \"key\": \"RXCUI:1191\"}, or an associate body, such as
{\"source\": {\"key\": \"RXCUI:1191\"}, \"target\": {\"content\": \"headache\"}, \"type\": \"causal\", \"label\": \"treats\"}.
What `sutra export` writes is taken back.

Exit codes: 0 every line is stored, 1 a line failed (not with --allow-errors) or the transfer broke, 2 wrong usage.")]
pub(crate) struct Import {
    /// A file of JSON lines, plain or compressed with zstd; `-` reads standard input
    file: String,
    /// Succeed even if lines fail
    #[arg(long)]
    allow_errors: bool,
}

impl Import {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        let (input, body) = Input::open(&self.file)?;
        let idle = session.client.timeout().unwrap_or(IDLE);
        let mut progress = Progress::new(input.size());
        // What could not be read explains what could not be sent.
        let blame = |error: ClientError| input.check().err().unwrap_or(error.into());

        let open = session.client.open(Method::POST, "/v1/import", session.namespace_query().collect(), Some(body));
        let mut response = until(open, idle, || show(&mut progress, &input, None)).await?.map_err(blame)?;
        let (mut buffer, mut last, mut done) = (Vec::new(), None, None);
        loop {
            let chunk = until(response.chunk(), idle, || show(&mut progress, &input, done)).await?;
            let chunk = chunk.map_err(|error| blame(session.client.broken(&error)))?;
            buffer.extend_from_slice(chunk.as_deref().unwrap_or_default());
            for line in take_lines(&mut buffer, chunk.is_none()) {
                let report = session.client.event(&line)?;
                done = report.value().get("lines").and_then(Value::as_u64).or(done);
                last = Some(report);
            }
            if chunk.is_none() {
                break;
            }
        }
        progress.clear();
        let is_last = |report: &Reply| report.value().get("done").and_then(Value::as_bool) == Some(true);
        let Some(report) = last.filter(is_last) else {
            input.check()?;
            anyhow::bail!(
                "the server ended the import without its last report; lines may be stored, and importing them again does no harm"
            );
        };
        session.screen.show(&report, |report| render(report, session.screen.width))?;
        let failed = report.value().get("errors_total").and_then(Value::as_u64).unwrap_or(0);
        Ok(if failed == 0 || self.allow_errors { Outcome::Done } else { Outcome::Incomplete })
    }
}

/// Shows how far the import is and yields a number that changes while it moves.
fn show(progress: &mut Progress, input: &Input, done: Option<u64>) -> u64 {
    progress.show(input.read(), done.unwrap_or_else(|| input.lines()));
    input.read()
}

/// Takes the whole lines from the front of `buffer`, and the rest if nothing follows.
fn take_lines(buffer: &mut Vec<u8>, ended: bool) -> Vec<Vec<u8>> {
    let whole = if ended { buffer.len() } else { buffer.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1) };
    let lines: Vec<u8> = buffer.drain(..whole).collect();
    lines.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).map(<[u8]>::to_vec).collect()
}

fn render(report: &ImportReport, width: usize) -> String {
    let elapsed = Duration::try_from_secs_f64(report.elapsed_ms / 1000.0).unwrap_or_default();
    let mut out = format!(
        "imported {} and {} from {} in {} ({} lines/s)\n",
        counted(report.concepts, "concept"),
        counted(report.associations, "association"),
        counted(report.lines, "line"),
        milliseconds(report.elapsed_ms),
        count(rate(report.lines, elapsed)),
    );
    if report.errors_total == 0 {
        return out;
    }
    out.push_str(&format!(
        "{} failed: a refused line leaves nothing, one whose association finds no end is learned without it\n\n",
        counted(report.errors_total, "line")
    ));
    let mut rows = Rows::new(width, ["LINE", "CODE", "MESSAGE"], &["LINE", "CODE"]);
    for error in report.errors.iter().take(ERRORS_SHOWN) {
        rows.push([error.line.to_string(), error.code.to_string(), error.message.clone()]);
    }
    out.push_str(&rows.render());
    let shown = report.errors.len().min(ERRORS_SHOWN) as u64;
    if report.errors_total > shown {
        out.push_str(&format!("… and {} more\n", count(report.errors_total - shown)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_are_taken_until_the_end() {
        let mut buffer = b"{\"a\":1}\n\n{\"b\"".to_vec();
        assert_eq!(take_lines(&mut buffer, false), [b"{\"a\":1}"]);
        buffer.extend_from_slice(b":2}");
        assert!(take_lines(&mut buffer, false).is_empty());
        assert_eq!(take_lines(&mut buffer, true), [b"{\"b\":2}"]);
    }

    #[test]
    fn a_report_tells_counts_rate_and_the_first_errors() {
        let report: ImportReport = serde_json::from_value(serde_json::json!({
            "concepts": 10_234, "associations": 25_601, "errors": [{"line": 7, "code": "invalid_argument", "message": "content is empty"}],
            "errors_total": 3, "elapsed_ms": 2000.0, "lines": 12_000, "done": true
        }))
        .unwrap();
        let expected = "imported 10,234 concepts and 25,601 associations from 12,000 lines in 2.0 s (6,000 lines/s)
3 lines failed: a refused line leaves nothing, one whose association finds no end is learned without it

LINE  CODE              MESSAGE
7     invalid_argument  content is empty
… and 2 more
";
        assert_eq!(render(&report, 100), expected);
    }
}
