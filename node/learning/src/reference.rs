//! How a request names a concept, and where in the request it does so.

use std::fmt;
use std::sync::Arc;

use sutra_protocol::http::{ConceptRef, LearnAssociation};
use sutra_protocol::{ConceptId, limits};

/// The name of a concept, not looked up yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// Its id.
    Id(ConceptId),
    /// Its key.
    Key(Arc<str>),
    /// Its content, or what it is called.
    Content(Arc<str>),
}

impl Reference {
    /// What an association of a learn request ends at; `None` if it names no target, which validation refuses.
    pub fn target_of(association: &LearnAssociation) -> Option<Self> {
        let LearnAssociation { target, target_key, target_content, .. } = association;
        let key = || target_key.as_deref().map(|key| Self::Key(key.into()));
        let content = || target_content.as_deref().map(|content| Self::Content(content.into()));
        target.map(Self::Id).or_else(key).or_else(content)
    }
}

impl From<&ConceptRef> for Reference {
    fn from(reference: &ConceptRef) -> Self {
        match reference {
            ConceptRef::Id(id) => Self::Id(*id),
            ConceptRef::Key { key } => Self::Key(key.as_str().into()),
            ConceptRef::Content { content } => Self::Content(content.as_str().into()),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "concept {id}"),
            Self::Key(key) => write!(f, "a concept with the key {}", limits::excerpt(key)),
            Self::Content(content) => write!(f, "a concept called {}", limits::excerpt(content)),
        }
    }
}

/// Where a request names a concept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The target of this association of a learn request.
    Association(usize),
    /// This mention of a learn request.
    Mention(usize),
    /// This statement of an association's evidence.
    Evidence(usize),
    /// A field that holds a [`ConceptRef`]: `source`, `target`, `start`, `end`.
    Field(&'static str),
}

impl Place {
    /// The path of the field that holds `reference`: `associations[2].target_key`.
    pub fn field(self, reference: &Reference) -> String {
        let (target, part) = match reference {
            Reference::Id(_) => ("target", ""),
            Reference::Key(_) => ("target_key", ".key"),
            Reference::Content(_) => ("target_content", ".content"),
        };
        match self {
            Self::Association(at) => format!("associations[{at}].{target}"),
            Self::Mention(at) => format!("mentions[{at}]"),
            Self::Evidence(at) => format!("evidence[{at}]{part}"),
            Self::Field(name) => format!("{name}{part}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_spelled_as_the_field_that_the_caller_wrote() {
        let (id, key) = (Reference::Id(ConceptId::from_u128(7)), Reference::Key("RXCUI:1191".into()));
        let content = Reference::Content("aspirin".into());
        assert_eq!(Place::Association(2).field(&key), "associations[2].target_key");
        assert_eq!(Place::Association(0).field(&id), "associations[0].target");
        assert_eq!(Place::Association(1).field(&content), "associations[1].target_content");
        assert_eq!(Place::Field("source").field(&id), "source");
        assert_eq!(Place::Field("end").field(&content), "end.content");
        assert_eq!(Place::Evidence(3).field(&id), "evidence[3]");
        assert_eq!(Place::Evidence(0).field(&key), "evidence[0].key");
    }
}
