//! Concepts that one caller alone writes to, one thing after another, on whatever node: the grid has to say and to hold what one store says
//! and holds that was asked the same.

use std::sync::{Arc, Mutex};

use sutra_disk::{Random, SimulatedDisk};
use sutra_grid::{Performed, Reading, Repeat, Router, View};
use sutra_protocol::command::{Command, Operation, Outcome, Rejection, RequestKey};
use sutra_storage::{Store, StoreConfig};
use tokio::time::{Duration, Instant, sleep};

use super::author::{Author, Subject};
use super::picture::{Picture, timeless_outcome};
use super::scene::{Fate, Scene, Token, command, view};
use crate::cluster::LIMIT;

/// After so many commands something else is written about.
const MOST: u64 = 25;

/// One store that has everything.
struct Alone(Router);

impl Alone {
    async fn open() -> Self {
        let disk = Arc::new(SimulatedDisk::new(0));
        let config = StoreConfig { disk, ..StoreConfig::at("/alone") };
        let store = tokio::task::spawn_blocking(|| Store::open(config).unwrap()).await.unwrap();
        Self(Router::alone(store))
    }

    /// What there is to be seen of a subject once all of these are done.
    async fn after(done: Vec<Command>, subject: Subject) -> Picture {
        let alone = Self::open().await;
        for command in done {
            alone.perform(command).await;
        }
        let picture = alone.picture(&subject);
        alone.close().await;
        picture
    }

    async fn perform(&self, command: Command) -> Vec<Result<Outcome, Rejection>> {
        let performed = self.0.perform(command, Repeat::Unsafe, Instant::now() + LIMIT).await.unwrap();
        performed.done.into_iter().map(|done| done.unwrap().outcome).collect()
    }

    fn picture(&self, subject: &Subject) -> Picture {
        Picture::of(&view(&self.0, &subject.namespace, Reading::default()), subject)
    }

    async fn close(self) {
        for store in self.0.stores() {
            store.close().await;
        }
    }
}

/// What is written about.
struct World {
    name: String,
    subject: Subject,
    alone: Alone,
    /// What was done, operation by operation.
    done: Vec<Command>,
    asked: u64,
}

/// One that is written about no more.
struct Left {
    name: String,
    subject: Subject,
    done: Vec<Command>,
    /// Every way in which the last command may have been carried out.
    ways: Vec<Vec<Operation>>,
    last: Option<Command>,
}

/// Those that were left. Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub(super) struct Worlds(Arc<Mutex<Vec<Left>>>);

impl World {
    async fn new(name: String) -> Self {
        let subject = Subject::new("worlds", &name);
        Self { name, subject, alone: Alone::open().await, done: Vec::new(), asked: 0 }
    }

    /// The next thing that is asked.
    fn next(&mut self, random: &mut Random) -> Command {
        self.asked += 1;
        let mut operations = Vec::new();
        if random.one_in(5) {
            // Where there are several, they are done in any order: none is about anything that another is about.
            for at in 0..2 + random.below(3) {
                let contents = ["statement", "thing"].map(|what| format!("{} {what} {}.{at}", self.name, self.asked));
                let [content, target] = &contents;
                operations.push(Author { random, subject: &self.subject }.statement([content, target]));
                self.subject.contents.extend(contents);
            }
        } else {
            operations.push(Author { random, subject: &self.subject }.operation());
        }
        let request = random.one_in(3).then(|| RequestKey { key: format!("{} {}", self.name, self.asked), digest: 1 });
        command(&self.subject.namespace, &self.name, request, operations)
    }

    /// Does what was answered, and compares the answers.
    async fn follow(&mut self, command: &Command, performed: &Performed) {
        for (operation, done) in command.operations.iter().zip(&performed.done) {
            let Ok(done) = done else { continue };
            if done.outcome.as_ref().is_err_and(Rejection::is_undecided) {
                continue;
            }
            let one = alone(command, operation);
            let expected = self.alone.perform(one.clone()).await.remove(0);
            assert_eq!(
                timeless_outcome(done.outcome.clone()),
                timeless_outcome(expected),
                "what the grid and one store say of {operation:?} of {:?}, after\n{}",
                command.request,
                told(&self.done)
            );
            self.done.push(one);
        }
    }

    fn assert_shown(&self, several: &Picture, why: &str) {
        let one = self.alone.picture(&self.subject);
        assert!(*several == one, "{why}:\n{}after\n{}", several.difference(&one), told(&self.done));
    }

    /// It is written about no more, after a command of which not everything was answered.
    async fn leave(self, last: Option<(Command, Performed)>, worlds: &Worlds) {
        let ways = last.as_ref().map_or_else(|| vec![Vec::new()], |(command, performed)| ways(command, performed));
        self.alone.close().await;
        let last = last.map(|(command, _)| command);
        let left = Left { name: self.name, subject: self.subject, done: self.done, ways, last };
        worlds.0.lock().unwrap().push(left);
    }
}

/// Which operations of a command may have been carried out, beside those that were answered.
fn ways(command: &Command, performed: &Performed) -> Vec<Vec<Operation>> {
    let fates: Vec<Fate> = performed.done.iter().map(Fate::of).collect();
    let mut ways = vec![Vec::new()];
    if command.request.is_some() {
        // It is remembered as a whole, or not.
        if fates.contains(&Fate::Stored) {
            ways.clear();
        }
        ways.push(command.operations.clone());
        return ways;
    }
    for (operation, fate) in command.operations.iter().zip(fates) {
        let with = ways.iter().map(|way| [&way[..], std::slice::from_ref(operation)].concat()).collect::<Vec<_>>();
        match fate {
            Fate::Absent | Fate::Done => {}
            Fate::Stored => ways = with,
            Fate::Open => ways.extend(with),
        }
    }
    ways
}

impl Worlds {
    /// Writes about one world after another.
    pub(super) async fn write_on(self, scene: Scene, writer: usize, mut random: Random) {
        let mut token = Token::default();
        let mut number = 0;
        while !scene.is_over() {
            number += 1;
            let mut world = World::new(format!("w{writer}.{number}")).await;
            let last = loop {
                if world.asked >= MOST || scene.is_over() {
                    break None;
                }
                let command = world.next(&mut random);
                let performed = perform(&scene, &command, &token, &mut random).await;
                token.merge(performed.seen.iter().copied());
                let fates: Vec<Fate> = performed.done.iter().map(Fate::of).collect();
                world.follow(&command, &performed).await;
                if fates.iter().any(|fate| matches!(fate, Fate::Open | Fate::Stored)) {
                    break Some((command, performed));
                }
                // Whoever has the token sees all of it, wherever; and whoever has caught up, without one.
                let host = scene.host(&mut random).await;
                let is_strong = random.one_in(3);
                let caught_up = if is_strong { host.caught_up().await } else { None };
                let is_there = if is_strong { caught_up.is_some() } else { host.has_reached(&token).await };
                let reading = if is_strong { host.strongly(caught_up.unwrap_or_default()) } else { host.seeing(&token) };
                let shown = host.read(&world.subject.namespace, reading, |view| Picture::of(view, &world.subject));
                // The next may be long in coming, and this node could not be started again while it is held here.
                drop(host);
                if let Some(shown) = shown.filter(|_| is_there) {
                    let who = if is_strong { "whoever has caught up" } else { "whoever has the token" };
                    let why = format!("shown to {who} after {fates:?} of {command:?} with {token:?}");
                    world.assert_shown(&shown, &why);
                }
                if command.request.is_some() && fates.iter().all(|fate| *fate == Fate::Done) && random.one_in(3) {
                    repeat(&scene, &command, &performed, &mut random).await;
                }
                sleep(Duration::from_millis(random.below(8))).await;
            };
            world.leave(last, &self).await;
        }
    }

    /// That at rest each is as it has to be.
    pub(super) async fn assert_kept(self, view: View) {
        let left = std::mem::take(&mut *self.0.lock().unwrap());
        for one in left {
            let shown = Picture::of(&view, &one.subject);
            let mut expected = Vec::new();
            for way in &one.ways {
                let mut done = one.done.clone();
                // There is none without a last command.
                done.extend(one.last.iter().flat_map(|last| way.iter().map(|operation| alone(last, operation))));
                expected.push(Alone::after(done, one.subject.clone()).await);
                if expected.last() == Some(&shown) {
                    break;
                }
            }
            let differences: Vec<String> = expected.iter().map(|one| shown.difference(one)).collect();
            assert!(
                differences.iter().any(String::is_empty),
                "{} in the end, compared with every way in which the last command may have been done:\n{}after\n{}and\n{}",
                one.name,
                differences.join("or\n"),
                told(&one.done),
                told(one.last.as_slice())
            );
        }
        assert!(view.missing().is_empty(), "{:?}", view.missing());
    }
}

fn told(commands: &[Command]) -> String {
    commands.iter().map(|command| format!("{:?} {:?}\n", command.request, command.operations)).collect()
}

/// One operation of a command.
fn alone(command: &Command, operation: &Operation) -> Command {
    Command { request: None, operations: vec![operation.clone()], ..command.clone() }
}

/// Has it done somewhere; with a request key, until somebody answers.
async fn perform(scene: &Scene, command: &Command, token: &Token, random: &mut Random) -> Performed {
    let mut best: Option<Performed> = None;
    let least = |performed: &Performed| performed.done.iter().map(Fate::of).min();
    loop {
        let host = scene.host(random).await;
        // What it means is told by all that was acknowledged, or at least by all that whoever asks has seen.
        let planning = if random.one_in(2) {
            host.has_reached(token).await.then(|| host.seeing(token))
        } else {
            host.ready_to_write().await.map(|here| host.strongly(here))
        };
        if let Some(planning) = planning {
            let remembered = match &command.request {
                Some(request) if best.is_some() => host.remembered(&command.namespace, request).await,
                _ => None,
            };
            let performed = match remembered {
                Some(performed) => performed,
                None => host.perform_seeing(command, planning).await,
            };
            // What was open before stays so if it is refused now.
            if best.as_ref().is_none_or(|best| least(&performed) > least(best)) {
                best = Some(performed);
            }
        }
        let may_repeat = command.request.is_some() && !scene.is_over();
        match &best {
            Some(performed) if !may_repeat || least(performed) == Some(Fate::Done) => return performed.clone(),
            _ => sleep(Duration::from_millis(random.below(10))).await,
        }
    }
}

/// Asks again for what was answered: it is done no second time, and answered as the first.
async fn repeat(scene: &Scene, command: &Command, first: &Performed, random: &mut Random) {
    let again = scene.host(random).await.perform(command).await;
    for (first, again) in first.done.iter().zip(&again.done) {
        if let (Ok(first), Ok(again)) = (first, again) {
            assert_eq!(first.outcome, again.outcome, "asked again for {command:?}");
        }
    }
}
