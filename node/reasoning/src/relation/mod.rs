//! Which associations say kind of, part of, member of, and their negations.
//!
//! What an association says is read from its type and its label. Labels compare without case, and with `-` and spaces as `_`.
//! A label that names its relation ("is_a") counts under the type `semantic` too, because that is the type of an association
//! whose teacher named none. An empty label says what its type says: `hierarchical` kind of, `compositional` part of.

use std::borrow::Cow;

use sutra_protocol::{AssociationType, Step};

mod lexicon;

/// A family of relations that questions ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// One concept is a kind, or an instance, of another.
    KindOf,
    /// One concept is a part, or a substance, of another.
    PartOf,
    /// One concept is a member of another.
    MemberOf,
}

/// Which end of an association is the narrower one: the kind, the part, the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sense {
    /// Its source: "is a", "part of".
    Forward,
    /// Its target: "has kind", "has part".
    Inverse,
}

/// What an association says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Relation {
    /// Which relation.
    pub family: Family,
    /// Which way round.
    pub sense: Sense,
    /// Whether the narrower end is an instance rather than a kind: "Nile" rather than "river".
    pub instance: bool,
    /// Whether it says that the relation does not hold. Of kinds it is read as "no A is a B".
    pub negated: bool,
}

impl Family {
    /// The family's name in `asked.relation`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KindOf => "kind_of",
            Self::PartOf => "part_of",
            Self::MemberOf => "member_of",
        }
    }

    /// The types under which the family's associations are stored.
    pub const fn types(self) -> [AssociationType; 2] {
        match self {
            Self::KindOf => [AssociationType::Semantic, AssociationType::Hierarchical],
            Self::PartOf | Self::MemberOf => [AssociationType::Semantic, AssociationType::Compositional],
        }
    }

    /// The types and labels that are followed, as `asked.filters` shows them.
    pub fn filters(self) -> Vec<String> {
        let types = self.types().map(|kind| kind.as_str().to_owned());
        let labels = lexicon::WORDS.iter().filter(|word| word.family == self).flat_map(|word| word.labels);
        types.into_iter().chain(labels.map(|label| (*label).to_owned())).collect()
    }
}

impl Relation {
    /// What an association of this type and label says; `None` if none of the families.
    pub fn of(kind: AssociationType, label: &str) -> Option<Self> {
        let label = normal_label(label);
        if label.is_empty() {
            let family = match kind {
                AssociationType::Hierarchical => Family::KindOf,
                AssociationType::Compositional => Family::PartOf,
                _ => return None,
            };
            return Some(Self { family, sense: Sense::Forward, instance: false, negated: false });
        }
        let relation = match lexicon::find(&label) {
            Some(relation) => relation,
            None => Self { negated: true, ..affirmed(&label).find_map(|label| lexicon::find(&label))? },
        };
        relation.family.types().contains(&kind).then_some(relation)
    }

    /// What the association that `step` crosses says.
    pub fn of_step(step: &Step) -> Option<Self> {
        Self::of(step.key.kind, step.key.label.as_str())
    }

    /// Whether crossing `step`, which says this, leads from the narrower end to the wider one: from kind to class, from part to
    /// whole.
    pub fn widens(&self, step: &Step) -> bool {
        (self.sense == Sense::Forward) != step.reversed
    }
}

/// A label as labels are compared.
pub fn normal_label(label: &str) -> Cow<'_, str> {
    let normal = |c: char| !c.is_uppercase() && c != '-' && !c.is_whitespace();
    if label.chars().all(normal) {
        return Cow::Borrowed(label);
    }
    let lower = label.trim().to_lowercase();
    Cow::Owned(
        lower
            .split(|c: char| c == '-' || c == '_' || c.is_whitespace())
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join("_"),
    )
}

/// What a negated label denies, in the spellings that the lexicon may know.
fn affirmed(label: &str) -> impl Iterator<Item = String> + '_ {
    let prefixes =
        [("not_", ""), ("is_not_", "is_"), ("is_not_", ""), ("isnt_", "is_"), ("has_no_", "has_"), ("does_not_have_", "has_")];
    prefixes.into_iter().filter_map(move |(denied, affirmed)| Some(format!("{affirmed}{}", label.strip_prefix(denied)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: AssociationType, label: &str) -> Option<(Family, Sense, bool, bool)> {
        Relation::of(kind, label).map(|relation| (relation.family, relation.sense, relation.instance, relation.negated))
    }

    #[test]
    fn both_directions_of_wordnet_are_read() {
        use AssociationType::{Compositional, Hierarchical};
        assert_eq!(of(Hierarchical, "hypernym"), Some((Family::KindOf, Sense::Forward, false, false)));
        assert_eq!(of(Hierarchical, "instance_hyponym"), Some((Family::KindOf, Sense::Inverse, true, false)));
        assert_eq!(of(Compositional, "substance_holonym"), Some((Family::PartOf, Sense::Forward, false, false)));
        assert_eq!(of(Compositional, "member_meronym"), Some((Family::MemberOf, Sense::Inverse, false, false)));
    }

    #[test]
    fn case_and_hyphens_do_not_tell_labels_apart() {
        for label in ["is_a", "Is-A", "IS A", " is  a "] {
            assert_eq!(of(AssociationType::Semantic, label), Some((Family::KindOf, Sense::Forward, false, false)), "{label}");
        }
    }

    #[test]
    fn negations_are_read() {
        for label in ["is_not_a", "not_hypernym", "Not is-a", "is not a kind of", "not_subclass_of"] {
            assert_eq!(of(AssociationType::Hierarchical, label), Some((Family::KindOf, Sense::Forward, false, true)), "{label}");
        }
        assert_eq!(of(AssociationType::Compositional, "is_not_part_of"), Some((Family::PartOf, Sense::Forward, false, true)));
        assert_eq!(of(AssociationType::Compositional, "has_no_part"), Some((Family::PartOf, Sense::Inverse, false, true)));
    }

    #[test]
    fn other_labels_and_types_say_none_of_it() {
        assert_eq!(of(AssociationType::Causal, "is_a"), None);
        assert_eq!(of(AssociationType::Semantic, "treats"), None);
        assert_eq!(of(AssociationType::Semantic, ""), None);
        assert_eq!(of(AssociationType::Hierarchical, ""), Some((Family::KindOf, Sense::Forward, false, false)));
        assert_eq!(of(AssociationType::Hierarchical, "not_related"), None);
    }
}
