//! What concepts are called: the normal form of a name, and which names a concept has.

use unicode_normalization::UnicodeNormalization;

/// `text` as names are compared: Unicode NFKC, lower case, single spaces, without surrounding quotes and sentence marks.
pub fn normal_name(text: &str) -> String {
    // Both leave ASCII as it is, but for the case of its letters.
    let folded = if text.is_ascii() { text.to_ascii_lowercase() } else { text.nfkc().flat_map(char::to_lowercase).collect() };
    let mut name = String::with_capacity(folded.len());
    for word in folded.split_whitespace() {
        if !name.is_empty() {
            name.push(' ');
        }
        name.push_str(word);
    }
    name.trim_matches(|c: char| {
        matches!(c, '"' | '\'' | '“' | '”' | '‘' | '’' | '.' | '?' | '!' | ',' | ';' | ':') || c.is_whitespace()
    })
    .into()
}

/// The words before the first colon or comma, if there is one: what an entry such as "aspirin: a drug that …" is about.
pub fn leading_words(content: &str) -> Option<&str> {
    let (lead, _) = content.split_once([':', ','])?;
    let lead = lead.trim();
    (!lead.is_empty()).then_some(lead)
}

/// Every normal name under which a concept with this content and these aliases is found; without repetitions, in a fixed order.
pub fn names<'a>(content: &'a str, aliases: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut names = vec![normal_name(content)];
    let others = leading_words(content).into_iter().chain(aliases);
    for name in others.map(normal_name) {
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_concept_is_called_by_content_leading_words_and_aliases() {
        let content = "Aspirin: a drug that relieves pain";
        assert_eq!(names(content, ["ASA", "aspirin"]), ["aspirin: a drug that relieves pain", "aspirin", "asa"]);
        assert_eq!(leading_words("dog, domestic dog: a canine"), Some("dog"));
        assert_eq!(leading_words("dog"), None);
        assert_eq!(leading_words(": odd"), None);
    }

    #[test]
    fn case_spacing_and_sentence_marks_do_not_tell_names_apart() {
        assert_eq!(normal_name("  “Heart \u{a0} Attack”? "), "heart attack");
        assert_eq!(normal_name("ﬁbrosis"), "fibrosis");
        assert_eq!(normal_name(" Heart\tAttack. "), "heart attack");
    }
}
