//! The Go module as something to be checked.

use std::path::{Path, PathBuf};

use super::build;
use super::go::Go;
use super::source::Source;
use crate::failure::Result;

/// The module and a Go for it.
#[derive(Debug)]
pub(crate) struct Module {
    source: Source,
    go: Go,
}

impl Module {
    /// What Go is run with: no C, and nothing of a workspace around us.
    pub(crate) const ENVIRONMENT: [(&'static str, &'static str); 2] = [("CGO_ENABLED", "0"), ("GOWORK", "off")];

    pub(crate) fn find() -> Result<Self> {
        let source = Source::read()?;
        let go = Go::find(&source)?;
        Ok(Self { source, go })
    }

    pub(crate) fn go(&self) -> &Path {
        self.go.path()
    }

    /// It comes with Go and lies beside it.
    pub(crate) fn gofmt(&self) -> String {
        let go: PathBuf = self.go.path().into();
        go.with_file_name("gofmt").to_string_lossy().into_owned()
    }

    pub(crate) fn directory(&self) -> String {
        self.source.directory.to_string_lossy().into_owned()
    }

    /// Arguments for `go test`, with the flags of the build: else all of Kubernetes would be compiled twice. And without
    /// `go vet`, which looks through all of Kubernetes too, for minutes; it is run by hand when the module changes.
    pub(crate) fn test_arguments(&self) -> Result<Vec<String>> {
        let mut arguments = vec!["-C".to_owned(), self.directory(), "test".to_owned(), "-vet=off".to_owned()];
        arguments.extend(build::flags(&self.source)?);
        arguments.push("./internal/...".to_owned());
        Ok(arguments)
    }
}
