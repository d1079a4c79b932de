//! What a question may be asking.
//!
//! A question is matched, word by word, against a table of patterns; each way to match is a [`Reading`]. Which reading is
//! meant depends on what is known, so that is decided by [`answer`](crate::answer): the first row of the table with a reading
//! whose names are all known. Text in double quotes is one name and is never split.

use sutra_protocol::http::Intent;

mod pattern;
mod table;
mod words;

use words::Word;

/// Longest question that is read, in words: two names can be told apart in as many ways as there are words between them.
pub const WORDS: usize = 256;

/// One way to understand a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What it asks.
    pub intent: Intent,
    /// About which names, as the question says them.
    pub entities: Vec<String>,
    /// Which row of the table; the rows before it are preferred.
    pub row: usize,
    /// Whether so many sentences look like this that it only counts if its names are known.
    pub weak: bool,
}

/// Every reading of a question, in the order of the table and then from the first possible split to the last. None: the
/// question is of no known kind, or longer than [`WORDS`].
pub fn readings(question: &str) -> Vec<Reading> {
    let words = words::split(question);
    if words.len() > WORDS {
        return Vec::new();
    }
    let mut readings = Vec::new();
    for (row, pattern) in table::ROWS.iter().enumerate() {
        for names in pattern::matches(pattern.words, &words) {
            if let Some(entities) = entities(&names) {
                readings.push(Reading { intent: pattern.intent, entities, row, weak: pattern.weak });
            }
        }
    }
    readings
}

/// The names as texts; `None` if they can't be names. In "is vitamin a a vitamin" the article before the second name was
/// already read: a name that begins with one more is a split at the wrong place.
fn entities(names: &[&[Word<'_>]]) -> Option<Vec<String>> {
    let second_has_article = names.len() > 1 && names[1..].iter().any(|name| name[0].is(&["a", "an"]) && !name[0].quoted);
    let only_an_article = names.iter().any(|name| name.len() == 1 && name[0].is(&["a", "an", "the"]) && !name[0].quoted);
    let text = |name: &&[Word<'_>]| name.iter().map(|word| word.text).collect::<Vec<_>>().join(" ");
    (!second_has_article && !only_an_article).then(|| names.iter().map(text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(question: &str) -> (Intent, Vec<String>) {
        let reading = readings(question).into_iter().next().unwrap_or_else(|| panic!("{question}"));
        (reading.intent, reading.entities)
    }

    #[test]
    fn each_intent_is_recognised() {
        use Intent::{Classes, Define, Groups, IsA, Kinds, Members, Parts, Relate, Wholes};
        let cases: &[(&str, Intent, &[&str])] = &[
            ("What is aspirin?", Define, &["aspirin"]),
            ("what's Basel III", Define, &["Basel III"]),
            ("What’s a tort ?", Define, &["a tort"]),
            ("Who is Alan Turing?", Define, &["Alan Turing"]),
            ("define estoppel", Define, &["estoppel"]),
            ("What does estoppel mean?", Define, &["estoppel"]),
            ("Is aspirin an NSAID?", IsA, &["aspirin", "NSAID"]),
            ("is a poodle a kind of dog", IsA, &["a poodle", "dog"]),
            ("Are mortgages loans?", IsA, &["mortgages", "loans"]),
            ("Is gold a metal", IsA, &["gold", "metal"]),
            ("How are aspirin and stroke related?", Relate, &["aspirin", "stroke"]),
            ("how is aspirin related to stroke", Relate, &["aspirin", "stroke"]),
            ("What connects aspirin and stroke?", Relate, &["aspirin", "stroke"]),
            ("What is the relation between aspirin and stroke?", Relate, &["aspirin", "stroke"]),
            ("what is the relationship between aspirin and stroke", Relate, &["aspirin", "stroke"]),
            ("What are the parts of the heart?", Parts, &["the heart"]),
            ("What parts does the heart have?", Parts, &["the heart"]),
            ("What are the kinds of loans?", Kinds, &["loans"]),
            ("what are types of loan", Kinds, &["loan"]),
            ("What is a kind of loan?", Kinds, &["loan"]),
            ("What are the members of the European Union?", Members, &["the European Union"]),
            ("What has the aorta as a part?", Wholes, &["the aorta"]),
            ("What has an aorta as part?", Wholes, &["an aorta"]),
            ("What is the aorta a part of?", Wholes, &["the aorta"]),
            ("What is the aorta part of?", Wholes, &["the aorta"]),
            ("What has France as a member?", Groups, &["France"]),
            ("What is France a member of?", Groups, &["France"]),
            ("What is aspirin a kind of?", Classes, &["aspirin"]),
        ];
        for (question, intent, entities) in cases {
            assert_eq!(first(question), (*intent, entities.iter().map(|name| (*name).to_owned()).collect()), "{question}");
        }
    }

    #[test]
    fn every_split_is_a_reading_and_quotes_forbid_some() {
        let splits = |question: &str| -> Vec<Vec<String>> {
            let all = readings(question);
            let row = all[0].row;
            all.into_iter().filter(|reading| reading.row == row).map(|reading| reading.entities).collect()
        };
        assert_eq!(splits("How are tax and law and EU related?"), [["tax", "law and EU"], ["tax and law", "EU"]]);
        assert_eq!(splits("How are \"tax and law\" and EU related?"), [["tax and law", "EU"]]);
        assert_eq!(splits("How are tax and “law and EU” related?"), [["tax", "law and EU"]]);
        assert_eq!(splits("is vitamin a a vitamin"), [["vitamin a", "vitamin"]]);
        assert_eq!(splits("are golden retrievers guide dogs").len(), 3);
    }

    #[test]
    fn other_sentences_have_no_reading_that_counts() {
        for question in
            ["", "?", "the weather tomorrow", "aspirin", "is it raining", "what is", "what is a", "why do banks fail?"]
        {
            assert!(readings(question).iter().all(|reading| reading.weak), "{question}: {:?}", readings(question));
        }
        assert!(readings(&format!("what is {}", "very ".repeat(WORDS))).is_empty());
    }
}
