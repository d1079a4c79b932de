//! The labels that name a relation.

use super::{Family, Relation, Sense};

/// Labels that say the same.
pub(super) struct Word {
    pub(super) family: Family,
    pub(super) sense: Sense,
    pub(super) instance: bool,
    pub(super) labels: &'static [&'static str],
}

const fn word(family: Family, sense: Sense, labels: &'static [&'static str]) -> Word {
    Word { family, sense, instance: false, labels }
}

const fn instance(sense: Sense, labels: &'static [&'static str]) -> Word {
    Word { family: Family::KindOf, sense, instance: true, labels }
}

/// Every label that is known, normalised.
pub(super) const WORDS: &[Word] = &[
    word(
        Family::KindOf,
        Sense::Forward,
        &[
            "hypernym",
            "is_a",
            "isa",
            "is_an",
            "kind_of",
            "is_kind_of",
            "is_a_kind_of",
            "type_of",
            "is_a_type_of",
            "subclass_of",
            "is_a_subclass_of",
            "subtype_of",
            "subsumed_by",
            "has_superclass",
            "broader",
        ],
    ),
    word(
        Family::KindOf,
        Sense::Inverse,
        &["hyponym", "has_kind", "has_subclass", "has_subtype", "superclass_of", "supertype_of", "subsumes", "narrower"],
    ),
    instance(Sense::Forward, &["instance_hypernym", "instance_of", "is_instance_of", "is_an_instance_of", "example_of"]),
    instance(Sense::Inverse, &["instance_hyponym", "has_instance", "has_example"]),
    word(
        Family::PartOf,
        Sense::Forward,
        &[
            "part_holonym",
            "substance_holonym",
            "holonym",
            "part_of",
            "is_part_of",
            "is_a_part_of",
            "component_of",
            "ingredient_of",
            "substance_of",
            "portion_of",
        ],
    ),
    word(
        Family::PartOf,
        Sense::Inverse,
        &[
            "part_meronym",
            "substance_meronym",
            "meronym",
            "has_part",
            "has_component",
            "has_ingredient",
            "has_substance",
            "consists_of",
            "composed_of",
            "made_of",
            "contains",
            "comprises",
        ],
    ),
    word(Family::MemberOf, Sense::Forward, &["member_holonym", "member_of", "is_member_of", "is_a_member_of", "belongs_to"]),
    word(Family::MemberOf, Sense::Inverse, &["member_meronym", "has_member"]),
];

/// What a normalised label says when it is not negated.
pub(super) fn find(label: &str) -> Option<Relation> {
    let word = WORDS.iter().find(|word| word.labels.contains(&label))?;
    Some(Relation { family: word.family, sense: word.sense, instance: word.instance, negated: false })
}
