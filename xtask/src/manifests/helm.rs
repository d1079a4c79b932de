//! The chart, rendered by Helm.

use std::path::PathBuf;
use std::process::Command;

use crate::failure::{Failure, Result};
use crate::kubernetes::Lab;
use crate::workspace;

/// The operator's chart.
pub(crate) const CHART: &str = "charts/sutra-operator";
/// Without a cluster Helm has to be told which one to think of.
const KUBERNETES: &str = "1.34.0";

/// Helm as it was built for our tests.
#[derive(Debug)]
pub(crate) struct Helm {
    program: PathBuf,
}

impl Helm {
    /// Builds it if it is not there.
    pub(crate) fn prepare() -> Result<Self> {
        Ok(Self { program: Lab::prepare()?.helm() })
    }

    /// The chart as release `sutra-operator` in the namespace `sutra-system`; values by `--set` in `arguments`.
    pub(crate) fn template(&self, arguments: &[&str]) -> Result<String> {
        let words = ["template", "sutra-operator", CHART, "--namespace", "sutra-system", "--kube-version", KUBERNETES];
        self.run(words.into_iter().chain(arguments.iter().copied()))
    }

    /// Complaints about the chart are failures.
    pub(crate) fn lint(&self) -> Result<String> {
        self.run(["lint", CHART, "--strict", "--quiet", "--kube-version", KUBERNETES])
    }

    fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<String> {
        let mut helm = Command::new(&self.program);
        helm.args(arguments).current_dir(workspace::root());
        let ended = helm.output().map_err(|error| Failure::new(format!("cannot run {}: {error}", self.program.display())))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if !ended.status.success() {
            return Err(Failure::new(format!("helm: {}{}", text(&ended.stdout), text(&ended.stderr).trim())));
        }
        Ok(text(&ended.stdout))
    }
}
