//! Remembered requests: the repetition of one gets its first answer.
//!
//! Time is the state's clock, which only rises: what is expired once nobody is told of again. So each replica may forget that when it likes,
//! from the oldest on, and all answer the same.

use std::collections::hash_map::RandomState;
use std::sync::Arc;

use im::{HashMap, Vector};
use sutra_protocol::command::{Applied, Outcome, Rejection, RequestKey};
use sutra_protocol::concept::AttributeValue;
use sutra_protocol::{ConceptId, Namespace, Timestamp};

use crate::manifest::SessionEntry;

/// Most requests that are remembered.
const REQUESTS: usize = 65_536;
/// Most outcomes, of operations and their associations, that are remembered: an import in large batches must not fill the memory.
const OUTCOMES: usize = 1 << 20;
/// How long a request is remembered, in microseconds.
const AGE_MICROS: i64 = 3_600_000_000;

type Key = (Namespace, Arc<str>);

/// Under which key a shard remembers what it made of another's effects. No caller's key holds this character.
pub(crate) fn session_of(origin: u64, number: u64) -> String {
    format!("\u{0}{origin}/{number}")
}

/// Whether what became of an operation may hold text of a concept.
fn quotes(outcome: &Result<Outcome, Rejection>, id: ConceptId) -> bool {
    match outcome {
        Ok(Outcome::Learned { id: learned, associations, .. }) => {
            *learned == id || associations.iter().any(|one| one.key.target == id || one.key.source == id)
        }
        Ok(Outcome::Amended(concept)) => concept.id == id,
        Ok(Outcome::Taken(taken)) => taken.outcomes.iter().any(|outcome| quotes(outcome, id)),
        Ok(_) => false,
        Err(Rejection::KeyTaken { holder, .. }) => *holder == id,
        // Its text is free.
        Err(Rejection::Refused(_)) => true,
        Err(_) => false,
    }
}

/// Requests that came with an `Idempotency-Key`, the newest of the last hour.
#[derive(Clone, Default)]
pub(crate) struct Sessions {
    requests: HashMap<Key, Arc<Session>, RandomState>,
    /// By record time; a key that was used again after its hour stands here twice.
    order: Vector<(Timestamp, Key)>,
    /// Outcomes held by all of `requests`.
    outcomes: usize,
}

/// A remembered request.
pub(crate) struct Session {
    pub(crate) digest: u128,
    pub(crate) applied: Applied,
}

impl Session {
    /// In outcomes; a text counts as one for every 64 bytes.
    fn weight(&self) -> usize {
        self.applied.outcomes.iter().map(|outcome| 1 + extra(outcome)).sum()
    }
}

/// What an outcome weighs above one.
fn extra(outcome: &Result<Outcome, Rejection>) -> usize {
    match outcome {
        Ok(Outcome::Learned { associations, .. }) => {
            associations.iter().map(|one| 1 + one.target_content.len() / 64 + one.evidence.len()).sum()
        }
        Ok(Outcome::Amended(concept)) => {
            let texts = concept.content.len() + concept.aliases.iter().map(|alias| alias.len()).sum::<usize>();
            let value = |value: &AttributeValue| if let AttributeValue::Text(text) = value { text.len() } else { 0 };
            let attributes = concept.attributes.iter().map(|(name, of)| name.len() + value(of) + 64).sum::<usize>();
            let vector = concept.vector.as_ref().map_or(0, |vector| 4 * vector.len());
            (texts + attributes + vector) / 64
        }
        Ok(Outcome::Taken(taken)) => taken.outcomes.iter().map(|outcome| 1 + extra(outcome)).sum(),
        _ => 0,
    }
}

impl Sessions {
    /// The request that used this key within the hour before `now`, which is the state's clock or later.
    pub(crate) fn get(&self, namespace: &Namespace, key: &str, now: Timestamp) -> Option<&Arc<Session>> {
        let session = self.requests.get(&(namespace.clone(), Arc::from(key)))?;
        (now <= session.applied.recorded_at.plus_micros(AGE_MICROS)).then_some(session)
    }

    /// Remembers a request, and forgets the oldest ones beyond the bounds.
    pub(crate) fn remember(&mut self, namespace: &Namespace, request: &RequestKey, applied: &Applied) {
        let now = applied.recorded_at;
        let key = (namespace.clone(), Arc::from(request.key.as_str()));
        let session = Arc::new(Session { digest: request.digest, applied: applied.clone() });
        self.outcomes += session.weight();
        if let Some(old) = self.requests.insert(key.clone(), session) {
            self.outcomes -= old.weight();
        }
        self.order.push_back((now, key));
        self.expire(now);
        // Not by their places: one that is remembered again has two, until a replica is restarted.
        while self.requests.len() > REQUESTS || (self.outcomes > OUTCOMES && self.requests.len() > 1) {
            self.forget_oldest();
        }
    }

    /// Forgets the oldest ones whose hour is over at `now`.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        while self.order.front().is_some_and(|(recorded_at, _)| recorded_at.plus_micros(AGE_MICROS) < now) {
            self.forget_oldest();
        }
    }

    /// Everything that is remembered, oldest first.
    pub(crate) fn entries(&self) -> Vec<SessionEntry> {
        let current = self.order.iter().filter_map(|(recorded_at, key)| {
            let session = self.requests.get(key)?;
            let (namespace, name) = key;
            (session.applied.recorded_at == *recorded_at).then(|| SessionEntry {
                namespace: namespace.clone(),
                key: name.as_ref().into(),
                digest: session.digest,
                applied: session.applied.clone(),
            })
        });
        current.collect()
    }

    /// Remembers what [`Sessions::entries`] told.
    pub(crate) fn restore(entries: Vec<SessionEntry>) -> Self {
        let mut sessions = Self::default();
        for SessionEntry { namespace, key, digest, applied } in entries {
            sessions.remember(&namespace, &RequestKey { key, digest }, &applied);
        }
        sessions
    }

    /// Forgets the requests of a namespace whose answers may quote what is erased.
    pub(crate) fn forget_quoting(&mut self, namespace: &Namespace, erased: ConceptId) {
        let quoting = |session: &Session| session.applied.outcomes.iter().any(|outcome| quotes(outcome, erased));
        let gone: Vec<Key> = self
            .requests
            .iter()
            .filter(|((of, _), session)| of == namespace && quoting(session))
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            if let Some(session) = self.requests.remove(&key) {
                self.outcomes -= session.weight();
            }
            self.order.retain(|(_, other)| *other != key);
        }
    }

    /// Forgets the requests of a namespace that is no more, but for those that other shards have answered: one of them may have removed it.
    pub(crate) fn drop_namespace(&mut self, namespace: &Namespace) {
        let is_kept =
            |session: &Session| session.applied.outcomes.iter().all(|outcome| matches!(outcome, Ok(Outcome::Forwarded(_))));
        let gone = self.requests.iter().filter(|((of, _), session)| of == namespace && !is_kept(session));
        for key in gone.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            if let Some(session) = self.requests.remove(&key) {
                self.outcomes -= session.weight();
            }
        }
        let requests = &self.requests;
        self.order.retain(|(_, key)| key.0 != *namespace || requests.contains_key(key));
    }

    fn forget_oldest(&mut self) {
        let Some((recorded_at, key)) = self.order.pop_front() else { return };
        let same = self.requests.get(&key).is_some_and(|session| session.applied.recorded_at == recorded_at);
        if same && let Some(session) = self.requests.remove(&key) {
            self.outcomes -= session.weight();
        }
    }
}

#[cfg(test)]
mod tests {
    use sutra_protocol::command::{LearnedAssociation, LogIndex};
    use sutra_protocol::{Evidence, Ground};

    use super::*;

    fn remember(sessions: &mut Sessions, key: &str, micros: i64) {
        let recorded_at = Timestamp::from_micros(micros);
        let applied = Applied {
            index: LogIndex(1),
            recorded_at,
            repeated: false,
            outcomes: vec![Ok(Outcome::Dissociated { deleted: true })],
            sent: None,
        };
        sessions.remember(&Namespace::default(), &RequestKey { key: key.into(), digest: 1 }, &applied);
    }

    #[test]
    fn a_request_is_remembered_for_an_hour() {
        let mut sessions = Sessions::default();
        remember(&mut sessions, "order-7", 0);
        let get = |sessions: &Sessions, micros| {
            sessions.get(&Namespace::default(), "order-7", Timestamp::from_micros(micros)).is_some()
        };
        assert!(get(&sessions, AGE_MICROS));
        assert!(!get(&sessions, AGE_MICROS + 1));
        remember(&mut sessions, "order-8", AGE_MICROS + 1);
        assert_eq!((sessions.requests.len(), sessions.order.len(), sessions.outcomes), (1, 1, 1));
    }

    #[test]
    fn what_is_forgotten_early_makes_no_difference_to_what_is_told() {
        /// So that the oldest are forgotten since there are too many.
        const MANY: usize = REQUESTS / 3;
        for seed in 0..2 {
            let random = &mut sutra_disk::Random::new(seed);
            let (mut eager, mut lazy) = (Sessions::default(), Sessions::default());
            let mut clock = 0;
            for round in 0..6 {
                // Some come later than another that was stamped after them.
                let late = random.below(AGE_MICROS as u64 / 8) as i64;
                for at in 0..1 + random.below(MANY as u64) as i64 {
                    let key = format!("order-{}", random.below(2 * MANY as u64));
                    let micros = (clock + at - late * (at % 2)).max(0);
                    remember(&mut eager, &key, micros);
                    remember(&mut lazy, &key, micros);
                }
                clock += random.below(AGE_MICROS as u64) as i64;
                eager.expire(Timestamp::from_micros(clock));
                for at in 0..2 * MANY {
                    let [told, other] = [&eager, &lazy].map(|sessions| {
                        let session = sessions.get(&Namespace::default(), &format!("order-{at}"), Timestamp::from_micros(clock));
                        session.map(|session| session.applied.recorded_at)
                    });
                    assert_eq!(told, other, "seed {seed}, round {round}, order {at}");
                }
            }
        }
    }

    #[test]
    fn what_is_remembered_again_counts_once_as_after_a_restart() {
        let mut sessions = Sessions::default();
        for (at, key) in ["first", "twice", "twice"].into_iter().enumerate() {
            remember(&mut sessions, key, at as i64);
        }
        for at in 2..REQUESTS {
            remember(&mut sessions, &format!("order-{at}"), 1 + at as i64);
        }
        let now = Timestamp::from_micros(REQUESTS as i64);
        let restarted = Sessions::restore(sessions.entries());
        for sessions in [sessions, restarted] {
            assert!(sessions.get(&Namespace::default(), "first", now).is_some(), "there are no more than may be remembered");
        }
    }

    #[test]
    fn evidence_weighs_in_what_is_remembered() {
        let evidence = |count: usize| {
            let rests_on = Evidence { ground: Ground::AssertedBy("dr.rao".into()), confidence: 0.5 };
            let association = LearnedAssociation {
                key: crate::fixture::key("aspirin", "treats", "headache"),
                target_content: "headache".into(),
                confidence: 0.5,
                evidence: vec![rests_on; count],
            };
            let learned = Outcome::Learned {
                id: crate::fixture::id("aspirin"),
                created: true,
                semantic_type: Default::default(),
                associations: vec![association],
            };
            extra(&Ok(learned))
        };
        assert_eq!(evidence(1_000) - evidence(0), 1_000);
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let mut sessions = Sessions::default();
        for at in 0..=REQUESTS {
            remember(&mut sessions, &format!("order-{at}"), at as i64);
        }
        let now = Timestamp::from_micros(REQUESTS as i64);
        assert!(sessions.get(&Namespace::default(), "order-0", now).is_none());
        assert!(sessions.get(&Namespace::default(), "order-1", now).is_some());
        assert_eq!(sessions.outcomes, REQUESTS);
    }
}
