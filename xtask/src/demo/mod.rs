//! `cargo xtask demo`: a node of its own, taught part of WordNet and two sentences, and asked through the client as a user would.
//!
//! | module | responsibility |
//! |---|---|
//! | [`client`] | `sutra`, echoed and checked |
//! | [`story`] | what is taught, asked, retracted and asked again |

use std::path::PathBuf;

use crate::arguments::Arguments;
use crate::console;
use crate::failure::{Failure, Result};
use crate::node::Node;
use crate::release::Release;
use crate::tools;
use crate::wordnet::download;
use crate::workspace;
use client::Client;

mod client;
mod story;

pub(crate) const HELP: &str = "\
Starts a node, teaches it part of WordNet and two sentences of its own, asks six questions, retracts
a sentence, asks again, and looks back to before the retraction. The crates apart, it needs no network.

Usage: cargo xtask demo [--once] [--full]

  --once  end after that; without it the node keeps running and you can ask on, until Ctrl-C
  --full  all of WordNet 3.0 (117,659 synsets), fetched once with apt into ~/.cache/sutra; needs no root

It serves on 127.0.0.1:8000 (HTTP) and 127.0.0.1:50051 (TCP), or on free ports if these are taken.
Everything is taught to a temporary directory that the node removes when it ends.";

/// The ports that documents name.
const HTTP: u16 = 8000;
const TCP: u16 = 50051;

pub(crate) fn run(mut arguments: Arguments) -> Result<()> {
    let once = arguments.flag("--once");
    let full = arguments.flag("--full");
    arguments.finish()?;
    println!("{}", console::bold("Sutra Grid: teach, ask, retract, look back"));
    tools::require(&[tools::CARGO, tools::LINKER, tools::CPP, tools::MAKE])?;
    let binaries = build()?;
    let corpus = if full { download::full_corpus()? } else { workspace::root().join("demo/corpus.ndjson.zst") };

    let phase = console::phase("starting a node: sutra-node dev");
    let node = Node::start(&binaries.join("sutra-node"), ["dev"], HTTP, TCP)?;
    phase.done();
    println!("  http://{}, MessagePack on {}", node.http, node.tcp);
    let client = Client::new(binaries.join("sutra"), format!("http://{}", node.http));
    story::tell(&client, &corpus).map_err(|failure| Failure::new(format!("{failure}\nthe node said:\n{}", node.said())))?;

    if once {
        let phase = console::phase("ending the node");
        node.stop()?;
        phase.done();
        return Ok(());
    }
    invite(&node, &client);
    node.outlast()
}

/// Builds the node and its client, nothing else; cargo shows its own progress. Yields where they are.
fn build() -> Result<PathBuf> {
    let phase = console::phase("building sutra-node and sutra (the first time takes minutes)");
    let directory = Release::Node.build()?;
    phase.done();
    Ok(directory)
}

fn invite(node: &Node, client: &Client) {
    let Node { http, .. } = node;
    println!("\n{}", console::bold("The node keeps running until Ctrl-C. In another terminal:"));
    println!("  alias sutra='{}'", client.hint());
    println!("  sutra ask 'Is a whale a fish?'");
    println!(
        "  curl -s http://{http}/v1/reason -d '{{\"query\": \"What are the parts of the eye?\"}}' -H 'content-type: application/json'"
    );
    println!(
        "  curl -s 'http://{http}/v1/search' -d '{{\"query\": \"medicine for pain\", \"k\": 5}}' -H 'content-type: application/json'"
    );
    println!(
        "  curl -s http://{http}/v1/learn -d '{{\"content\": \"Ticagrelor: an oral antiplatelet drug\"}}' -H 'content-type: application/json'"
    );
    println!("  every request: http://{http}/docs");
}
