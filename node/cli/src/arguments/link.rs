//! How concepts and associations are named on the command line.

use std::convert::Infallible;
use std::str::FromStr;

use sutra_protocol::AssociationType;
use sutra_protocol::http::{ConceptRef, LearnAssociation};

/// A concept by its id, as `key:KEY`, or by its content; `content:` in front makes it content whatever follows.
#[expect(clippy::unnecessary_wraps, reason = "the shape of an argument parser")]
pub(crate) fn concept_ref(text: &str) -> Result<ConceptRef, Infallible> {
    if let Some(content) = text.strip_prefix("content:") {
        return Ok(ConceptRef::Content { content: content.into() });
    }
    if let Some(key) = text.strip_prefix("key:") {
        return Ok(ConceptRef::Key { key: key.into() });
    }
    Ok(text.parse().map_or_else(|_| ConceptRef::Content { content: text.into() }, ConceptRef::Id))
}

/// `TYPE:LABEL=TARGET`, an association from the concept that is learned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Link(LearnAssociation);

impl Link {
    /// As the body of a learn request has it.
    pub(crate) fn into_association(self) -> LearnAssociation {
        self.0
    }
}

impl FromStr for Link {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((link, target)) = text.split_once('=') else {
            return Err("TYPE:LABEL=TARGET is needed".into());
        };
        let (kind, label) = link.split_once(':').unwrap_or((link, ""));
        let kind = AssociationType::ALL.into_iter().find(|known| known.as_str() == kind.trim()).ok_or_else(|| {
            let known = AssociationType::ALL.map(AssociationType::as_str).join(", ");
            format!("TYPE is one of {known}, not {kind:?}")
        })?;
        if target.trim().is_empty() {
            return Err("TARGET is missing: an id, key:KEY, or a content".into());
        }
        let label = Some(label.trim()).filter(|label| !label.is_empty()).map(Into::into);
        let mut association = LearnAssociation { kind: Some(kind), label, ..LearnAssociation::default() };
        match concept_ref(target) {
            Ok(ConceptRef::Id(id)) => association.target = Some(id),
            Ok(ConceptRef::Key { key }) => association.target_key = Some(key),
            Ok(ConceptRef::Content { content }) => association.target_content = Some(content),
        }
        Ok(Self(association))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(text: &str) -> LearnAssociation {
        text.parse::<Link>().unwrap().into_association()
    }

    #[test]
    fn a_target_is_an_id_a_key_or_a_content() {
        let id = "00000000000000000000000000000007";
        assert_eq!(link(&format!("causal:treats={id}")).target, id.parse().ok());
        assert_eq!(link("causal:treats=key:MESH:D006261").target_key.as_deref(), Some("MESH:D006261"));
        let headache = link("causal:treats=headache = cephalalgia");
        assert_eq!(headache.target_content.as_deref(), Some("headache = cephalalgia"));
        assert_eq!((headache.kind, headache.label.as_deref()), (Some(AssociationType::Causal), Some("treats")));
        assert_eq!(link("causal:treats=content:key:x").target_content.as_deref(), Some("key:x"));
    }

    #[test]
    fn a_label_may_be_left_out_and_may_hold_colons() {
        assert_eq!(link("semantic=pain").label, None);
        assert_eq!(link("semantic:rdf:seeAlso=pain").label.as_deref(), Some("rdf:seeAlso"));
    }

    #[test]
    fn a_wrong_type_is_told_the_right_ones() {
        assert!("treats=headache".parse::<Link>().unwrap_err().contains("hierarchical"));
        assert!("causal:treats".parse::<Link>().is_err());
        assert!("causal:treats= ".parse::<Link>().is_err());
    }
}
