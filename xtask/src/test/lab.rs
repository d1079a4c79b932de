//! The Go module that makes Kubernetes: its form and its tests, without root.

use std::ffi::OsString;

use super::run::Run;
use crate::failure::Result;
use crate::kubernetes::Module;

pub(crate) fn check(run: &mut Run) -> Result<()> {
    let module = Module::find()?;
    let environment = Module::ENVIRONMENT.map(|(name, value)| (name, OsString::from(value)));
    // gofmt says what it would change and ends well all the same.
    let format = r#"wrong=$("$1" -l "$2") && test -z "$wrong" || { printf 'gofmt -w %s\n' $wrong; exit 1; }"#;
    run.check("sh", ["-c", format, "sh", &module.gofmt(), &module.directory()], &environment)?;
    run.check(module.go(), module.test_arguments()?, &environment)
}
