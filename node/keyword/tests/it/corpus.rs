//! Texts to search: the one fixture of these tests.

/// A document of a corpus.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) ordinal: u32,
    pub(crate) texts: Vec<String>,
    /// Whether it is only there for readers of the past.
    pub(crate) removed: bool,
}

/// Words that resemble each other in every way that matters: common and rare, with common beginnings, a letter or two apart.
pub(crate) const VOCABULARY: [&str; 40] = [
    "pain",
    "of",
    "heart",
    "acute",
    "aspirin",
    "asprin",
    "aspirins",
    "heartburn",
    "chronic",
    "failure",
    "attack",
    "infarction",
    "infraction",
    "ibuprofen",
    "ibuprofin",
    "renal",
    "venal",
    "court",
    "courts",
    "count",
    "naïve",
    "naive",
    "bond",
    "bonds",
    "band",
    "debt",
    "debtor",
    "debit",
    "lien",
    "plaintiff",
    "plaintif",
    "tort",
    "torte",
    "escrow",
    "crohn",
    "krohn",
    "straße",
    "strasse",
    "5",
    "50",
];

/// Numbers that look random and are always the same.
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // Knuth's linear congruential generator; its high bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % bound as u64) as usize
    }

    /// Small ones more often than large ones.
    pub(crate) fn skewed(&mut self, bound: usize) -> usize {
        let widest = self.below(bound) + 1;
        self.below(widest)
    }
}

/// A text of the vocabulary.
pub(crate) fn text(seeded: &mut Seeded, words: usize) -> String {
    let words: Vec<_> = (0..words).map(|_| VOCABULARY[seeded.skewed(VOCABULARY.len())]).collect();
    words.join([" ", ", ", " – "][seeded.below(3)])
}

/// So many documents, of which every eighth is removed; some are long, some empty, some have no ordinal between them.
pub(crate) fn corpus(seed: u64, documents: usize) -> Vec<Text> {
    let mut seeded = Seeded(seed);
    let mut ordinal = seeded.below(100) as u32;
    (0..documents)
        .map(|_| {
            ordinal += 1 + (seeded.below(10) == 0) as u32 * seeded.below(1_000) as u32;
            let texts = (0..1 + seeded.skewed(3))
                .map(|_| {
                    let words = if seeded.below(50) == 0 { 300 } else { seeded.below(9) };
                    text(&mut seeded, words)
                })
                .collect();
            Text { ordinal, texts, removed: seeded.below(8) == 0 }
        })
        .collect()
}
