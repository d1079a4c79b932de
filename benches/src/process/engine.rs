//! Ourselves again in a process of its own, with a store open: its memory is the engine's, and it can be killed.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use sutra_protocol::{Direction, Knowledge as _};
use sutra_storage::Store;

use super::child::Child;
use crate::engine;
use crate::generator::{Generator, Vectors, load};
use crate::random::Random;

/// What the process is told to do; each order is answered when it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Order {
    /// Teach the generated concepts from the first number to below the second.
    Load {
        first: usize,
        end: usize,
    },
    Checkpoint,
    Compact,
    /// Ask for this many points, neighbourhoods, words and vectors among so many concepts.
    Ask {
        questions: usize,
        among: usize,
    },
    /// Close the store and end.
    Close,
}

/// How much of a store only its log holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tail {
    pub(crate) log_bytes: u64,
    /// What is in no segment yet, as a part of what may be before the engine checkpoints by itself.
    pub(crate) delta: f64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Done(Tail),
    Failed(String),
}

/// The process, seen from outside.
#[derive(Debug)]
pub(crate) struct Engine {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Engine {
    /// Runs this program's hidden command `engine` over `data`, and waits until the store is open.
    pub(crate) fn start(data: &Path, seed: u64) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe().context("find our own program")?);
        command.args(["engine", "--seed", &seed.to_string(), "--data"]).arg(data).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Child::spawn(&mut command)?;
        let orders = child.process().stdin.take().context("the engine cannot be told anything")?;
        let answers = BufReader::new(child.process().stdout.take().context("the engine cannot be heard")?);
        let mut engine = Self { child, orders, answers };
        engine.answer().context("open the store")?;
        Ok(engine)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Gives an order and waits until it is done. Blocking.
    pub(crate) fn order(&mut self, order: Order) -> anyhow::Result<Tail> {
        let mut line = serde_json::to_string(&order)?;
        line.push('\n');
        self.orders.write_all(line.as_bytes()).and_then(|()| self.orders.flush()).context("tell the engine")?;
        self.answer().with_context(|| format!("{order:?}"))
    }

    fn answer(&mut self) -> anyhow::Result<Tail> {
        let mut line = String::new();
        if self.answers.read_line(&mut line).context("hear the engine")? == 0 {
            bail!("the engine's process has ended");
        }
        match serde_json::from_str(&line).with_context(|| format!("understand {line:?}"))? {
            Answer::Done(tail) => Ok(tail),
            Answer::Failed(why) => bail!(why),
        }
    }

    /// Ends it in good order.
    pub(crate) fn close(mut self) -> anyhow::Result<()> {
        self.order(Order::Close)?;
        let status = self.child.wait(Duration::from_secs(60))?;
        anyhow::ensure!(status.success(), "the engine ended with {status}");
        Ok(())
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(self) -> anyhow::Result<()> {
        self.child.kill()
    }
}

/// Obeys orders on standard input until it is closed.
pub(crate) async fn serve(data: &Path, seed: u64) -> anyhow::Result<()> {
    let store = engine::open(data).await?;
    let generator = Generator::new(seed, true);
    answer(&Ok(engine::tail(&store)))?;
    for line in io::stdin().lock().lines() {
        let order: Order = serde_json::from_str(&line?).context("understand an order")?;
        let done = obey(&store, &generator, order).await.map(|()| engine::tail(&store));
        answer(&done)?;
        if order == Order::Close {
            return Ok(());
        }
    }
    Ok(())
}

async fn obey(store: &Store, generator: &Generator, order: Order) -> anyhow::Result<()> {
    match order {
        Order::Load { first, end } => load(store, generator, first..end).await.map(drop),
        Order::Checkpoint => engine::checkpoint(store).await,
        Order::Compact => engine::compact(store).await,
        Order::Ask { questions, among } => ask(store, generator, questions, among),
        Order::Close => {
            store.close().await;
            Ok(())
        }
    }
}

/// What users do: the memory of a store that nobody reads would flatter it.
fn ask(store: &Store, generator: &Generator, questions: usize, among: usize) -> anyhow::Result<()> {
    let vectors = Vectors::new(0);
    let mut random = Random::of(0, 0x20, 0);
    for question in 0..questions {
        let view = engine::view(store, generator.namespace())?;
        let id = generator.id(random.below(among));
        let concept = view.concept(id).with_context(|| format!("concept {id} is not there"))?;
        view.expand(&[id], Direction::Both, &Default::default());
        if let Some(word) = concept.content.split(' ').next_back() {
            view.search(word, 10, &|_| true)?;
        }
        engine::nearest(&view, &vectors.question(question), 10, None)?;
    }
    Ok(())
}

fn answer(done: &anyhow::Result<Tail>) -> anyhow::Result<()> {
    let answer = match done {
        Ok(tail) => Answer::Done(*tail),
        Err(error) => Answer::Failed(format!("{error:#}")),
    };
    let mut line = serde_json::to_string(&answer)?;
    line.push('\n');
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).context("answer an order")
}
