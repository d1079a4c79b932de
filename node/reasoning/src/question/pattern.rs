//! Matching a question against a pattern.
//!
//! A pattern is words and names: `is|are` is one of two words, `the?` may be missing, `{x}` and `{y}` are names of one word or
//! more.

use super::words::Word;

/// Every way to match: the words of each name, in the order of the names.
pub(super) fn matches<'w, 'a>(pattern: &str, words: &'w [Word<'a>]) -> Vec<Vec<&'w [Word<'a>]>> {
    let pattern: Vec<&str> = pattern.split_whitespace().collect();
    let mut found = Vec::new();
    step(&pattern, words, &mut Vec::new(), &mut found);
    found
}

fn step<'w, 'a>(pattern: &[&str], words: &'w [Word<'a>], names: &mut Vec<&'w [Word<'a>]>, found: &mut Vec<Vec<&'w [Word<'a>]>>) {
    let Some((first, rest)) = pattern.split_first() else {
        // An optional article may be read as one or as the beginning of a name; the reading without it was found first.
        if words.is_empty() && !found.contains(names) {
            found.push(names.clone());
        }
        return;
    };
    if first.starts_with('{') {
        // The last name takes all that is left.
        let least = if rest.is_empty() { words.len().max(1) } else { 1 };
        for length in least..=words.len() {
            names.push(&words[..length]);
            step(rest, &words[length..], names, found);
            names.pop();
        }
        return;
    }
    let (choices, optional) = first.strip_suffix('?').map_or((*first, false), |choices| (choices, true));
    if let Some((word, after)) = words.split_first()
        && !word.quoted
        && choices.split('|').any(|choice| choice == word.lower)
    {
        step(rest, after, names, found);
        // Taking the word and leaving it to the next name would be the same question twice.
        return;
    }
    if optional {
        step(rest, words, names, found);
    }
}
