//! From a name to a concept: by id, by key, then by exact content, then by what it is called. Similarity links nothing.

use sutra_protocol::command::NewConcept;
use sutra_protocol::{ConceptId, Knowledge, Namespace};

use crate::overlay::Overlay;
use crate::reference::{Place, Reference};
use crate::refusal::Refusal;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    /// A concept that is there, or will be.
    Known(ConceptId),
    /// None yet, and this one may be created. Also one that an earlier, unapplied operation creates only because it needs it.
    Create(Box<NewConcept>),
}

impl Link {
    /// The concept.
    pub fn id(&self) -> ConceptId {
        match self {
            Self::Known(id) => *id,
            Self::Create(concept) => concept.id,
        }
    }
}

/// The concept that a learn request is about: its own associations may name it, though nothing else knows it yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) id: ConceptId,
    pub(crate) key: Option<&'a str>,
}

/// Looks names up in what is stored and in what is planned.
pub(crate) struct Linker<'a, K: ?Sized> {
    pub(crate) namespace: &'a Namespace,
    pub(crate) known: &'a K,
    pub(crate) overlay: &'a mut Overlay,
}

impl<K: Knowledge + ?Sized> Linker<'_, K> {
    /// Whether there is such a concept, or will be.
    pub(crate) fn lives(&self, id: ConceptId) -> bool {
        self.overlay.get(id).is_some() || (!self.overlay.is_gone(id) && self.known.concept(id).is_some())
    }

    /// Who has this key, or will have it.
    pub(crate) fn keyed(&self, key: &str) -> Option<ConceptId> {
        self.overlay.keyed(key).or_else(|| self.known.keyed(key)).filter(|id| !self.overlay.is_gone(*id))
    }

    /// What `reference` stands for; what is not known becomes `otherwise`, if that is given.
    pub(crate) fn link(
        &mut self,
        place: Place,
        reference: &Reference,
        otherwise: Option<&NewConcept>,
        subject: Option<Subject<'_>>,
    ) -> Result<Link, Refusal> {
        let found = match reference {
            Reference::Id(id) => (subject.is_some_and(|subject| subject.id == *id) || self.lives(*id)).then_some(*id),
            Reference::Key(key) => match subject {
                Some(subject) if subject.key == Some(&**key) => Some(subject.id),
                _ => self.keyed(key),
            },
            Reference::Content(content) => {
                let mut candidates = self.called(content, subject.map(|subject| subject.id));
                match candidates.len() {
                    0 | 1 => candidates.pop(),
                    _ => return Err(Refusal::Ambiguous { place, reference: reference.clone(), candidates }),
                }
            }
        };
        match (found, otherwise) {
            (Some(id), _) => Ok(match self.overlay.get(id).and_then(|taught| taught.bare.clone()) {
                Some(bare) => Link::Create(bare),
                None => Link::Known(id),
            }),
            (None, Some(concept)) => Ok(Link::Create(Box::new(concept.clone()))),
            (None, None) => Err(Refusal::NotFound { place, reference: reference.clone() }),
        }
    }

    /// The concept with exactly this content and no key; else everything that is called so, in the order of the ids. `except` is
    /// the concept being learned: "aspirin: a drug" does not mean itself by "aspirin", or teaching it twice would link differently.
    fn called(&mut self, content: &str, except: Option<ConceptId>) -> Vec<ConceptId> {
        let exact = ConceptId::derive(self.namespace, content, None);
        if except == Some(exact) || self.lives(exact) {
            return vec![exact];
        }
        let mut ids = self.known.named(content);
        ids.retain(|id| !self.overlay.is_gone(*id));
        ids.extend(self.overlay.named(content));
        ids.retain(|id| Some(*id) != except);
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}
