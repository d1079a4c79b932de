//! How a name in a sentence may be stored: without its article, in the singular.

const ARTICLES: [&str; 3] = ["a ", "an ", "the "];
const IRREGULAR: [(&str, &str); 9] = [
    ("people", "person"),
    ("children", "child"),
    ("mice", "mouse"),
    ("teeth", "tooth"),
    ("feet", "foot"),
    ("geese", "goose"),
    ("criteria", "criterion"),
    ("bacteria", "bacterium"),
    ("diagnoses", "diagnosis"),
];

/// The spellings to try, in order: as it is, without a leading article, and each in the singular.
pub fn spellings(spoken: &str) -> Vec<String> {
    let spoken = spoken.trim();
    let bare = without_article(spoken);
    let mut spellings = vec![spoken.to_owned()];
    for spelling in std::iter::once(bare.to_owned()).chain(singulars(bare)) {
        if !spelling.is_empty() && !spellings.contains(&spelling) {
            spellings.push(spelling);
        }
    }
    spellings
}

/// `name` without "a", "an" or "the" before it.
pub(crate) fn without_article(name: &str) -> &str {
    let article =
        ARTICLES.iter().find(|article| name.get(..article.len()).is_some_and(|head| head.eq_ignore_ascii_case(article)));
    article.map_or(name, |article| name[article.len()..].trim_start())
}

/// What the last word of a plural may be in the singular, most likely first.
fn singulars(name: &str) -> Vec<String> {
    let (before, last) = name.rsplit_once(' ').map_or(("", name), |(before, last)| (before, last));
    let lower = last.to_lowercase();
    let cut = |ending: &str, singular: &str| {
        let stem = last.get(..last.len().checked_sub(ending.len())?)?;
        (stem.len() > 1 && lower.ends_with(ending)).then(|| format!("{stem}{singular}"))
    };
    let mut found: Vec<String> = Vec::new();
    if let Some((_, singular)) = IRREGULAR.iter().find(|(plural, _)| *plural == lower) {
        found.push((*singular).to_owned());
    }
    found.extend(cut("men", "man"));
    found.extend(cut("ies", "y"));
    found.extend(cut("ves", "f"));
    found.extend(cut("ves", "fe"));
    if !lower.ends_with("ss") && !lower.ends_with("us") && !lower.ends_with("is") {
        found.extend(cut("s", ""));
    }
    if ["ches", "shes", "xes", "sses", "zes", "oes", "uses"].iter().any(|ending| lower.ends_with(ending)) {
        found.extend(cut("es", ""));
    }
    let whole = |word: String| if before.is_empty() { word } else { format!("{before} {word}") };
    found.into_iter().map(whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_become_singulars() {
        for (plural, singular) in [
            ("dogs", "dog"),
            ("golden retrievers", "golden retriever"),
            ("therapies", "therapy"),
            ("wolves", "wolf"),
            ("knives", "knife"),
            ("boxes", "box"),
            ("viruses", "virus"),
            ("women", "woman"),
            ("Diagnoses", "diagnosis"),
        ] {
            assert!(spellings(plural).iter().any(|spelling| spelling == singular), "{plural}: {:?}", spellings(plural));
        }
        assert_eq!(spellings("an abscess"), ["an abscess", "abscess"]);
        assert_eq!(spellings("the"), ["the"]);
        assert_eq!(spellings("É"), ["É"]);
    }
}
