//! Links and anchors in Markdown: every relative one has to lead somewhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};

/// Each link of a Markdown file under `root` that leads nowhere: `FILE:LINE: TARGET: why`.
pub(crate) fn broken(root: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    collect(root, &mut files).map_err(|error| Failure::new(format!("cannot list {}: {error}", root.display())))?;
    files.sort();
    let mut broken = Vec::new();
    for file in &files {
        let text = read(file)?;
        for (line, target) in links(&text) {
            if let Err(why) = follow(file, &target) {
                let shown = file.strip_prefix(root).unwrap_or(file).display();
                broken.push(format!("{shown}:{line}: {target}: {why}"));
            }
        }
    }
    Ok(broken)
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if name != "target" && !name.to_string_lossy().starts_with('.') {
                collect(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))
}

/// The targets of `[text](target)` outside code, with their line numbers.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, line) in prose(text) {
        let mut rest = line.as_str();
        while let Some((_, after)) = rest.split_once("](") {
            let Some((target, tail)) = after.split_once(')') else { break };
            // A title may follow the target.
            found.extend(target.split_whitespace().next().map(|target| (at, target.trim_matches(['<', '>']).to_owned())));
            rest = tail;
        }
    }
    found
}

/// The lines outside fenced code blocks, numbered from 1, with the code within them blanked.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let outside = line.split('`').enumerate().map(|(part, text)| if part % 2 == 0 { text } else { "" });
            lines.push((at + 1, outside.collect()));
        }
    }
    lines
}

fn follow(file: &Path, target: &str) -> std::result::Result<(), String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return Ok(());
    }
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let goal = match path {
        "" => file.to_owned(),
        relative => file.parent().unwrap_or(Path::new("")).join(relative),
    };
    if !goal.exists() {
        return Err("there is no such file".into());
    }
    let Some(anchor) = anchor.filter(|_| goal.extension().is_some_and(|extension| extension == "md")) else { return Ok(()) };
    let text = read(&goal).map_err(|failure| failure.to_string())?;
    if anchors(&text).iter().any(|known| known == anchor) { Ok(()) } else { Err("the file has no such heading".into()) }
}

/// The anchors of a file's headings, made as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let title = line.trim_start_matches('#');
        if fenced || title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let slug: String = kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect();
        let times = seen.entry(slug.clone()).or_default();
        anchors.push(if *times == 0 { slug } else { format!("{slug}-{times}") });
        *times += 1;
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_code_are_no_links() {
        let text = "[a](one.md) `[b](two.md)` [c](<three.md> \"title\")\n```\n[d](four.md)\n```\n[e](five.md)";
        let expected = [(1, "one.md"), (1, "three.md"), (5, "five.md")];
        assert_eq!(links(text), expected.map(|(line, target)| (line, target.to_owned())));
    }

    #[test]
    fn anchors_are_those_of_github() {
        let text = "# A write's way: `wal/`\n## Same\n## Same\n```\n# not a heading\n```\n#tag";
        assert_eq!(anchors(text), ["a-writes-way-wal", "same", "same-1"]);
    }

    #[test]
    fn missing_files_and_headings_are_told_apart() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert_eq!(follow(&here, "no-such.md").unwrap_err(), "there is no such file");
        assert_eq!(follow(&here, "https://example.org/no-such"), Ok(()));
        assert_eq!(follow(&here, "src/main.rs#L1"), Ok(()));
    }
}
