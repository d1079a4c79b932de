//! What is right: nothing is dropped, nothing is indexed, every question goes through everything.

use std::collections::BTreeMap;
use std::sync::Arc;

use sutra_protocol::command::{Applied, Command, LogIndex, Operation, Outcome, Rejection};
use sutra_protocol::http::NamespaceSettings;
use sutra_protocol::{AssociationKey, Concept, ConceptId, Ground, Namespace, Timestamp};

mod change;
mod learn;
mod read;

/// Everything that was acknowledged.
#[derive(Clone, Default)]
pub(crate) struct Model {
    pub(crate) wards: BTreeMap<Namespace, Ward>,
    /// Answers to requests with a key, since their namespace was last dropped or something of it erased.
    answered: BTreeMap<(Namespace, String), (u128, Applied)>,
}

/// A namespace.
#[derive(Clone, Default)]
pub(crate) struct Ward {
    pub(crate) settings: NamespaceSettings,
    /// What was known before this may be forgotten, whatever the settings are now.
    forgotten_before: Timestamp,
    dimension: Option<u32>,
    lives: BTreeMap<ConceptId, Life>,
    claims: Vec<Claim>,
}

/// A concept.
#[derive(Clone, Default)]
struct Life {
    /// How often it was taught anew, erased or not.
    incarnations: u64,
    /// From when on it was what; `None`: retracted.
    versions: Vec<(Timestamp, Option<Concept>)>,
}

/// Somebody's word or a statement for an association.
#[derive(Clone)]
struct Claim {
    key: AssociationKey,
    ground: Ground,
    confidence: f64,
    strength: f64,
    /// Incarnations of source, target and statement (0 for somebody's word) when it was taught.
    incarnations: [u64; 3],
    made: Timestamp,
    withdrawn: Option<Timestamp>,
}

/// When and by whom.
#[derive(Clone)]
struct Occasion {
    at: Timestamp,
    namespace: Namespace,
    by: Arc<str>,
}

impl Model {
    /// What the command comes to, and what is so afterwards.
    pub(crate) fn apply(&mut self, index: LogIndex, at: Timestamp, command: &Command) -> Applied {
        let session = command.request.as_ref().map(|request| (command.namespace.clone(), request.key.clone()));
        if let (Some(session), Some(request)) = (&session, &command.request)
            && let Some((digest, first)) = self.answered.get(session)
        {
            if *digest == request.digest {
                return Applied { repeated: true, ..first.clone() };
            }
            let outcomes = command.operations.iter().map(|_| Err(Rejection::KeyReused)).collect();
            return Applied { index, recorded_at: at, repeated: false, outcomes, sent: None };
        }
        let outcomes = command.operations.iter().map(|operation| self.operate(at, command, operation)).collect();
        let applied = Applied { index, recorded_at: at, repeated: false, outcomes, sent: None };
        if let (Some(session), Some(request)) = (session, &command.request) {
            self.answered.insert(session, (request.digest, applied.clone()));
        }
        applied
    }

    fn operate(&mut self, at: Timestamp, command: &Command, operation: &Operation) -> Result<Outcome, Rejection> {
        let namespace = &command.namespace;
        let occasion = Occasion { at, namespace: namespace.clone(), by: Arc::clone(&command.asserted_by) };
        match operation {
            Operation::SetNamespace(settings) => {
                let created = !self.wards.contains_key(namespace);
                let before = self.wards.get(namespace).cloned().unwrap_or_default();
                let settings = settings.replacing(&before.settings, before.dimension.is_some())?;
                let ward = self.wards.entry(namespace.clone()).or_default();
                if let Some(horizon) = ward.horizon(at) {
                    ward.forgotten_before = ward.forgotten_before.max(horizon);
                }
                ward.settings = settings;
                return Ok(Outcome::NamespaceSet { created });
            }
            Operation::DropNamespace => {
                self.answered.retain(|(of, _), _| of != namespace);
                let ward = self.wards.remove(namespace).ok_or_else(|| Rejection::NoNamespace { namespace: namespace.clone() })?;
                return Ok(Outcome::NamespaceDropped { concepts: ward.counts().0 });
            }
            Operation::Refuse(error) => return Err(Rejection::Refused(error.clone())),
            _ => {}
        }
        let created = !self.wards.contains_key(namespace);
        let ward = self.wards.entry(namespace.clone()).or_default();
        let outcome = match operation {
            Operation::Learn(learn) => ward.learn(&occasion, learn),
            Operation::Associate(association) => ward.associate(&occasion, association),
            Operation::Dissociate(key) => Ok(ward.dissociate(&occasion, key)),
            Operation::Amend(amend) => ward.amend(&occasion, amend),
            Operation::Retract(id) => ward.retract(&occasion, *id),
            Operation::Erase(id) => ward.erase(*id),
            other => panic!("{other:?} was answered above"),
        };
        if created && ward.counts().0 == 0 {
            self.wards.remove(namespace);
        }
        if matches!(outcome, Ok(Outcome::Erased { .. })) {
            // An answer that quotes what was erased must not be given again, and may be forgotten.
            self.answered.retain(|(of, _), _| of != namespace);
        }
        outcome
    }

    /// Whether a repetition of this request is certain to get the first answer.
    pub(crate) fn remembers(&self, namespace: &Namespace, key: &str) -> bool {
        self.answered.contains_key(&(namespace.clone(), key.to_owned()))
    }
}

impl Ward {
    /// The earliest record time that may be asked about at `now`.
    pub(crate) fn horizon(&self, now: Timestamp) -> Option<Timestamp> {
        let seconds = self.settings.history_retention_seconds?;
        Some(now.plus_micros(-1_000_000 * seconds as i64))
    }

    /// Whether the concept is alive, or its retraction is too young to be forgotten, or it never was.
    pub(crate) fn surely_keeps(&self, id: ConceptId) -> bool {
        let forgets = self.settings.history_retention_seconds == Some(0);
        match self.lives.get(&id).and_then(|life| life.versions.last()) {
            Some((at, None)) => !forgets && self.keeps(*at),
            _ => true,
        }
    }

    /// Whether what was known at this time is still certain to be kept.
    pub(crate) fn keeps(&self, known_at: Timestamp) -> bool {
        known_at >= self.forgotten_before
    }
}
