//! Words.

use crate::random::{Random, zipf};

/// A field of knowledge that concepts are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Domain {
    Medicine,
    Law,
    Finance,
}

/// How many words the three fields share, beyond their terms: as many as a large dictionary of a trade.
const WORDS: usize = 30_000;

const SYLLABLES: [&str; 32] = [
    "al", "ben", "car", "dex", "er", "fen", "gly", "hy", "in", "jur", "kin", "lor", "met", "nal", "ox", "pra", "quin", "ri",
    "sul", "tor", "ur", "val", "wes", "xan", "yl", "zo", "pen", "thi", "ase", "lex", "cred", "fid",
];

const MEDICINE: [&str; 20] = [
    "metformin",
    "renal impairment",
    "atrial fibrillation",
    "warfarin",
    "creatinine clearance",
    "lactic acidosis",
    "infusion",
    "hypertension",
    "dose reduction",
    "liver enzymes",
    "anaphylaxis",
    "potassium",
    "half-life",
    "contraindication",
    "paediatric",
    "titration",
    "platelets",
    "sepsis",
    "insulin",
    "biopsy",
];
const LAW: [&str; 20] = [
    "breach of contract",
    "liability",
    "appellant",
    "statutory duty",
    "damages",
    "injunction",
    "limitation period",
    "consent",
    "data controller",
    "trustee",
    "negligence",
    "jurisdiction",
    "disclosure",
    "arbitration",
    "indemnity",
    "precedent",
    "easement",
    "insolvency",
    "fiduciary",
    "tribunal",
];
const FINANCE: [&str; 20] = [
    "coupon",
    "collateral",
    "counterparty",
    "margin call",
    "liquidity ratio",
    "subordinated debt",
    "settlement",
    "impairment",
    "hedge",
    "exposure",
    "capital buffer",
    "covenant",
    "maturity",
    "write-down",
    "beneficial owner",
    "tranche",
    "swap",
    "default",
    "rating",
    "custodian",
];

impl Domain {
    pub(crate) const ALL: [Self; 3] = [Self::Medicine, Self::Law, Self::Finance];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Medicine => "medicine",
            Self::Law => "law",
            Self::Finance => "finance",
        }
    }

    const fn terms(self) -> &'static [&'static str] {
        match self {
            Self::Medicine => &MEDICINE,
            Self::Law => &LAW,
            Self::Finance => &FINANCE,
        }
    }
}

/// Appends `words` words of the field, separated by spaces: every third or so is one of its terms, the others follow Zipf's law.
pub(crate) fn phrase(out: &mut String, random: &mut Random, domain: Domain, words: usize) {
    for at in 0..words {
        if at > 0 {
            out.push(' ');
        }
        if random.chance(0.3) {
            out.push_str(random.pick::<&str>(domain.terms()));
        } else {
            let rank = zipf(random, WORDS);
            word(out, rank);
        }
    }
}

/// Appends the word of this rank; frequent words are short, as in every language, and no two ranks have one word.
fn word(out: &mut String, rank: usize) {
    let mut rest = rank;
    loop {
        out.push_str(SYLLABLES[rest % SYLLABLES.len()]);
        rest /= SYLLABLES.len();
        if rest == 0 {
            return;
        }
        // Without it, 0 followed by 1 and 1 alone would be spelled by the same digits.
        rest -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn words_of_different_ranks_differ_nearly_always_and_frequent_ones_are_short() {
        let spelled = |rank| {
            let mut out = String::new();
            word(&mut out, rank);
            out
        };
        let all: HashSet<String> = (0..WORDS).map(spelled).collect();
        assert!(all.len() > WORDS * 99 / 100, "{}", all.len());
        assert_eq!((spelled(0), spelled(32)), ("al".into(), "alal".into()));
        assert!(spelled(WORDS - 1).len() > spelled(3).len());
    }

    #[test]
    fn a_phrase_has_its_words_and_its_fields_terms() {
        let mut out = String::new();
        phrase(&mut out, &mut Random::of(1, 0, 0), Domain::Law, 400);
        assert!(out.split(' ').count() >= 400);
        assert!(LAW.iter().all(|term| out.contains(term)), "{out}");
        assert!(!out.contains("metformin"));
    }
}
