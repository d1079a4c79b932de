//! The kinds of concepts and associations.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What kind of knowledge a concept is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SemanticType {
    /// A thing or a plain statement about things; what a concept is when its teacher says nothing else.
    #[default]
    Entity,
    /// Something that happens.
    Event,
    /// What must or may be done.
    Rule,
    /// Knowledge about time.
    Temporal,
    /// That something does not hold.
    Negation,
    /// Under which circumstances something holds.
    Condition,
    /// That one thing brings about another.
    Causal,
    /// An amount.
    Quantitative,
    /// What a word means.
    Definitional,
}

impl SemanticType {
    /// Every type, in the order of the vocabulary.
    pub const ALL: [Self; 9] = [
        Self::Entity,
        Self::Event,
        Self::Rule,
        Self::Temporal,
        Self::Negation,
        Self::Condition,
        Self::Causal,
        Self::Quantitative,
        Self::Definitional,
    ];

    /// The type's name in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Entity => "entity",
            Self::Event => "event",
            Self::Rule => "rule",
            Self::Temporal => "temporal",
            Self::Negation => "negation",
            Self::Condition => "condition",
            Self::Causal => "causal",
            Self::Quantitative => "quantitative",
            Self::Definitional => "definitional",
        }
    }
}

/// What kind of link an association is. The numbers are those of the TCP protocol's `assoc_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum AssociationType {
    /// Related in meaning.
    #[default]
    Semantic = 0,
    /// The source brings about the target.
    Causal = 1,
    /// The source and the target are ordered in time.
    Temporal = 2,
    /// The source is a kind or an instance of the target, or the reverse, as the label says.
    Hierarchical = 3,
    /// The source is a part or a member of the target, or the reverse, as the label says.
    Compositional = 4,
}

impl AssociationType {
    /// Every type, in the order of its number.
    pub const ALL: [Self; 5] = [Self::Semantic, Self::Causal, Self::Temporal, Self::Hierarchical, Self::Compositional];

    /// The type with this `assoc_type` number.
    pub fn from_number(number: u64) -> Option<Self> {
        usize::try_from(number).ok().and_then(|n| Self::ALL.get(n).copied())
    }

    /// The type's `assoc_type` number.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The type's name in every interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Semantic => "semantic",
            Self::Causal => "causal",
            Self::Temporal => "temporal",
            Self::Hierarchical => "hierarchical",
            Self::Compositional => "compositional",
        }
    }
}

/// Which way associations are followed from a concept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From source to target.
    Out,
    /// From target to source.
    In,
    /// Either way.
    #[default]
    Both,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_agree_both_ways() {
        for kind in AssociationType::ALL {
            assert_eq!(AssociationType::from_number(u64::from(kind.number())), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!(AssociationType::from_number(5), None);
        for kind in SemanticType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
