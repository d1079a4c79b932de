//! Which Kubernetes.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cache;
use crate::failure::Result;
use crate::kubernetes;

/// What kind and the lab call the cluster that `up` makes.
pub(crate) const KIND_CLUSTER: &str = "sutra";
pub(crate) const OWN_CLUSTER: &str = "up";

/// The Kubernetes to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Somebody's, named by KUBECONFIG: nothing of it is changed beside what is installed.
    Given,
    /// kind's, in Docker.
    Kind,
    /// Our own.
    Own,
}

/// What decides.
#[derive(Clone, Debug, Default)]
struct Signs {
    /// KUBECONFIG names a cluster that `up` did not make.
    given: bool,
    /// KUBECONFIG names the one that `up` made, as it said to.
    own: bool,
    kind: bool,
}

impl Place {
    pub(crate) fn choose() -> Result<Self> {
        let named = env::var_os("KUBECONFIG").filter(|value| !value.is_empty()).map(PathBuf::from);
        let is = |path: &Path| named.as_deref() == Some(path);
        let own = is(&kubernetes::kubeconfig(&kubernetes::directory(OWN_CLUSTER)?));
        let made = own || is(&kind_kubeconfig()?);
        // Docker is asked only if that matters: it may take a while to say no.
        let given = named.is_some() && !made;
        Ok(Self::by(&Signs { given, own, kind: !given && !own && kind_works() }))
    }

    fn by(signs: &Signs) -> Self {
        match signs {
            Signs { given: true, .. } => Self::Given,
            Signs { own: false, kind: true, .. } => Self::Kind,
            Signs { .. } => Self::Own,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given => "Sutra Grid on the Kubernetes that KUBECONFIG names",
            Self::Kind => "Sutra Grid on kind, in Docker",
            Self::Own => "Sutra Grid on a Kubernetes of its own, on this machine",
        })
    }
}

/// The file that kind writes for us: the user's own is left alone.
pub(crate) fn kind_kubeconfig() -> Result<PathBuf> {
    Ok(cache::directory("kubernetes")?.join("kind.conf"))
}

/// Whether Docker runs and kind is there.
pub(crate) fn kind_works() -> bool {
    let works = |program: &str, argument: &str| {
        let mut command = Command::new(program);
        command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    works("kind", "version") && works("docker", "info")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_of_somebodys_comes_first_then_kind_then_our_own() {
        let signs = Signs::default();
        assert_eq!(Place::by(&signs), Place::Own);
        assert_eq!(Place::by(&Signs { kind: true, ..signs.clone() }), Place::Kind);
        assert_eq!(Place::by(&Signs { kind: true, given: true, ..signs.clone() }), Place::Given);
        assert_eq!(Place::by(&Signs { kind: true, own: true, ..signs }), Place::Own);
    }
}
