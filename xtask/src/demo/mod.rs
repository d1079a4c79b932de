//! `cargo xtask demo`: a grid of its own, taught part of WordNet and some sentences, and asked through the client as a user would,
//! before and after one of its nodes dies.
//!
//! | module | responsibility |
//! |---|---|
//! | [`client`] | `sutra`, echoed and checked |
//! | [`grid`] | the embedded grid, whose nodes are ended and started |
//! | [`state`] | what a node says of the grid |
//! | [`story`] | what is taught, asked, retracted and asked again |
//! | [`death`] | a node dies half-way and comes back |
//! | [`answer`] | what two answers have to share to be the same |

use std::path::PathBuf;

use crate::arguments::Arguments;
use crate::console;
use crate::failure::{Failure, Result};
use crate::release::Release;
use crate::tools;
use crate::wordnet::download;
use crate::workspace;
use client::Client;
use grid::{Grid, NODES, SHARDS};

mod answer;
mod client;
mod death;
mod grid;
mod state;
mod story;

pub(crate) const HELP: &str = "\
Starts a grid of three nodes and four shards in one process, teaches it part of WordNet and some sentences, asks six questions,
ends a node that leads as its death would, gets the same answer from another, teaches on without it, starts it again, retracts a
sentence, asks again, and looks back to before the retraction. The crates apart, it needs no network.

Usage: cargo xtask demo [--once] [--full]

  --once  end after that; without it the grid keeps running until Ctrl-C: ask on, or type `stop node-2` to see what happens
  --full  all of WordNet 3.0 (117,659 synsets), fetched once with apt into ~/.cache/sutra; needs no root

The nodes serve on 127.0.0.1:8000 to 8002 (HTTP) and 50051 to 50053 (TCP), or on free ports if one of these is taken.
Everything is taught to a temporary directory that is removed at the end. It fails if the answer after the death differs in
text, chain or confidence, or if a node lacks something that was acknowledged.";

pub(crate) fn run(mut arguments: Arguments) -> Result<()> {
    let once = arguments.flag("--once");
    let full = arguments.flag("--full");
    arguments.finish()?;
    println!("{}", console::bold("Sutra Grid: teach, ask, lose a node, retract, look back"));
    tools::require(&[tools::CARGO, tools::LINKER, tools::CPP, tools::MAKE])?;
    let binaries = build()?;
    let corpus = if full { download::full_corpus()? } else { workspace::root().join("demo/corpus.ndjson.zst") };

    let phase = console::phase(format!("starting a grid: sutra-node dev --nodes {NODES} --shards {SHARDS}"));
    let mut grid = Grid::start(&binaries)?;
    phase.done();
    let client = grid.first()?;
    story::tell(&mut grid, &corpus).map_err(|failure| Failure::new(format!("{failure}\nthe nodes said:\n{}", grid.said())))?;

    if once {
        let phase = console::phase("ending the grid");
        grid.stop()?;
        phase.done();
        return Ok(());
    }
    invite(&client);
    grid.outlast()
}

/// Builds the node and its client, nothing else; cargo shows its own progress. Yields where they are.
fn build() -> Result<PathBuf> {
    let phase = console::phase("building sutra-node and sutra (the first time takes minutes)");
    let directory = Release::Node.build()?;
    phase.done();
    Ok(directory)
}

fn invite(client: &Client) {
    let server = client.server();
    println!("\n{}", console::bold("The grid keeps running until Ctrl-C. In another terminal:"));
    println!("  alias sutra='{}'", client.hint());
    println!("  sutra ask 'Is a whale a fish?'");
    println!(
        "  curl -s {server}/v1/reason -d '{{\"query\": \"What are the parts of the eye?\"}}' -H 'content-type: application/json'"
    );
    println!(
        "  curl -s {server}/v1/search -d '{{\"query\": \"medicine for pain\", \"k\": 5}}' -H 'content-type: application/json'"
    );
    println!(
        "  curl -s {server}/v1/learn -d '{{\"content\": \"Prasugrel: an oral antiplatelet drug\"}}' -H 'content-type: application/json'"
    );
    println!("  sutra cluster status");
    println!("  every request: {server}/docs");
    println!("{}", console::bold("What if another node dies? Type here:"));
    println!("  stop node-2        it ends as its death would; the other two answer and learn on");
    println!("  start node-2       it serves again, and catches up");
    println!("  status             who leads, and where each node serves");
    println!("An empty grid of your own: sutra-node dev --nodes {NODES} --shards {SHARDS}");
}
