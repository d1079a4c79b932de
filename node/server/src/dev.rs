//! The embedded grid: everything in one process, on loopback.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::arguments::DevFlags;
use crate::config::{Config, Settings};
use crate::node::Node;
use crate::signals::Signals;

/// An embedded grid that can start.
pub(crate) struct Dev {
    pub(crate) config: Config,
    quiet: bool,
    /// Removed when this is dropped.
    temporary: Option<TempDir>,
}

impl Dev {
    /// Checks the flags and makes the temporary directory, if one is needed.
    pub(crate) fn resolve(flags: DevFlags) -> anyhow::Result<Self> {
        for (name, number, what) in [
            ("nodes", flags.nodes, "runs one node"),
            ("shards", flags.shards, "keeps one shard"),
            ("replicas", flags.replicas, "keeps one replica"),
        ] {
            if number != 1 {
                bail!("--{name} {number}: this version {what}");
            }
        }
        let temporary = match flags.data_dir {
            None => Some(tempfile::Builder::new().prefix("sutra-dev-").tempdir().context("make a temporary directory")?),
            Some(_) => None,
        };
        let data_dir = flags.data_dir.or_else(|| temporary.as_ref().map(|dir| dir.path().join("node-1")));
        let (http, tcp) = (Some(flags.http), Some(flags.tcp));
        let settings =
            Settings { data_dir, http, tcp, log: Some(flags.log), node_name: Some("dev-1".into()), ..Settings::default() };
        // The general advice, --insecure-listen, names a flag that this command does not have.
        let config = Config::from_settings(Settings { insecure_listen: Some(true), ..settings })?;
        if let Some((name, address)) = config.exposed().next() {
            bail!("--{name} {address}: the embedded grid serves loopback addresses only; `sutra-node serve` can serve others");
        }
        Ok(Self { config, quiet: flags.quiet, temporary })
    }

    /// Runs the grid until a signal ends it.
    pub(crate) async fn serve(self) -> anyhow::Result<()> {
        let mut signals = Signals::catch()?;
        let kept = match &self.temporary {
            None => format!("{}", self.config.data_dir.display()),
            Some(dir) => format!("{}, removed at the end", dir.path().display()),
        };
        let Some(node) = Node::start_unless_stopped(self.config, &mut signals).await? else { return Ok(()) };
        if !self.quiet {
            // A closed stdout is no reason to stop serving.
            let _ = std::io::stdout().write_all(greeting(&node, &kept).as_bytes());
        }
        node.until_stopped(&mut signals).await;
        drop(self.temporary);
        Ok(())
    }
}

fn greeting(node: &Node, kept: &str) -> String {
    let (http, tcp) = (node.http, node.tcp);
    format!(
        r#"A grid of one node serves.
  HTTP  http://{http}   (API at /docs)
  TCP   {tcp}   (MessagePack)
  data  {kept}

Teach it, ask it:
  curl -s http://{http}/v1/learn -H 'content-type: application/json' \
    -d '{{"content": "aspirin: a drug that relieves pain", "associations": [{{"target_content": "drug", "type": "hierarchical", "label": "hypernym"}}]}}'
  curl -s http://{http}/v1/reason -H 'content-type: application/json' -d '{{"query": "Is aspirin a drug?"}}'
  curl -s http://{http}/stats

Ctrl-C ends it.
"#
    )
}
