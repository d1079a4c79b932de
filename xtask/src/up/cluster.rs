//! kubectl and helm on a cluster.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::place::{self, KIND_CLUSTER, OWN_CLUSTER, Place};
use crate::console;
use crate::failure::{Failure, Result};
use crate::kubernetes::{self, Instance, Lab};

/// A cluster that is up, and the programs that speak to it.
#[derive(Debug)]
pub(crate) struct Cluster {
    kubectl: PathBuf,
    helm: PathBuf,
    kubeconfig: PathBuf,
    /// Only of our own.
    pub(crate) instance: Option<Instance>,
}

impl Cluster {
    /// Finds it, or makes it.
    pub(crate) fn up(place: &Place) -> Result<Self> {
        match place {
            Place::Given => Self::given(),
            Place::Kind => Self::kind(),
            Place::Own => {
                let lab = Lab::prepare()?;
                let instance = lab.up(OWN_CLUSTER)?;
                let kubeconfig = instance.kubeconfig();
                Ok(Self { kubectl: lab.kubectl(), helm: lab.helm(), kubeconfig, instance: Some(instance) })
            }
        }
    }

    /// The one that KUBECONFIG names. It has to answer.
    pub(crate) fn given() -> Result<Self> {
        let kubeconfig = env::var_os("KUBECONFIG").unwrap_or_default().into();
        let cluster = Self::with_programs(kubeconfig)?;
        let context = cluster.kubectl(["config", "current-context"])?;
        let name = context.trim();
        cluster.kubectl(["version", "--request-timeout=15s"]).map_err(|failure| {
            Failure::new(format!("the cluster of the context {name:?}, which KUBECONFIG names, does not answer: {failure}"))
        })?;
        println!("  the context is {}", console::bold(name));
        Ok(cluster)
    }

    fn kind() -> Result<Self> {
        let kubeconfig = place::kind_kubeconfig()?;
        if output(Command::new("kind").args(["get", "clusters"]))?.lines().any(|name| name == KIND_CLUSTER) {
            output(Command::new("kind").args(["export", "kubeconfig", "--name", KIND_CLUSTER, "--kubeconfig"]).arg(&kubeconfig))?;
        } else {
            let phase = console::phase(format!("kind create cluster --name {KIND_CLUSTER}"));
            let mut kind = Command::new("kind");
            kind.args(["create", "cluster", "--name", KIND_CLUSTER, "--wait", "3m", "--kubeconfig"]).arg(&kubeconfig);
            output(&mut kind)?;
            phase.done();
        }
        Self::with_programs(kubeconfig)
    }

    /// The user's own programs, else ours.
    fn with_programs(kubeconfig: PathBuf) -> Result<Self> {
        let there =
            |name: &str, argument: &str| Command::new(name).arg(argument).output().is_ok_and(|ended| ended.status.success());
        let (kubectl, helm) = if there("kubectl", "--help") && there("helm", "version") {
            ("kubectl".into(), "helm".into())
        } else {
            let lab = Lab::prepare()?;
            (lab.kubectl(), lab.helm())
        };
        Ok(Self { kubectl, helm, kubeconfig, instance: None })
    }

    /// How to speak to it.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Where its programs are, if they are not the user's own.
    pub(crate) fn programs_to_show(&self) -> Option<&Path> {
        self.kubectl.parent().filter(|directory| !directory.as_os_str().is_empty())
    }

    /// What kubectl prints.
    pub(crate) fn kubectl<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<String> {
        output(self.command(&self.kubectl).args(arguments))
    }

    /// What helm prints.
    pub(crate) fn helm<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<String> {
        output(self.command(&self.helm).args(arguments))
    }

    /// Kubectl, to be started by [`crate::group`]: its program and environment.
    pub(crate) fn kubectl_program(&self) -> &Path {
        &self.kubectl
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("KUBECONFIG", &self.kubeconfig).current_dir(crate::workspace::root());
        command
    }
}

/// Takes away what [`Cluster::up`] made on this machine; tells whether there was something.
pub(crate) fn remove_made() -> Result<bool> {
    let mut was = false;
    if place::kind_works() && output(Command::new("kind").args(["get", "clusters"]))?.lines().any(|name| name == KIND_CLUSTER) {
        let phase = console::phase(format!("kind delete cluster --name {KIND_CLUSTER}"));
        output(
            Command::new("kind")
                .args(["delete", "cluster", "--name", KIND_CLUSTER, "--kubeconfig"])
                .arg(place::kind_kubeconfig()?),
        )?;
        phase.done();
        was = true;
    }
    if kubernetes::directory(OWN_CLUSTER)?.exists() {
        Lab::prepare()?.down(OWN_CLUSTER)?;
        was = true;
    }
    Ok(was)
}

/// What a program prints; its complaint is ours.
pub(super) fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let ended = command.output().map_err(|error| Failure::new(format!("cannot run {program}: {error}")))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if !ended.status.success() {
        let said = [text(&ended.stdout), text(&ended.stderr)].join("\n");
        let name = Path::new(&program).file_name().unwrap_or_default().to_string_lossy();
        return Err(Failure::new(format!("{name}: {}", said.trim())));
    }
    Ok(text(&ended.stdout))
}
