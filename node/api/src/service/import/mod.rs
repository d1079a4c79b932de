//! `POST /v1/import`.
//!
//! ```text
//!   line ─→ concept ──────────────────────────────→ outbox ─ 1000 operations ─→ ≤ 16 commands in flight ─→ store
//!      └──→ associations ─→ both ends known? ─ yes ─→ ↑                                │
//!                              │ no                  │                                 │ an end is gone after all
//!                              └─→ open, until its concept comes, else at the end ←────┘
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | `line` | parses a line |
//! | `open` | associations that wait for a concept |
//! | `flight` | commands on their way |
//! | `tally` | counts and errors |

use std::collections::HashSet;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use serde_json::json;
use tokio::time::Instant;

use sutra_grid::{Done, Performed, Reading, RouteError, View};
use sutra_learning::{Draft, Outline, Overlay, Planner, Reference, Refusal};
use sutra_protocol::command::{Learn, NewAssociation, NewConcept, Operation, Outcome, Rejection};
use sutra_protocol::http::{ImportReport, LearnRequest, TransferLine};
use sutra_protocol::{ApiError, ErrorCode, Knowledge, Namespace, Wanted};
use sutra_storage::SubmitError;

use self::flight::{Flight, Landed, Origin};
use self::open::{Loose, Open};
use self::tally::Tally;
use super::deed::{associate_names, learn_names};
use super::pinned::Pinned;
use super::{Caller, Service, Token, fault, submit};

mod flight;
mod line;
mod open;
mod tally;

/// Most operations of a command.
const OPERATIONS: usize = 1_000;
/// Operations with which a command departs; a line adds several, so it leaves some room.
const DEPARTURE: usize = 900;
/// Bytes of lines with which a command departs.
const BYTES: usize = 2 << 20;
/// Most commands in flight: while some are written, others are applied, and others prepared. The store packs those that wait into one
/// entry, and the more an entry holds the fewer copies of its index nodes are made for it.
const FLIGHTS: usize = 16;
/// How long a line waits for others to depart with.
const PATIENCE: Duration = Duration::from_secs(1);
/// Associations that wait for what is on its way, beyond which that is waited for.
const LATER: usize = 4 * OPERATIONS;
/// How often an association is looked up again after the store found one of its ends gone.
const SETBACKS: u8 = 3;

/// A running import. Lines go in one by one; a `push` that waits for the store is the back-pressure.
pub struct Importer {
    service: Service,
    caller: Caller,
    namespace: Namespace,
    /// Newest state; together with `overlay` it shows all that was planned so far.
    view: Option<Pinned>,
    /// Whether what the next lines name is looked up already.
    is_prepared: bool,
    overlay: Overlay,
    generation: u64,
    /// Targets that this generation's operations create.
    targets: HashSet<sutra_protocol::ConceptId>,
    operations: Vec<Operation>,
    /// One for each of `operations`.
    origins: Vec<Origin>,
    /// About the size of `operations`.
    bytes: usize,
    /// When the oldest of `operations` was planned.
    oldest: Option<Instant>,
    flights: FuturesOrdered<Flight>,
    open: Open,
    /// Associations of what is on its way: where there are several shards, they depart once that is seen.
    later: Vec<Loose>,
    tally: Tally,
    /// Entries after which all that has landed is seen.
    seen: Token,
}

impl Service {
    /// Begins an import into `namespace`. An `Idempotency-Key` is not needed, nor looked at: ids come from content, so importing the
    /// same lines again changes nothing.
    ///
    /// # Errors
    /// `permission_denied`.
    pub fn import(&self, caller: Caller, namespace: Namespace) -> Result<Importer, ApiError> {
        submit::writable(&namespace)?;
        let mut overlay = Overlay::default();
        overlay.begin(1);
        Ok(Importer {
            service: self.clone(),
            caller,
            namespace,
            view: None,
            is_prepared: false,
            overlay,
            generation: 1,
            targets: HashSet::new(),
            operations: Vec::new(),
            origins: Vec::new(),
            bytes: 0,
            oldest: None,
            flights: FuturesOrdered::new(),
            open: Open::default(),
            later: Vec::new(),
            tally: Tally::new(),
            seen: Token::default(),
        })
    }
}

impl Importer {
    /// What is looked at to say what lines mean. An import has all the time it needs.
    fn planning(&self) -> Reading {
        Reading { until: None, ..self.caller.planning() }
    }

    /// Says which lines come next, so that what they name on other nodes is looked up at once. Nothing depends on it.
    pub fn prepare<'a>(&mut self, lines: impl IntoIterator<Item = &'a [u8]>) {
        if std::mem::replace(&mut self.is_prepared, true) {
            return;
        }
        let namespace = self.namespace.clone();
        let Ok(state) = self.state() else { return };
        // What is in the way of it is in the way of the lines too, which say so.
        let _ = state.read(|view| {
            if view.is_elsewhere() {
                let mut wanted = Wanted::default();
                for line in lines {
                    match line::parse(line) {
                        Ok(Some(TransferLine::Learn(request))) => learn_names(&request, &namespace, &mut wanted),
                        Ok(Some(TransferLine::Associate(request))) => associate_names(&request, &namespace, &mut wanted),
                        Ok(None) | Err(_) => {}
                    }
                }
                view.prepare(&wanted);
            }
            Ok(())
        });
    }

    /// Whether it has another state to look at than when lines were prepared last.
    pub fn is_unprepared(&self) -> bool {
        // Before the first line it is not known yet how far a look has to see.
        !self.is_prepared && self.tally.lines > 0
    }

    /// Takes the next line, without its line feed. A bad line is an error in the report.
    ///
    /// # Errors
    /// `unavailable` if the store takes nothing any more: the import is over.
    pub async fn push(&mut self, line: &[u8]) -> Result<(), ApiError> {
        if self.tally.lines == 0 {
            self.service.ready_to_write(&self.caller).await?;
        }
        self.tally.lines += 1;
        let at = self.tally.lines;
        match self.take(at, line) {
            Ok(()) => {}
            Err(error) => self.tally.fail(at, &error),
        }
        while self.open.is_full()
            && let Some(oldest) = self.open.oldest()
        {
            self.settle_or_fail(oldest);
        }
        let is_late = self.later.len() >= LATER;
        if is_late || self.operations.len() >= DEPARTURE || self.bytes >= BYTES {
            self.depart().await?;
        }
        if is_late {
            self.follow_up().await?;
        }
        Ok(())
    }

    /// Counts the next line as failed without reading it: one that is longer than a line may be, for instance.
    pub fn refuse(&mut self, code: ErrorCode, message: impl Into<String>) {
        self.tally.lines += 1;
        self.tally.fail(self.tally.lines, &ApiError::new(code, message));
    }

    /// When what is planned departs though it is little: [`Importer::tick`] has to be called then.
    pub fn due(&self) -> Option<Instant> {
        self.oldest.map(|oldest| oldest + PATIENCE)
    }

    /// Sends what has waited long enough, and counts what has come back.
    ///
    /// # Errors
    /// `unavailable` if the store takes nothing any more: the import is over.
    pub async fn tick(&mut self) -> Result<(), ApiError> {
        if self.due().is_some_and(|due| due <= Instant::now()) {
            self.depart().await?;
            self.follow_up().await?;
        }
        self.land_ready().await
    }

    /// Ends before the last line, as [`Importer::finish`] does, with an error in the report for the first line that was not read.
    ///
    /// # Errors
    /// `unavailable` if the store takes nothing any more.
    pub async fn stop(mut self, error: &ApiError) -> Result<(ImportReport, Token), ApiError> {
        self.tally.fail(self.tally.lines + 1, error);
        self.finish().await
    }

    /// What has been done so far (`done: false`).
    pub fn report(&self) -> ImportReport {
        self.tally.report(false)
    }

    /// Waits for what is in flight, looks up what is still open, and ends with the last report (`done: true`).
    ///
    /// # Errors
    /// `unavailable` if the store takes nothing any more.
    pub async fn finish(mut self) -> Result<(ImportReport, Token), ApiError> {
        loop {
            self.depart().await?;
            self.follow_up().await?;
            while let Some(landed) = self.flights.next().await {
                self.land(landed)?;
            }
            if self.operations.is_empty() && self.open.is_empty() && self.later.is_empty() {
                break;
            }
            for loose in self.open.take() {
                self.settle_or_fail(loose);
            }
        }
        let token = self.caller.token.clone().unwrap_or_default().merge(&self.seen).merge(&self.service.seen());
        Ok((self.tally.report(true), token))
    }

    /// Plans what a line teaches.
    fn take(&mut self, at: u64, line: &[u8]) -> Result<(), ApiError> {
        match line::parse(line)? {
            None => Ok(()),
            Some(TransferLine::Learn(request)) => {
                self.check(request.namespace.as_ref())?;
                request.validate()?;
                self.bytes += line.len();
                self.learn(at, &request)
            }
            Some(TransferLine::Associate(request)) => {
                self.check(request.namespace.as_ref())?;
                request.validate()?;
                self.bytes += line.len();
                self.settle(Loose { line: at, draft: Draft::from(&*request), setbacks: 0 })
            }
        }
    }

    fn check(&self, named: Option<&Namespace>) -> Result<(), ApiError> {
        match named {
            Some(named) if *named != self.namespace => {
                let message =
                    format!("namespace is {named}, but this import is into {}; leave it out or import it apart", self.namespace);
                Err(ApiError::invalid("namespace", message))
            }
            _ => Ok(()),
        }
    }

    /// Plans a concept, then what waited for it, then its own associations.
    fn learn(&mut self, at: u64, request: &LearnRequest) -> Result<(), ApiError> {
        let outline = self.plan(|planner| planner.outline(request))?;
        let Outline { concept, subject, on_conflict, drafts, .. } = outline;
        let mut woken = Vec::new();
        if !self.open.is_empty() {
            woken = self.open.wake(&Reference::Id(subject));
            if let Some(key) = &concept.key {
                woken.extend(self.open.wake(&Reference::Key(key.clone())));
            }
        }
        let learn = Learn { concept, on_conflict, targets: Vec::new(), associations: Vec::new() };
        self.put(Operation::Learn(Box::new(learn)), Origin::Concept { line: at });
        let own = drafts.into_iter().map(|draft| Loose { line: at, draft, setbacks: 0 });
        for loose in woken.into_iter().chain(own) {
            let line = loose.line;
            if let Err(error) = self.settle(loose) {
                self.tally.fail(line, &error);
            }
        }
        Ok(())
    }

    /// Plans an association, or lets it wait for what it lacks.
    fn settle(&mut self, loose: Loose) -> Result<(), ApiError> {
        match self.complete(&loose.draft)? {
            Ok(association) if self.waits(&association)? => self.put_off(loose),
            Ok(association) => {
                self.bytes += size_of_val(&association);
                self.put(Operation::Associate(association), Origin::Association(Box::new(loose)));
            }
            Err(missing) => self.open.wait(missing, loose),
        }
        Ok(())
    }

    /// Plans an association, or fails its line.
    fn settle_or_fail(&mut self, loose: Loose) {
        let line = loose.line;
        match self.complete(&loose.draft) {
            Ok(Ok(association)) => match self.waits(&association) {
                Ok(true) => self.put_off(loose),
                Ok(false) => self.put(Operation::Associate(association), Origin::Association(Box::new(loose))),
                Err(error) => self.tally.fail(line, &error),
            },
            Ok(Err(missing)) => {
                let message = format!("an association of this line lacks {missing}, which does not exist");
                self.tally.fail(line, &ApiError::not_found(message));
            }
            Err(error) => self.tally.fail(line, &error),
        }
    }

    /// Whether an association mentions what is still on its way, and has to be seen before: its shard keeps other concepts.
    fn waits(&mut self, association: &NewAssociation) -> Result<bool, ApiError> {
        if self.service.router.shard_count() == 1 {
            return Ok(false);
        }
        let ends = [association.key.source, association.key.target];
        let state = self.state()?;
        state.read(|view| Ok(association.evidence.iter().chain(&ends).any(|id| view.concept(*id).is_none())))
    }

    /// The newest state that is looked at.
    fn state(&mut self) -> Result<&Pinned, ApiError> {
        if self.view.is_none() {
            self.view = Some(self.service.recorded(&self.namespace, None, self.planning())?);
        }
        self.view.as_ref().ok_or_else(|| fault::internal("an import looks at nothing"))
    }

    /// The association of a draft, or what it lacks. A target that has to be created is planned.
    fn complete(&mut self, draft: &Draft) -> Result<Result<sutra_protocol::command::NewAssociation, Reference>, ApiError> {
        // Whatever is not there may still come: that needs no words.
        let complete = self.plan(|planner| match planner.complete(draft) {
            Err(Refusal::NotFound { reference, .. }) => Ok(Err(reference)),
            complete => complete.map(Ok),
        })?;
        let (association, target) = match complete {
            Ok(complete) => complete,
            Err(missing) => return Ok(Err(missing)),
        };
        if let Some(concept) = target.filter(|concept| self.targets.insert(concept.id)) {
            let concept: NewConcept = *concept;
            let learn = Learn { concept, on_conflict: None, targets: Vec::new(), associations: Vec::new() };
            self.put(Operation::Learn(Box::new(learn)), Origin::Target);
        }
        Ok(Ok(association))
    }

    fn plan<T>(&mut self, plan: impl FnOnce(&mut Planner<'_, View>) -> Result<T, Refusal>) -> Result<T, ApiError> {
        let state = match self.view.take() {
            Some(state) => state,
            None => self.service.recorded(&self.namespace, None, self.planning())?,
        };
        let planned = state.read(|view| {
            let planned = plan(&mut Planner::new(&self.namespace, view, &mut self.overlay));
            planned.map_err(|refusal| fault::refusal(&refusal, view, &self.overlay))
        });
        // One that lacks a shard would fail all lines that come.
        if state.is_whole() {
            self.view = Some(state);
        } else {
            self.is_prepared = false;
        }
        planned
    }

    fn put(&mut self, operation: Operation, origin: Origin) {
        self.oldest.get_or_insert_with(Instant::now);
        self.operations.push(operation);
        self.origins.push(origin);
    }

    /// Lets an association wait until what it mentions has been seen.
    fn put_off(&mut self, loose: Loose) {
        self.oldest.get_or_insert_with(Instant::now);
        self.later.push(loose);
    }

    /// Submits everything planned, waiting until there is room in the air.
    async fn depart(&mut self) -> Result<(), ApiError> {
        let mut operations = std::mem::take(&mut self.operations);
        let mut origins = std::mem::take(&mut self.origins);
        let generation = self.generation;
        self.oldest = None;
        if operations.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        self.targets.clear();
        self.generation += 1;
        self.overlay.begin(self.generation);
        while !operations.is_empty() {
            while self.flights.len() >= FLIGHTS
                && let Some(landed) = self.flights.next().await
            {
                self.land(landed)?;
            }
            let later = operations.split_off(operations.len().min(OPERATIONS));
            let later_origins = origins.split_off(operations.len());
            let last = later.is_empty().then_some(generation);
            let mut command = submit::command(&self.caller, &self.namespace, None, operations);
            if let Err(error) = self.service.inform(self.planning(), &mut command) {
                // What departed before is stored.
                return Err(error.with_details(json!({ "outcome": "unknown" })));
            }
            self.flights.push_back(flight::depart(self.service.router.clone(), command, origins, last));
            // A command is queued when it is first polled; left alone, it would wait behind the lines still to come.
            self.land_ready().await?;
            (operations, origins) = (later, later_origins);
        }
        if !self.later.is_empty() {
            self.oldest = Some(Instant::now());
        }
        Ok(())
    }

    /// Plans what waited for what is on its way, once that has landed.
    async fn follow_up(&mut self) -> Result<(), ApiError> {
        if self.later.is_empty() {
            return Ok(());
        }
        while let Some(landed) = self.flights.next().await {
            self.land(landed)?;
        }
        for loose in std::mem::take(&mut self.later) {
            let line = loose.line;
            if let Err(error) = self.settle(loose) {
                self.tally.fail(line, &error);
            }
        }
        Ok(())
    }

    /// Moves what is in flight along, and counts what has come back.
    async fn land_ready(&mut self) -> Result<(), ApiError> {
        while let Some(landed) = poll_fn(|context| match self.flights.poll_next_unpin(context) {
            Poll::Ready(landed) => Poll::Ready(landed),
            Poll::Pending => Poll::Ready(None),
        })
        .await
        {
            self.land(landed)?;
        }
        Ok(())
    }

    /// Counts what a command came to, and looks again where an end was gone.
    fn land(&mut self, landed: Landed) -> Result<(), ApiError> {
        let Landed { origins, performed, generation } = landed;
        if let Some(generation) = generation {
            self.overlay.forget(generation);
        }
        (self.view, self.is_prepared) = (None, false);
        let Performed { done, seen } = match performed {
            Ok(performed) => performed,
            Err(error @ RouteError::Submit(SubmitError::TooLarge { .. })) => {
                let error = fault::route(&error);
                origins.iter().filter_map(line_of).for_each(|line| self.tally.fail(line, &error));
                return Ok(());
            }
            // What departed before is stored, so this is no refusal of the whole.
            Err(error) => return Err(fault::route(&error).with_details(serde_json::json!({ "outcome": "unknown" }))),
        };
        self.seen = std::mem::take(&mut self.seen).merge(&Token::of(seen));
        for (origin, done) in origins.into_iter().zip(done) {
            let outcome = match done {
                Ok(Done { outcome, .. }) => outcome,
                Err(error) => return Err(fault::route(&error).with_details(serde_json::json!({ "outcome": "unknown" }))),
            };
            match (origin, outcome) {
                (Origin::Target, _) => {}
                (Origin::Concept { .. }, Ok(Outcome::Learned { .. })) => self.tally.concepts += 1,
                (Origin::Association(_), Ok(Outcome::Associated { .. })) => self.tally.associations += 1,
                (Origin::Association(mut loose), Err(Rejection::NoConcept { .. })) if loose.setbacks < SETBACKS => {
                    loose.setbacks += 1;
                    let line = loose.line;
                    if let Err(error) = self.settle(*loose) {
                        self.tally.fail(line, &error);
                    }
                }
                (Origin::Association(loose), Err(rejection)) => self.tally.fail(loose.line, &fault::rejection(&rejection)),
                (Origin::Concept { line }, Err(rejection)) => self.tally.fail(line, &fault::rejection(&rejection)),
                (Origin::Concept { line }, Ok(outcome)) => self.tally.fail(line, &submit::unexpected(&outcome)),
                (Origin::Association(loose), Ok(outcome)) => self.tally.fail(loose.line, &submit::unexpected(&outcome)),
            }
        }
        Ok(())
    }
}

fn line_of(origin: &Origin) -> Option<u64> {
    match origin {
        Origin::Concept { line } => Some(*line),
        Origin::Association(loose) => Some(loose.line),
        Origin::Target => None,
    }
}
