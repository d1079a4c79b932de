//! kubectl, helm and lab, run as a user runs them.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::environment::Environment;

/// No single command takes longer.
const LIMIT: Duration = Duration::from_secs(300);

/// What a command that ended said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Whether its status was 0.
    pub success: bool,
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub error: String,
}

impl Environment {
    /// Runs kubectl and yields what it prints.
    ///
    /// # Errors
    /// If it fails: what it complains of.
    pub async fn kubectl<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<String> {
        succeed(self.command(&self.kubectl, arguments), None).await
    }

    /// Runs kubectl with something to read.
    ///
    /// # Errors
    /// If it fails: what it complains of.
    pub async fn kubectl_with<A: AsRef<OsStr>>(&self, input: &str, arguments: impl IntoIterator<Item = A>) -> Result<String> {
        succeed(self.command(&self.kubectl, arguments), Some(input)).await
    }

    /// Runs kubectl, whether it succeeds or not.
    ///
    /// # Errors
    /// If it cannot be started or does not end.
    pub async fn try_kubectl<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<Said> {
        run(self.command(&self.kubectl, arguments), None).await
    }

    /// Runs helm and yields what it prints.
    ///
    /// # Errors
    /// If it fails: what it complains of.
    pub async fn helm<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<String> {
        succeed(self.command(&self.helm, arguments), None).await
    }

    /// Runs lab on the cluster's instance and yields what it prints.
    ///
    /// # Errors
    /// If it fails: what it complains of.
    pub async fn lab<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<String> {
        let mut command = self.command(&self.lab, arguments);
        command.arg("--dir").arg(&self.instance);
        succeed(command, None).await
    }

    fn command<A: AsRef<OsStr>>(&self, program: &Path, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).env("KUBECONFIG", &self.kubeconfig).kill_on_drop(true);
        // The cluster is on this machine; no proxy knows the way to it.
        for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(proxy);
        }
        command
    }
}

async fn succeed(command: Command, input: Option<&str>) -> Result<String> {
    let line = words(&command);
    let said = run(command, input).await?;
    if !said.success {
        bail!("`{line}` failed: {} {}", said.error.trim(), said.output.trim());
    }
    Ok(said.output)
}

async fn run(mut command: Command, input: Option<&str>) -> Result<Said> {
    let line = words(&command);
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() }).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("start `{line}`"))?;
    let feed = child.stdin.take().zip(input);
    let fed = async {
        match feed {
            Some((mut stdin, text)) => stdin.write_all(text.as_bytes()).await,
            None => Ok(()),
        }
    };
    let ended = async { tokio::try_join!(fed, child.wait_with_output()) };
    let ended = timeout(LIMIT, ended).await.with_context(|| format!("`{line}` did not end within {LIMIT:?}"))?;
    let ((), output) = ended.with_context(|| format!("run `{line}`"))?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Said { success: output.status.success(), output: text(output.stdout), error: text(output.stderr) })
}

fn words(command: &Command) -> String {
    let command = command.as_std();
    let name = Path::new(command.get_program()).file_name().unwrap_or_default();
    std::iter::once(name).chain(command.get_args()).map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
