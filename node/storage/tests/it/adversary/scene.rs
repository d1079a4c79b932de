//! What histories are made of: few enough things that they meet again and again.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use sutra_protocol::{ConceptId, Namespace, Timestamp};

/// Contents; statements end with a full stop.
pub(crate) const CONTENTS: [&str; 20] = [
    "aspirin",
    "warfarin",
    "headache",
    "bleeding, any site",
    "COX-1",
    "Aspirin relieves headache.",
    "Aspirin inhibits COX-1.",
    "Warfarin with aspirin raises the risk of bleeding.",
    "Basel III",
    "liquidity coverage ratio",
    "Banks must hold high-quality liquid assets for thirty days.",
    "Deutsche Bank AG",
    "force majeure",
    "A party is excused by force majeure, unless it caused the event.",
    "GDPR: general data protection regulation",
    "personal data",
    "right to erasure",
    "The data subject may demand erasure.",
    "Müller, Änne",
    "visit of 2026-03-01",
];
/// Keys, as callers bring them.
pub(crate) const KEYS: [&str; 4] = ["RXCUI:1191", "RXCUI:11289", "LEI:7LTWFZYICNSX8D621K86", "CELEX:32016R0679"];
/// Aliases; some are contents of others, so that names are ambiguous.
pub(crate) const ALIASES: [&str; 6] = ["ASA", "acetylsalicylic acid", "LCR", "warfarin", "Acts of God", "Data Protection Act"];
/// Labels of associations.
pub(crate) const LABELS: [&str; 4] = ["treats", "inhibits", "", "part of"];
/// Who teaches.
pub(crate) const TEACHERS: [&str; 3] = ["anonymous", "dr.rao", "compliance"];
/// Where it was read.
pub(crate) const SOURCES: [&str; 3] = ["label.pdf", "trial.pdf", "regulation.html"];
/// Names of attributes.
pub(crate) const ATTRIBUTES: [&str; 3] = ["dose_mg", "approved", "route"];

/// Times that something holds from or to.
pub(crate) const YEARS: [i64; 4] = [2019, 2021, 2023, 2025];

/// The start of a year, roughly.
pub(crate) fn year(year: i64) -> Timestamp {
    Timestamp::from_micros((year - 1970) * 31_556_952_000_000)
}

/// The namespaces.
pub(crate) fn namespaces() -> &'static [Namespace] {
    static NAMESPACES: LazyLock<Vec<Namespace>> =
        LazyLock::new(|| ["default", "ward-7", "legal"].map(|name| name.parse().unwrap()).into());
    &NAMESPACES
}

/// Ids of every concept that a history may teach in a namespace.
pub(crate) fn everybody(namespace: &Namespace) -> impl Iterator<Item = ConceptId> {
    static IDS: LazyLock<BTreeMap<Namespace, Vec<ConceptId>>> = LazyLock::new(|| {
        let of = |namespace: &Namespace| {
            let contents = CONTENTS.iter().enumerate();
            let ids =
                contents.flat_map(|(at, content)| [None, Some(key_of(at))].map(|key| ConceptId::derive(namespace, content, key)));
            (namespace.clone(), ids.collect())
        };
        namespaces().iter().map(of).collect()
    });
    IDS.get(namespace).into_iter().flatten().copied()
}

/// The key that the concept of this content has, if it has one: several contents share each.
pub(crate) fn key_of(content: usize) -> &'static str {
    KEYS[content % KEYS.len()]
}

/// Every key.
pub(crate) fn keys() -> impl Iterator<Item = &'static str> {
    KEYS.into_iter()
}

/// Names to ask for.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    CONTENTS.into_iter().chain(ALIASES).chain(["Bleeding", "GDPR", "acts of god!"])
}
