//! Pointer symbols and the associations that they become.

use super::synset::Pos;

/// An association's type and label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Relation {
    pub(crate) kind: &'static str,
    /// What the target is to the source: `dog -hypernym-> canine`, the canine is the dog's hypernym.
    pub(crate) label: &'static str,
}

/// The association that a pointer of a synset of `pos` becomes; none for a symbol that WordNet 3.0 does not have.
pub(crate) fn relation(symbol: &str, pos: Pos) -> Option<Relation> {
    let (kind, label) = match symbol {
        "@" => ("hierarchical", "hypernym"),
        "@i" => ("hierarchical", "instance_hypernym"),
        "~" => ("hierarchical", "hyponym"),
        "~i" => ("hierarchical", "instance_hyponym"),
        "#m" => ("compositional", "member_holonym"),
        "#s" => ("compositional", "substance_holonym"),
        "#p" => ("compositional", "part_holonym"),
        "%m" => ("compositional", "member_meronym"),
        "%s" => ("compositional", "substance_meronym"),
        "%p" => ("compositional", "part_meronym"),
        "*" => ("causal", "entailment"),
        ">" => ("causal", "cause"),
        "!" => ("semantic", "antonym"),
        "&" => ("semantic", "similar_to"),
        "^" => ("semantic", "also_see"),
        "=" => ("semantic", "attribute"),
        "+" => ("semantic", "derivation"),
        "$" => ("semantic", "verb_group"),
        "<" => ("semantic", "participle"),
        "\\" if pos == Pos::Adverb => ("semantic", "derived_from"),
        "\\" => ("semantic", "pertainym"),
        ";c" => ("semantic", "domain_topic"),
        ";r" => ("semantic", "domain_region"),
        ";u" => ("semantic", "domain_usage"),
        "-c" => ("semantic", "domain_member_topic"),
        "-r" => ("semantic", "domain_member_region"),
        "-u" => ("semantic", "domain_member_usage"),
        _ => return None,
    };
    Some(Relation { kind, label })
}

/// The 45 lexicographer files, by number.
pub(crate) const LEXNAMES: [&str; 45] = [
    "adj.all",
    "adj.pert",
    "adv.all",
    "noun.Tops",
    "noun.act",
    "noun.animal",
    "noun.artifact",
    "noun.attribute",
    "noun.body",
    "noun.cognition",
    "noun.communication",
    "noun.event",
    "noun.feeling",
    "noun.food",
    "noun.group",
    "noun.location",
    "noun.motive",
    "noun.object",
    "noun.person",
    "noun.phenomenon",
    "noun.plant",
    "noun.possession",
    "noun.process",
    "noun.quantity",
    "noun.relation",
    "noun.shape",
    "noun.state",
    "noun.substance",
    "noun.time",
    "verb.body",
    "verb.change",
    "verb.cognition",
    "verb.communication",
    "verb.competition",
    "verb.consumption",
    "verb.contact",
    "verb.creation",
    "verb.emotion",
    "verb.motion",
    "verb.perception",
    "verb.possession",
    "verb.social",
    "verb.stative",
    "verb.weather",
    "adj.ppl",
];
