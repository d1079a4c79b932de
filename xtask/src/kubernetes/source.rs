//! The Go module `e2e/cluster`: what it consists of and which versions it asks for.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cache;
use crate::failure::{Failure, Result};
use crate::workspace;

/// The module and what identifies a build of it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) directory: PathBuf,
    /// The text of `go.mod`.
    pub(crate) module: String,
    /// Every file that goes into the programs, with its content.
    text: String,
}

impl Source {
    pub(crate) fn read() -> Result<Self> {
        Self::of(&workspace::root().join("e2e/cluster"))
    }

    fn of(directory: &Path) -> Result<Self> {
        let cannot = |error: std::io::Error| Failure::new(format!("cannot read {}: {error}", directory.display()));
        let mut files = Vec::new();
        collect(directory, &mut files).map_err(cannot)?;
        files.sort();
        let mut text = String::new();
        for file in &files {
            // Relative, so that every checkout of the same sources shares one build.
            text.push_str(&file.strip_prefix(directory).unwrap_or(file).to_string_lossy());
            text.push('\0');
            text.push_str(&fs::read_to_string(file).map_err(cannot)?);
            text.push('\0');
        }
        let module = fs::read_to_string(directory.join("go.mod")).map_err(cannot)?;
        Ok(Self { directory: directory.to_owned(), module, text })
    }

    /// A name for what comes out of these sources with this compiler and these flags.
    pub(crate) fn fingerprint(&self, compiler: &str, flags: &str) -> String {
        cache::fingerprint(&format!("{compiler}\0{flags}\0{}", self.text))
    }

    /// The version of Go that the module asks for, as `1.24.0`.
    pub(crate) fn go(&self) -> Result<&str> {
        self.line("go ").ok_or_else(|| Failure::new("e2e/cluster/go.mod names no version of Go"))
    }

    /// The version of a module that this one requires, without the `v`.
    pub(crate) fn version(&self, path: &str) -> Result<&str> {
        let found = self.line(&format!("{path} v"));
        found.ok_or_else(|| Failure::new(format!("e2e/cluster/go.mod does not require {path}")))
    }

    fn line(&self, start: &str) -> Option<&str> {
        let rest = self.module.lines().find_map(|line| line.trim_start().strip_prefix(start))?;
        rest.split_whitespace().next()
    }
}

/// Tests and documents go into no program.
fn counts(name: &str) -> bool {
    !name.ends_with("_test.go") && !name.ends_with(".md") && !name.starts_with('.')
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !counts(&entry.file_name().to_string_lossy()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, files: &[(&str, &str)]) -> Source {
        let directory = std::env::temp_dir().join(format!("xtask-source-{}-{name}", std::process::id()));
        fs::create_dir_all(directory.join("lab")).unwrap();
        for (path, text) in files {
            fs::write(directory.join(path), text).unwrap();
        }
        let source = Source::of(&directory).unwrap();
        fs::remove_dir_all(&directory).unwrap();
        source
    }

    const MODULE: (&str, &str) = ("go.mod", "module m\n\ngo 1.24.0\n\nrequire (\n\tk8s.io/kubernetes v1.34.4\n)\n");

    #[test]
    fn a_build_is_known_by_its_sources_compiler_and_flags() {
        let one = source("one", &[MODULE, ("lab/main.go", "package main")]);
        let same = source("same", &[MODULE, ("lab/main.go", "package main"), ("lab/main_test.go", "x"), ("README.md", "y")]);
        let other = source("other", &[MODULE, ("lab/main.go", "package  main")]);
        let moved = source("moved", &[MODULE, ("lab/other.go", "package main")]);
        let print = one.fingerprint("go1.24", "-trimpath");
        assert_eq!(print, same.fingerprint("go1.24", "-trimpath"));
        for different in [
            other.fingerprint("go1.24", "-trimpath"),
            moved.fingerprint("go1.24", "-trimpath"),
            one.fingerprint("go1.25", "-trimpath"),
            one.fingerprint("go1.24", ""),
        ] {
            assert_ne!(print, different);
        }
    }

    #[test]
    fn versions_are_read_from_the_module() {
        let source = source("versions", &[MODULE]);
        assert_eq!(source.go().unwrap(), "1.24.0");
        assert_eq!(source.version("k8s.io/kubernetes").unwrap(), "1.34.4");
        assert!(source.version("example.org/other").is_err());
    }

    #[test]
    fn the_module_names_all_that_the_build_asks_it_for() {
        let source = Source::read().unwrap();
        assert!(source.go().is_ok());
        for path in ["k8s.io/kubernetes", "helm.sh/helm/v3"] {
            assert!(source.version(path).is_ok(), "{path}");
        }
    }
}
