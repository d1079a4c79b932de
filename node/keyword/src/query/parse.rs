//! From the text of a query to its clauses.

use std::collections::HashSet;

use super::Clause;
use crate::words::words;

/// A word of fewer letters has too many neighbours to be asked for by them.
const SHORTEST_FUZZY: usize = 4;
/// From so many letters on, `~` allows two edits.
const LONG: usize = 8;

/// The clauses of `text`, each once, in the order of their first appearance.
pub(super) fn clauses(text: &str) -> Vec<Clause> {
    let mut clauses = Vec::new();
    let mut rest = text;
    let mut before = None;
    // Once no quote closes, no later one does: each is looked for once.
    let mut closable = true;
    while let Some(c) = rest.chars().next() {
        if is_quote(c) && closable && opens(before) {
            let inside = &rest[c.len_utf8()..];
            if let Some(end) = closing(inside) {
                clauses.extend(phrase(&inside[..end]));
                before = inside[end..].chars().next();
                rest = &inside[end + before.map_or(0, char::len_utf8)..];
                continue;
            }
            closable = false;
        }
        let end = if c.is_whitespace() { c.len_utf8() } else { token_end(rest) };
        token(&rest[..end], &mut clauses);
        before = rest[..end].chars().next_back();
        rest = &rest[end..];
    }
    let mut seen = HashSet::new();
    clauses.retain(|clause| seen.insert(clause.clone()));
    clauses
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„')
}

/// Whether a quote after `before` can begin a phrase: the inches of `5"` don't.
fn opens(before: Option<char>) -> bool {
    before.is_none_or(|c| !c.is_alphanumeric())
}

/// Where the phrase ends that `inside` begins with: at a quote with no letter or digit behind it.
fn closing(inside: &str) -> Option<usize> {
    let mut quotes = inside.char_indices().filter(|(_, c)| is_quote(*c));
    quotes.find(|(at, c)| inside[at + c.len_utf8()..].chars().next().is_none_or(|c| !c.is_alphanumeric())).map(|(at, _)| at)
}

/// Where the token ends that `rest` begins with: at a space, or at a quote that can begin a phrase.
fn token_end(rest: &str) -> usize {
    let mut before = None;
    for (at, c) in rest.char_indices() {
        if at > 0 && (c.is_whitespace() || is_quote(c) && opens(before)) {
            return at;
        }
        before = Some(c);
    }
    rest.len()
}

fn phrase(inside: &str) -> Option<Clause> {
    let mut words: Vec<Box<str>> = words(inside).map(|word| word.text.into()).collect();
    if words.len() > 1 { Some(Clause::Phrase(words)) } else { words.pop().map(Clause::Word) }
}

/// Reads what stands between two spaces: words, the last of which may have an operator.
fn token(token: &str, clauses: &mut Vec<Clause>) {
    let meant = token.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '*' && c != '~');
    let operators = [
        ("*", Operator::Prefix),
        ("~", Operator::Fuzzy(None)),
        ("~1", Operator::Fuzzy(Some(1))),
        ("~2", Operator::Fuzzy(Some(2))),
    ];
    let operator = operators.into_iter().find_map(|(sign, operator)| {
        let body = meant.strip_suffix(sign)?;
        body.ends_with(char::is_alphanumeric).then_some((body, operator))
    });
    let (body, operator) = operator.map_or((token, None), |(body, operator)| (body, Some(operator)));
    let mut words: Vec<Box<str>> = words(body).map(|word| word.text.into()).collect();
    let last = operator.and_then(|operator| Some(operator.on(words.pop()?)));
    clauses.extend(words.into_iter().map(Clause::Word));
    clauses.extend(last);
}

#[derive(Clone, Copy)]
enum Operator {
    Prefix,
    Fuzzy(Option<u8>),
}

impl Operator {
    fn on(self, word: Box<str>) -> Clause {
        let letters = word.chars().count();
        match self {
            Self::Prefix => Clause::Prefix(word),
            Self::Fuzzy(_) if letters < SHORTEST_FUZZY => Clause::Word(word),
            Self::Fuzzy(edits) => Clause::Fuzzy { word, edits: edits.unwrap_or(if letters < LONG { 1 } else { 2 }) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Query, QueryError};

    fn word(text: &str) -> Clause {
        Clause::Word(text.into())
    }

    fn phrase(words: &[&str]) -> Clause {
        Clause::Phrase(words.iter().map(|word| (*word).into()).collect())
    }

    fn fuzzy(word: &str, edits: u8) -> Clause {
        Clause::Fuzzy { word: word.into(), edits }
    }

    #[test]
    fn each_kind_of_clause_is_read() {
        let found = clauses("Aspirin \"Heart Attack\" ibu* asprin~ paracetamoll~ metfromin~1 insluin~2 COX-inhib*");
        let prefix = |word: &str| Clause::Prefix(word.into());
        let expected = [
            word("aspirin"),
            phrase(&["heart", "attack"]),
            prefix("ibu"),
            fuzzy("asprin", 1),
            fuzzy("paracetamoll", 2),
            fuzzy("metfromin", 1),
            fuzzy("insluin", 2),
            word("cox"),
            prefix("inhib"),
        ];
        assert_eq!(found, expected);
        assert_eq!(
            clauses("(asprin~1), “heart attack”; [ibu*]"),
            [fuzzy("asprin", 1), phrase(&["heart", "attack"]), prefix("ibu")]
        );
        assert_eq!(clauses("see(\"heart attack\")"), [word("see"), phrase(&["heart", "attack"])]);
    }

    #[test]
    fn what_cannot_be_an_operator_is_plain_text() {
        assert_eq!(clauses("5\" and 6\" pipe"), ["5", "and", "6", "pipe"].map(word));
        assert_eq!(clauses("\"heart attack"), ["heart", "attack"].map(word));
        assert_eq!(clauses("2*3 * ** ~ ~/notes a** b~~ don~3"), ["2", "3", "notes", "a", "b", "don"].map(word));
        assert_eq!(clauses("\"\" \"aspirin\" \"!\""), [word("aspirin")]);
        assert_eq!(clauses("flu~ flu~2"), [word("flu")]);
        assert!(clauses(" \t… ").is_empty());
    }

    #[test]
    fn a_clause_that_is_repeated_counts_once() {
        assert_eq!(clauses("pain Pain \"pain\" pain* pain*"), [word("pain"), Clause::Prefix("pain".into())]);
    }

    #[test]
    fn more_than_sixty_four_words_are_refused_with_the_bound() {
        let words = |count: usize| (0..count).map(|at| format!("w{at} ")).collect::<String>();
        assert!(Query::parse(&words(64)).is_ok());
        assert_eq!(Query::parse(&words(65)), Err(QueryError::TooManyWords { found: 65, bound: 64 }));
        let phrase = format!("\"{}\" one more", words(63));
        assert_eq!(Query::parse(&phrase), Err(QueryError::TooManyWords { found: 65, bound: 64 }));
        assert!(Query::parse("").unwrap().is_empty());
    }

    #[test]
    fn a_long_query_of_stray_quotes_is_read_in_one_pass() {
        // A quadratic reader takes minutes for this.
        let text = "(\"a".repeat(300_000);
        assert_eq!(clauses(&text), [word("a")]);
    }
}
