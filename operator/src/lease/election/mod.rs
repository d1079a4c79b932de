//! Who holds the lease: the decision, without I/O. One request is under way at a time; its answer is the next event.

mod record;
mod timing;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::time::Instant;

pub use record::{Claim, Record, Version};
pub use timing::Timing;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The time that was waited for has come.
    Tick,
    /// The lease was asked for.
    Read(Reading),
    /// A write was tried that was sent at `sent`.
    Written {
        /// When it was sent: not later than the moment at which the API server saw it.
        sent: Instant,
        /// What came of it.
        outcome: Outcome,
    },
    /// The operator is to stop: give the lease back.
    Stop,
}

/// What asking for the lease gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It is there.
    Found(Record),
    /// It is not there.
    Absent,
    /// No answer.
    Failed,
}

/// What came of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The lease is as written.
    Accepted(Record),
    /// It was not at the version to be replaced, or is there although it was to be made, or is gone.
    Conflict,
    /// No answer: it may have been written, or may be still.
    Unknown,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing until then; then [`Event::Tick`].
    Wait(Instant),
    /// Ask for the lease.
    Read,
    /// Write it.
    Write(Claim),
    /// It is over.
    End(End),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The lease was given back, or was not held.
    Released,
    /// The lease was lost.
    Lost(Loss),
}

/// How the lease was lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// It was not renewed in time.
    #[error("the lease could not be renewed in time")]
    Expired,
    /// Somebody else is in it.
    #[error("the lease was taken by {0}")]
    Taken(String),
    /// Somebody emptied it.
    #[error("the lease was emptied by somebody")]
    Emptied,
    /// Somebody deleted it.
    #[error("the lease was deleted by somebody")]
    Deleted,
}

/// One that wants the lease.
#[derive(Debug)]
pub struct Election {
    /// Nobody else has it: a holder that finds it in the lease still holds it.
    identity: String,
    timing: Timing,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Watching(Seen),
    Holding(Hold),
    Releasing(Release),
    Ended(End),
}

/// What was seen last, and since when it has not changed.
#[derive(Debug)]
enum Seen {
    Nothing,
    /// It is being made.
    Absent,
    There {
        record: Record,
        since: Instant,
    },
}

#[derive(Debug)]
struct Hold {
    version: Version,
    transitions: i32,
    /// Two thirds of the duration after the last accepted write was sent.
    until: Instant,
    /// Always before `until`, unless renewals fail.
    renew_at: Instant,
}

#[derive(Debug)]
struct Release {
    version: Version,
    transitions: i32,
    attempts: u32,
}

/// How often giving the lease back is tried: the next one takes it anyway, only later.
const RELEASES: u32 = 3;

impl Election {
    /// One that wants the lease. `identity` is given to no other process, not even to the next one of the same pod.
    #[must_use]
    pub fn new(identity: String, timing: Timing) -> Self {
        Self { identity, timing, phase: Phase::Watching(Seen::Nothing) }
    }

    /// Until when the lease is held; `None`: it is not.
    #[must_use]
    pub fn held_until(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Holding(hold) => Some(hold.until),
            _ => None,
        }
    }

    /// Who else holds the lease, as far as is known.
    #[must_use]
    pub fn other_holder(&self) -> Option<&str> {
        match &self.phase {
            Phase::Watching(Seen::There { record, .. }) => record.holder.as_deref().filter(|holder| *holder != self.identity),
            _ => None,
        }
    }

    /// Takes what happened by `now`, and says what to do next.
    pub fn step(&mut self, event: Event, now: Instant) -> Action {
        // A holder whose time is over is none any more, whatever the event says: another may hold it by now.
        if let Phase::Holding(hold) = &self.phase
            && now >= hold.until
        {
            return self.end(End::Lost(Loss::Expired));
        }
        match &self.phase {
            Phase::Watching(_) => self.watching(event, now),
            Phase::Holding(_) => self.holding(event, now),
            Phase::Releasing(_) => self.releasing(event),
            Phase::Ended(end) => Action::End(end.clone()),
        }
    }

    fn watching(&mut self, event: Event, now: Instant) -> Action {
        match event {
            Event::Tick => Action::Read,
            Event::Read(Reading::Failed) => Action::Wait(now + self.timing.poll()),
            Event::Read(Reading::Absent) => self.saw_nobody(),
            Event::Read(Reading::Found(record)) => self.saw(record, now),
            Event::Written { sent, outcome: Outcome::Accepted(record) } => self.took(record, sent, now),
            Event::Written { .. } => Action::Wait(now + self.timing.retry()),
            Event::Stop => self.end(End::Released),
        }
    }

    /// The lease may have been deleted under a holder that does not know it yet, and "it is not there" is no version that a late request
    /// could be recognised by. So to make it is not to hold it: whoever makes it waits as everybody does who sees it.
    fn saw_nobody(&mut self) -> Action {
        self.phase = Phase::Watching(Seen::Absent);
        Action::Write(self.claim(None, 0))
    }

    fn saw(&mut self, record: Record, now: Instant) -> Action {
        let since = match &self.phase {
            Phase::Watching(Seen::There { record: known, since }) if known.version == record.version => *since,
            _ => now,
        };
        // A record with one's own name is waited for too: it may be the one that was made, which nobody holds.
        let (free_at, transitions) = match &record.holder {
            Some(holder) => {
                let changes = i32::from(*holder != self.identity);
                (since + record.duration.max(self.timing.duration()), record.transitions.saturating_add(changes))
            }
            None => (since, record.transitions.saturating_add(1)),
        };
        let action = if now < free_at {
            Action::Wait(free_at.min(now + self.timing.poll()))
        } else {
            Action::Write(self.claim(Some(record.version.clone()), transitions))
        };
        self.phase = Phase::Watching(Seen::There { record, since });
        action
    }

    fn took(&mut self, record: Record, sent: Instant, now: Instant) -> Action {
        if matches!(self.phase, Phase::Watching(Seen::Absent)) {
            return self.saw(record, now);
        }
        let (until, renew_at) = (sent + self.timing.deadline(), sent + self.timing.renew());
        let hold = Hold { version: record.version, transitions: record.transitions, until, renew_at };
        // The answer took so long that the time is over already.
        if now >= hold.until {
            return Action::Read;
        }
        let action = Action::Wait(hold.renew_at);
        self.phase = Phase::Holding(hold);
        action
    }

    fn holding(&mut self, event: Event, now: Instant) -> Action {
        let (timing, identity) = (self.timing, &self.identity);
        let Phase::Holding(hold) = &mut self.phase else { return Action::Wait(now) };
        match event {
            Event::Tick if now < hold.renew_at => Action::Wait(hold.renew_at.min(hold.until)),
            Event::Tick => Self::renewal(identity, timing, hold),
            Event::Written { sent, outcome: Outcome::Accepted(record) } => {
                hold.version = record.version;
                hold.until = hold.until.max(sent + timing.deadline());
                hold.renew_at = sent + timing.renew();
                Action::Wait(hold.renew_at.min(hold.until))
            }
            Event::Written { outcome: Outcome::Conflict, .. } => Action::Read,
            Event::Written { outcome: Outcome::Unknown, .. } | Event::Read(Reading::Failed) => {
                hold.renew_at = now + timing.retry();
                Action::Wait(hold.renew_at.min(hold.until))
            }
            Event::Read(Reading::Found(record)) => match record.holder {
                // A renewal whose answer was lost. It extends nothing until one is answered.
                Some(holder) if holder == *identity => {
                    hold.version = record.version;
                    hold.transitions = record.transitions;
                    Self::renewal(identity, timing, hold)
                }
                Some(holder) => self.end(End::Lost(Loss::Taken(holder))),
                None => self.end(End::Lost(Loss::Emptied)),
            },
            Event::Read(Reading::Absent) => self.end(End::Lost(Loss::Deleted)),
            Event::Stop => {
                let release = Release { version: hold.version.clone(), transitions: hold.transitions, attempts: 1 };
                let action = Self::give_back(timing, &release);
                self.phase = Phase::Releasing(release);
                action
            }
        }
    }

    fn releasing(&mut self, event: Event) -> Action {
        let (timing, identity) = (self.timing, &self.identity);
        let Phase::Releasing(release) = &mut self.phase else { return Action::End(End::Released) };
        match event {
            Event::Written { outcome: Outcome::Conflict | Outcome::Unknown, .. } if release.attempts < RELEASES => Action::Read,
            Event::Read(Reading::Found(record)) if record.holder.as_ref() == Some(identity) && release.attempts < RELEASES => {
                release.version = record.version;
                release.attempts += 1;
                Self::give_back(timing, release)
            }
            Event::Tick | Event::Stop => Action::Read,
            Event::Written { .. } | Event::Read(_) => self.end(End::Released),
        }
    }

    fn renewal(identity: &str, timing: Timing, hold: &Hold) -> Action {
        Action::Write(Claim {
            over: Some(hold.version.clone()),
            holder: Some(identity.to_owned()),
            transitions: hold.transitions,
            duration: timing.duration(),
        })
    }

    fn give_back(timing: Timing, release: &Release) -> Action {
        Action::Write(Claim {
            over: Some(release.version.clone()),
            holder: None,
            transitions: release.transitions,
            duration: timing.duration(),
        })
    }

    fn claim(&self, over: Option<Version>, transitions: i32) -> Claim {
        Claim { over, holder: Some(self.identity.clone()), transitions, duration: self.timing.duration() }
    }

    fn end(&mut self, end: End) -> Action {
        self.phase = Phase::Ended(end.clone());
        Action::End(end)
    }
}
