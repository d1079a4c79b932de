//! The file of all figures, a section for each part.

/// A part of the table: what `cargo xtask bench` calls it, and its heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
}

impl Part {
    pub(super) fn heading(self) -> String {
        format!("## {}\n", self.title)
    }
}

const INTRODUCTION: &str = "\
# Measured figures

Written by `cargo xtask bench`; do not edit. Medians unless a line says otherwise; a ratio is of two figures of one run. \
[README.md](README.md) says how to read it.
";

/// The file with this section in the place of the one of the same part, or after all others.
pub(crate) fn bind(old: &str, part: Part, section: &str) -> String {
    let mut sections: Vec<&str> = Vec::new();
    let mut rest = old.find("\n## ").map_or("", |at| &old[at + 1..]);
    while !rest.is_empty() {
        let end = rest.find("\n## ").map_or(rest.len(), |at| at + 1);
        sections.push(rest[..end].trim_end());
        rest = &rest[end..];
    }
    let heading = part.heading();
    match sections.iter_mut().find(|other| other.starts_with(&heading)) {
        Some(other) => *other = section.trim_end(),
        None => sections.push(section.trim_end()),
    }
    let mut paper = INTRODUCTION.to_owned();
    for section in sections {
        paper.push('\n');
        paper.push_str(section);
        paper.push('\n');
    }
    paper
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORAGE: Part = Part { name: "storage", title: "Storage" };
    const GRID: Part = Part { name: "grid", title: "Grid" };

    #[test]
    fn a_section_takes_the_place_of_its_own_and_leaves_the_others() {
        let first = bind("", STORAGE, "## Storage\n\n| start | 48 ms |\n");
        let both = bind(&first, GRID, "## Grid\n\n| gap | 1 s |\n");
        assert_eq!(both, format!("{INTRODUCTION}\n## Storage\n\n| start | 48 ms |\n\n## Grid\n\n| gap | 1 s |\n"));
        let again = bind(&both, STORAGE, "## Storage\n\n| start | 47 ms |\n");
        assert_eq!(again, both.replace("48", "47"));
    }
}
