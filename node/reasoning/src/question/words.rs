//! A question as words.

/// A word, or a quoted name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    /// As the question says it; without its quotes.
    pub(super) text: &'a str,
    /// In lower case.
    pub(super) lower: String,
    /// Whether it stood in double quotes: it is a name, whatever it says.
    pub(super) quoted: bool,
}

impl Word<'_> {
    /// Whether it is one of these words.
    pub(super) fn is(&self, words: &[&str]) -> bool {
        !self.quoted && words.contains(&self.lower.as_str())
    }
}

/// The words of a question, contractions resolved, without the marks at its end and without words of courtesy before it.
pub(super) fn split(question: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = question.trim().trim_end_matches(|c: char| matches!(c, '?' | '!' | '.' | '？') || c.is_whitespace());
    while let Some(first) = rest.chars().next() {
        let closing = match first {
            '"' => Some('"'),
            '“' => Some('”'),
            _ => None,
        };
        let quoted = closing.and_then(|closing| {
            let inner = &rest[first.len_utf8()..];
            inner.find(closing).map(|end| (&inner[..end], &inner[end + closing.len_utf8()..]))
        });
        if let Some((name, after)) = quoted {
            if !name.trim().is_empty() {
                words.push(Word { text: name.trim(), lower: name.to_lowercase(), quoted: true });
            }
            rest = after.trim_start();
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            push(&mut words, &rest[..end]);
            rest = rest[end..].trim_start();
        }
    }
    let courtesy = words.iter().take_while(|word| word.is(&["please", "please,", "so", "so,", "and"])).count();
    words.drain(..courtesy);
    words
}

fn push<'a>(words: &mut Vec<Word<'a>>, text: &'a str) {
    let lower = text.to_lowercase().replace('’', "'");
    let contracted = match lower.as_str() {
        "what's" | "whats" => Some(["what", "is"]),
        "who's" | "whos" => Some(["who", "is"]),
        "what're" => Some(["what", "are"]),
        _ => None,
    };
    match contracted {
        Some(both) => words.extend(both.map(|text| Word { text, lower: text.to_owned(), quoted: false })),
        None => words.push(Word { text, lower, quoted: false }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_a_name_together_and_marks_go() {
        let words = split("Please what’s  \"guide dog\" ?!");
        assert_eq!(words.iter().map(|word| word.text).collect::<Vec<_>>(), ["what", "is", "guide dog"]);
        assert!(words[2].quoted);
        assert_eq!(split("a \"b c").iter().map(|word| word.text).collect::<Vec<_>>(), ["a", "\"b", "c"]);
    }
}
