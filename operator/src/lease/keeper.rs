//! The API server's side of an election: asks for the lease, writes it, waits.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, PostParams};
use kube::{Client, Error};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use super::election::{Action, Claim, Election, End, Event, Outcome, Reading, Timing};
use super::leadership::{Announcer, Leadership};
use super::record;
use crate::chain::chain;
use crate::config::LeaseConfig;

/// Longest time that a request for the lease may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Keeps one operator in the election.
pub struct Keeper {
    api: Api<Lease>,
    name: String,
    timing: Timing,
    identity: String,
    election: Election,
    announcer: Announcer,
    stop: CancellationToken,
    /// As last read or written: a write carries over what others put on it.
    stored: Option<Lease>,
    reported: Reported,
}

/// What was said last, so that it is said once.
#[derive(Default)]
struct Reported {
    fault: Option<String>,
    other: Option<String>,
}

impl Keeper {
    /// One that wants the lease as soon as it runs, and gives it back when `stop` is cancelled. `client` is not fenced: it is what the
    /// fence depends on.
    #[must_use]
    pub fn new(client: Client, namespace: &str, config: &LeaseConfig, stop: CancellationToken) -> (Self, Leadership) {
        // The name of a pod is that of its next process too, which must not take itself for the one before.
        let identity = format!("{}_{}", config.identity, Uuid::new_v4().simple());
        let timing = Timing::new(config.duration, config.renew);
        let (announcer, leadership) = Leadership::new();
        let keeper = Self {
            api: Api::namespaced(client, namespace),
            name: config.name.clone(),
            timing,
            election: Election::new(identity.clone(), timing),
            identity,
            announcer,
            stop,
            stored: None,
            reported: Reported::default(),
        };
        (keeper, leadership)
    }

    /// Runs until the lease was lost or given back.
    pub async fn run(mut self) -> End {
        let mut event = Event::Tick;
        loop {
            let held = self.election.held_until().is_some();
            let action = self.election.step(event, Instant::now());
            // Before the action: what gives the lease back is sent by one that no longer holds it.
            self.announcer.announce(self.election.held_until());
            self.report(held);
            event = match action {
                Action::End(end) => return end,
                Action::Wait(until) => self.wait(until).await,
                Action::Read => Event::Read(self.read().await),
                Action::Write(claim) => {
                    let sent = Instant::now();
                    Event::Written { sent, outcome: self.write(&claim).await }
                }
            };
        }
    }

    async fn wait(&self, until: Instant) -> Event {
        tokio::select! {
            () = tokio::time::sleep_until(until.into()) => Event::Tick,
            () = self.stop.cancelled() => Event::Stop,
        }
    }

    /// No request outlives the time for which the lease is held: its end must be noticed.
    fn patience(&self) -> Duration {
        let left = self.election.held_until().map_or(PATIENCE, |until| until.saturating_duration_since(Instant::now()));
        left.min(PATIENCE).min(self.timing.renew())
    }

    async fn read(&mut self) -> Reading {
        match timeout(self.patience(), self.api.get_opt(&self.name)).await {
            Ok(Ok(Some(lease))) => {
                self.recovered();
                let record = record::read(&lease);
                self.stored = Some(lease);
                Reading::Found(record)
            }
            Ok(Ok(None)) => {
                self.recovered();
                self.stored = None;
                Reading::Absent
            }
            Ok(Err(error)) => {
                self.failed("read", &chain(&error));
                Reading::Failed
            }
            Err(_) => {
                self.failed("read", "no answer in time");
                Reading::Failed
            }
        }
    }

    async fn write(&mut self, claim: &Claim) -> Outcome {
        let lease = record::write(&self.name, claim, self.stored.as_ref(), Timestamp::now());
        let parameters = PostParams::default();
        let answer = match claim.over {
            Some(_) => timeout(self.patience(), self.api.replace(&self.name, &parameters, &lease)).await,
            None => timeout(self.patience(), self.api.create(&parameters, &lease)).await,
        };
        match answer {
            Ok(Ok(lease)) => {
                self.recovered();
                let record = record::read(&lease);
                self.stored = Some(lease);
                Outcome::Accepted(record)
            }
            Ok(Err(Error::Api(status))) if status.code == 409 => Outcome::Conflict,
            // Deleted since it was read. To make one is answered so if there is no such namespace: that is a fault.
            Ok(Err(Error::Api(status))) if status.code == 404 && claim.over.is_some() => Outcome::Conflict,
            Ok(Err(error)) => {
                self.failed("write", &chain(&error));
                Outcome::Unknown
            }
            Err(_) => {
                self.failed("write", "no answer in time");
                Outcome::Unknown
            }
        }
    }

    fn report(&mut self, held: bool) {
        match self.election.held_until() {
            Some(_) if !held => info!(lease = %self.name, identity = %self.identity, "holds the lease: this operator acts"),
            _ => {}
        }
        let other = self.election.other_holder();
        if other != self.reported.other.as_deref() {
            if let Some(holder) = other {
                info!(lease = %self.name, holder, "another operator holds the lease: this one waits");
            }
            self.reported.other = other.map(Into::into);
        }
    }

    fn failed(&mut self, what: &str, fault: &str) {
        let fault = format!("{what}: {fault}");
        if self.reported.fault.as_ref() != Some(&fault) {
            warn!(lease = %self.name, fault, "the lease cannot be asked for or written; trying again");
            self.reported.fault = Some(fault);
        }
    }

    fn recovered(&mut self) {
        if self.reported.fault.take().is_some() {
            info!(lease = %self.name, "the lease can be asked for and written again");
        }
    }
}
