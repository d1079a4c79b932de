//! `sutra cluster health-check`.

use std::time::Duration;

use clap::Args;
use serde_norway::Value;
use sutra_protocol::http::GridResponse;
use tokio::time::timeout;

use super::status::problems;
use super::watch::Watch;
use crate::arguments::duration;
use crate::client::Reply;
use crate::commands::Session;
use crate::exit::Outcome;

/// Flags of `sutra cluster health-check`.
#[derive(Debug, Args)]
#[command(after_help = "\
A grid is healthy if every node answers, and every shard has a leader and all its replicas.

Exit codes: 0 healthy, 3 not healthy, 1 the node does not tell, 2 wrong usage.")]
pub(crate) struct HealthCheck {
    /// Wait until the grid is healthy, for so long, such as 30s, 5m [default: ask once]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    wait: Option<Duration>,
}

impl HealthCheck {
    pub(crate) async fn run(self, session: &Session) -> anyhow::Result<Outcome> {
        let answer = match self.wait {
            None => Answer::of(session, super::ask(&session.client).await?)?,
            Some(wait) => waited(session, wait).await?,
        };
        session.screen.show(&answer.reply, render)?;
        Ok(if answer.healthy { Outcome::Done } else { Outcome::Unhealthy })
    }
}

/// What a node says of its grid.
struct Answer {
    reply: Reply,
    healthy: bool,
}

impl Answer {
    fn of(session: &Session, reply: Reply) -> anyhow::Result<Self> {
        match reply.value().get("healthy").and_then(Value::as_bool) {
            Some(healthy) => Ok(Self { reply, healthy }),
            None => Err(session.client.unreadable(&"it does not say whether the grid is healthy").into()),
        }
    }
}

/// Asks until the grid is healthy; the last answer, or why there is none, when the time is over.
async fn waited(session: &Session, wait: Duration) -> anyhow::Result<Answer> {
    let mut watch = Watch::new(wait);
    loop {
        let asked = timeout(watch.left(), super::ask(&session.client)).await;
        let answer = match asked {
            Ok(reply) => reply.and_then(|reply| Answer::of(session, reply)),
            Err(_) => Err(anyhow::anyhow!("the node did not answer within {wait:?}")),
        };
        match &answer {
            Ok(answer) if answer.healthy => {}
            Ok(answer) => watch.tell(&problems(&answer.reply.read()?).trim_end().replace('\n', "; ")),
            Err(error) => watch.tell(&format!("{error:#}")),
        }
        if answer.as_ref().is_ok_and(|answer| answer.healthy) || !watch.pause().await {
            return answer;
        }
    }
}

fn render(grid: &GridResponse) -> String {
    if grid.healthy { "healthy\n".into() } else { problems(grid) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn health_is_a_word_and_its_absence_the_reasons() {
        let told = |healthy: bool, problems: &[&str]| {
            let grid = json!({"grid_id": "g-1", "epoch": 1, "healthy": healthy, "problems": problems, "nodes": [], "shards": []});
            render(&serde_json::from_value(grid).unwrap())
        };
        assert_eq!(told(true, &[]), "healthy\n");
        assert_eq!(
            told(false, &["node node-2 does not answer", "shard 1\u{1b}[2J has no leader"]),
            "node node-2 does not answer\nshard 1\\u{1b}[2J has no leader\n"
        );
        assert!(told(false, &[]).contains("does not say why"));
    }
}
