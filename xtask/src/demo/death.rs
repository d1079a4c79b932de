//! A node that leads dies; the others answer as it did, and learn; it comes back and knows what it missed.

use serde_json::Value;

use super::answer::Answer;
use super::client::{Client, Expect};
use super::grid::{Grid, SHARDS};
use super::state::State;
use super::story::{self, RELATED, UNKNOWN, heading};
use crate::console;
use crate::failure::{Failure, Result};

/// Tells all of it; the failure says which step went otherwise than it should.
pub(super) fn tell(grid: &mut Grid) -> Result<()> {
    heading("Half-way, a node dies: the one that leads most shards, through which their writes go");
    let whole = grid.until("every node has everything", State::is_whole)?;
    let (dead, led) = whole.leads_most().ok_or_else(|| Failure::new("the grid is healthy, but nobody leads it"))?;
    let its = grid.client(dead)?;
    let (answer, held) = (Answer::ask(&its, RELATED)?, Held::ask(&its)?);
    println!("  {dead} leads {led} of {SHARDS} shards. It ends now, and hands nothing over.");
    let phase = console::phase(format!("ending {dead}"));
    grid.kill(dead)?;
    phase.done();

    heading("The same question, to another node: the same answer, on the same chain");
    let other = another(grid)?;
    other.run(&["ask", RELATED], Expect::Answer("inhibits"))?;
    for (name, client) in grid.running() {
        let also = Answer::ask(client, RELATED)?;
        answer.expect_same(&also).map_err(|failure| Failure::new(format!("{name}, after the death of {dead}: {failure}")))?;
        held.expect_same(name, &Held::ask(client)?)?;
        println!("{}", console::green(&format!("✓ {name} answers as {dead} did, and has {}", held.told())));
    }

    heading("Teach it something new while the node is dead: a write waits until the others have a new leader of its shards");
    story::learn(
        &other,
        "Ticagrelor: a drug that reversibly blocks the P2Y12 receptor of platelets",
        "https://doi.org/10.1056/NEJMoa0904327",
        "Wallentin et al., Ticagrelor versus clopidogrel in patients with acute coronary syndromes, 2009",
    )?;
    other.run(&["ask", UNKNOWN], Expect::Answer("P2Y12"))?;
    let learned = Answer::ask(&other, UNKNOWN)?;
    other.run(&["cluster", "status"], Expect::Answer(&format!("node {dead} does not answer")))?;

    heading("The node starts again, and knows what was taught in its absence");
    let phase = console::phase(format!("starting {dead} and waiting until it has caught up"));
    grid.revive(dead)?;
    grid.until("every node has everything again", State::is_whole)?;
    phase.done();
    its.run(&["ask", UNKNOWN], Expect::Answer("P2Y12"))?;
    let held = Held::ask(&other)?;
    for (name, client) in grid.running() {
        let its_own = |failure| Failure::new(format!("{name}, after the return of {dead}: {failure}"));
        answer.expect_same(&Answer::ask(client, RELATED)?).map_err(its_own)?;
        learned.expect_same(&Answer::ask(client, UNKNOWN)?).map_err(its_own)?;
        held.expect_same(name, &Held::ask(client)?)?;
    }
    println!("{}", console::green(&format!("✓ all nodes answer alike again, and have {}", held.told())));
    Ok(())
}

/// A node that runs, and rather another than the one that was talked to until now.
fn another(grid: &Grid) -> Result<Client> {
    let (_, client) = grid.running().last().ok_or_else(|| Failure::new("no node is left"))?;
    Ok(client.clone())
}

/// How much a node has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    concepts: u64,
    associations: u64,
}

impl Held {
    fn ask(client: &Client) -> Result<Self> {
        let reply = client.reply(&["stats"])?;
        Self::read(&reply).ok_or_else(|| Failure::new(format!("`sutra stats` counts nothing:\n{reply:#}")))
    }

    fn read(reply: &Value) -> Option<Self> {
        Some(Self { concepts: reply["concepts"].as_u64()?, associations: reply["edges"].as_u64()? })
    }

    fn told(self) -> String {
        format!("{} concepts and {} associations", self.concepts, self.associations)
    }

    /// Fails if a node has not the same: what was acknowledged is on all of them.
    fn expect_same(self, name: &str, other: &Self) -> Result<()> {
        if self == *other {
            return Ok(());
        }
        Err(Failure::new(format!("{name} has {}; {} were acknowledged", other.told(), self.told())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_missing_write_is_a_failure() {
        let held = |concepts: u64| Held::read(&json!({"concepts": concepts, "edges": 3})).unwrap();
        held(2).expect_same("node-2", &held(2)).unwrap();
        let failure = held(2).expect_same("node-2", &held(1)).unwrap_err().to_string();
        assert_eq!(failure, "node-2 has 1 concepts and 3 associations; 2 concepts and 3 associations were acknowledged");
    }
}
