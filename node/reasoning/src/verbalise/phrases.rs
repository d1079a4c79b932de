//! How labels outside the relation families are said, along their direction and against it.

type Phrase = (&'static [&'static str], &'static str, &'static str);

const PHRASES: &[Phrase] = &[
    (&["antonym", "opposite_of"], "{a} is the opposite of {b}", "{a} is the opposite of {b}"),
    (&["synonym", "same_as", "also_known_as"], "{a} is the same as {b}", "{a} is the same as {b}"),
    (&["similar_to", "similar"], "{a} is similar to {b}", "{a} is similar to {b}"),
    (&["related_to", "related", "associated_with"], "{a} is related to {b}", "{a} is related to {b}"),
    (&["also_see", "see_also"], "{a} refers to {b}", "{a} is referred to by {b}"),
    (&["attribute", "has_attribute"], "{a} and {b} are attribute and value", "{a} and {b} are attribute and value"),
    (&["derivation", "derivationally_related"], "{a} is a word related in form to {b}", "{a} is a word related in form to {b}"),
    (&["pertainym", "pertains_to"], "{a} pertains to {b}", "{a} is what {b} pertains to"),
    (&["participle"], "{a} is a participle of {b}", "{a} has the participle {b}"),
    (&["verb_group"], "{a} is close in meaning to {b}", "{a} is close in meaning to {b}"),
    (&["domain_topic"], "{a} belongs to the topic {b}", "{a} is the topic of {b}"),
    (&["domain_region"], "{a} belongs to the region {b}", "{a} is the region of {b}"),
    (&["domain_usage"], "{a} is used as {b}", "{a} is the usage of {b}"),
    (&["domain_member_topic", "topic_member"], "{a} is the topic of {b}", "{a} belongs to the topic {b}"),
    (&["domain_member_region", "region_member"], "{a} is the region of {b}", "{a} belongs to the region {b}"),
    (&["domain_member_usage", "usage_member"], "{a} is the usage of {b}", "{a} is used as {b}"),
    (&["cause", "causes", "leads_to", "brings_about"], "{a} causes {b}", "{a} is caused by {b}"),
    (&["caused_by"], "{a} is caused by {b}", "{a} causes {b}"),
    (&["entailment", "entails", "implies"], "{a} entails {b}", "{a} is entailed by {b}"),
    (&["treats"], "{a} treats {b}", "{a} is treated by {b}"),
    (&["treated_by"], "{a} is treated by {b}", "{a} treats {b}"),
    (&["prevents"], "{a} prevents {b}", "{a} is prevented by {b}"),
    (&["inhibits"], "{a} inhibits {b}", "{a} is inhibited by {b}"),
    (&["interacts_with"], "{a} interacts with {b}", "{a} interacts with {b}"),
    (&["contraindicated_in", "contraindicated_with"], "{a} is contraindicated with {b}", "{a} is a contraindication of {b}"),
    (&["symptom_of"], "{a} is a symptom of {b}", "{a} has the symptom {b}"),
    (&["has_symptom"], "{a} has the symptom {b}", "{a} is a symptom of {b}"),
    (&["regulates"], "{a} regulates {b}", "{a} is regulated by {b}"),
    (&["requires"], "{a} requires {b}", "{a} is required by {b}"),
    (&["amends"], "{a} amends {b}", "{a} is amended by {b}"),
    (&["repeals"], "{a} repeals {b}", "{a} is repealed by {b}"),
    (&["cites"], "{a} cites {b}", "{a} is cited by {b}"),
    (&["owns"], "{a} owns {b}", "{a} is owned by {b}"),
    (&["owned_by"], "{a} is owned by {b}", "{a} owns {b}"),
    (&["subsidiary_of"], "{a} is a subsidiary of {b}", "{a} has the subsidiary {b}"),
    (&["acquired"], "{a} acquired {b}", "{a} was acquired by {b}"),
    (&["issued_by"], "{a} was issued by {b}", "{a} issued {b}"),
    (&["works_for", "employed_by"], "{a} works for {b}", "{a} employs {b}"),
    (&["located_in"], "{a} is located in {b}", "{a} is where {b} is located"),
    (&["before", "precedes"], "{a} comes before {b}", "{a} comes after {b}"),
    (&["after", "follows"], "{a} comes after {b}", "{a} comes before {b}"),
    (&["during"], "{a} happens during {b}", "during {a} happens {b}"),
    (&["mentions"], "\"{a}\" mentions {b}", "{a} is mentioned in \"{b}\""),
    (&["defines"], "\"{a}\" defines {b}", "{a} is defined by \"{b}\""),
];

/// The templates of a normalised label.
pub(super) fn find(label: &str) -> Option<(&'static str, &'static str)> {
    PHRASES.iter().find(|(labels, ..)| labels.contains(&label)).map(|(_, along, against)| (*along, *against))
}
