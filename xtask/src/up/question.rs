//! One sentence taught and asked for, through the grid's Service: the proof that it works.

use super::cluster::Cluster;
use crate::console;
use crate::failure::{Failure, Result};

const TAUGHT: &str = "Aspirin: a drug against pain";
const QUESTION: &str = "What is aspirin?";

/// Teaches and asks from within the grid's own pod, which holds the client.
pub(crate) fn ask(cluster: &Cluster) -> Result<()> {
    let phase = console::phase("teaching one sentence and asking for it");
    sutra(cluster, &["learn", TAUGHT, "--source", "https://example.org/leaflet.pdf"])?;
    let answer = sutra(cluster, &["ask", QUESTION])?;
    if !answer.contains("drug against pain") {
        return Err(Failure::new(format!("the grid's answer to {QUESTION:?} is not what it was taught:\n{answer}")));
    }
    phase.done();
    println!("{}\n{answer}", console::bold(&format!("$ sutra ask '{QUESTION}'")));
    Ok(())
}

fn sutra(cluster: &Cluster, arguments: &[&str]) -> Result<String> {
    let start = ["exec", "--namespace", "default", "demo-0", "--container", "sutra-node", "--"];
    cluster.kubectl(start.iter().chain(&["sutra", "--server", "http://demo.default:8000"]).chain(arguments))
}
