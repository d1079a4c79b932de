//! The chart without a cluster: what it renders, what it refuses, and that the files made from it are fresh.

use std::fs;

use super::run::Run;
use crate::failure::{Failure, Result};
use crate::manifests;
use crate::manifests::helm::Helm;
use crate::manifests::install;

/// Values and what has to be, and must not be, in one rendered document.
struct Rendering {
    why: &'static str,
    values: &'static [&'static str],
    /// `Kind/name`.
    document: &'static str,
    holds: &'static [&'static str],
    lacks: &'static [&'static str],
}

/// A value that the schema refuses.
struct Refusal {
    value: &'static str,
    /// In Helm's complaint.
    names: &'static str,
}

const DEPLOYMENT: &str = "Deployment/sutra-operator";

const RENDERINGS: &[Rendering] = &[
    Rendering {
        why: "two pods that keep to the restricted Pod Security standard",
        values: &[],
        document: DEPLOYMENT,
        holds: &[
            "replicas: 2",
            "runAsNonRoot: true",
            "runAsUser: 65532",
            "type: RuntimeDefault",
            "allowPrivilegeEscalation: false",
            "readOnlyRootFilesystem: true",
            "drop: [ALL]",
            "enableServiceLinks: false",
            "path: /livez",
            "path: /readyz",
            "preferredDuringSchedulingIgnoredDuringExecution:",
        ],
        lacks: &["--namespace", "--cluster-selector", "imagePullPolicy"],
    },
    Rendering {
        why: "empty tags are the chart's version",
        values: &[],
        document: DEPLOYMENT,
        holds: &[
            concat!("image: ghcr.io/sutra-grid/sutra-operator:", env!("CARGO_PKG_VERSION"), "\n"),
            concat!("--node-image=ghcr.io/sutra-grid/sutra-node:", env!("CARGO_PKG_VERSION"), "\n"),
        ],
        lacks: &[],
    },
    Rendering {
        why: "images that were built here",
        values: &[
            "image.repository=sutra-operator",
            "image.tag=dev",
            "image.pullPolicy=IfNotPresent",
            "node.image.repository=registry.example.org:5000/sutra-node",
            "node.image.tag=dev",
        ],
        document: DEPLOYMENT,
        holds: &[
            "image: sutra-operator:dev\n",
            "imagePullPolicy: IfNotPresent",
            "--node-image=registry.example.org:5000/sutra-node:dev\n",
        ],
        lacks: &[],
    },
    Rendering {
        why: "the operator's settings",
        values: &[
            "watch.namespace=search",
            "watch.clusterSelector=team in (search\\,ads)",
            "poll=1s",
            "lease.duration=3s",
            "lease.renew=1s",
            "clusterDomain=k8s.example.org",
            "log=text",
        ],
        document: DEPLOYMENT,
        holds: &[
            "- --namespace=search\n",
            "- \"--cluster-selector=team in (search,ads)\"\n",
            "- --poll=1s\n",
            "- --lease-duration=3s\n",
            "- --lease-renew=1s\n",
            "- --cluster-domain=k8s.example.org\n",
            "- --log=text\n",
        ],
        lacks: &[],
    },
    Rendering {
        why: "no secret can be listed, claims go one by one, and of machines only the zone is asked",
        values: &[],
        document: "ClusterRole/sutra-operator",
        holds: &[
            "resources: [secrets]\n    verbs: [get, create]\n",
            "resources: [persistentvolumeclaims]\n    verbs: [get, list, watch, patch, delete]\n",
            "resources: [nodes]\n    verbs: [get]\n",
        ],
        lacks: &["*", "deletecollection", "leases", "[namespaces"],
    },
    Rendering {
        why: "one watched namespace is a Role in it",
        values: &["watch.namespace=search"],
        document: "Role/sutra-operator",
        holds: &["namespace: search\n", "resources: [statefulsets]"],
        lacks: &["[nodes"],
    },
    Rendering {
        why: "whose binding names the account in the release's namespace",
        values: &["watch.namespace=search"],
        document: "RoleBinding/sutra-operator",
        holds: &["  namespace: search\n", "    namespace: sutra-system"],
        lacks: &[],
    },
    Rendering {
        why: "definitions outlive the release",
        values: &[],
        document: "CustomResourceDefinition/sutraclusters.sutra.dev",
        holds: &["helm.sh/resource-policy: keep"],
        lacks: &[],
    },
    Rendering {
        why: "the operator's own metrics",
        values: &["monitoring.podMonitor=true"],
        document: "PodMonitor/sutra-operator",
        holds: &["path: /metrics"],
        lacks: &[],
    },
    Rendering {
        why: "a drain takes one pod at a time",
        values: &[],
        document: "PodDisruptionBudget/sutra-operator",
        holds: &["maxUnavailable: 1", "unhealthyPodEvictionPolicy: AlwaysAllow"],
        lacks: &[],
    },
    Rendering {
        why: "somebody's own service account",
        values: &["serviceAccount.create=false", "serviceAccount.name=grid"],
        document: DEPLOYMENT,
        holds: &["serviceAccountName: grid\n"],
        lacks: &[],
    },
];

/// Values and what then is not rendered at all.
const ABSENT: &[(&str, &str)] = &[
    ("watch.namespace=search", "ClusterRole/sutra-operator"),
    ("watch.namespace=search", "ClusterRoleBinding/sutra-operator"),
    ("crds.install=false", "CustomResourceDefinition/sutraclusters.sutra.dev"),
    ("rbac.create=false", "ClusterRole/sutra-operator"),
    ("rbac.create=false", "Role/sutra-operator-lease"),
    ("serviceAccount.create=false", "ServiceAccount/sutra-operator"),
    ("replicas=1", "PodDisruptionBudget/sutra-operator"),
    ("podDisruptionBudget.enabled=false", "PodDisruptionBudget/sutra-operator"),
    ("monitoring.podMonitor=false", "PodMonitor/sutra-operator"),
];

const REFUSALS: &[Refusal] = &[
    Refusal { value: "replica=2", names: "'replica'" },
    Refusal { value: "image.registry=ghcr.io", names: "'registry'" },
    Refusal { value: "image.pullPolicy=Sometimes", names: "pullPolicy" },
    Refusal { value: "log=xml", names: "/log" },
    Refusal { value: "poll=15", names: "/poll" },
    Refusal { value: "lease.duration=fifteen", names: "/lease/duration" },
    Refusal { value: "replicas=-1", names: "/replicas" },
    Refusal { value: "watch.namespace=a_b", names: "/watch/namespace" },
    Refusal { value: "watch.namespaces={a}", names: "'namespaces'" },
    Refusal { value: "crds.install=yes-please", names: "/crds/install" },
];

pub(crate) fn check(run: &mut Run) -> Result<()> {
    let helm = Helm::prepare()?;
    let mut complaints = Vec::new();
    let mut note = |complaint: Option<String>| {
        run.count(complaint.is_none());
        complaints.extend(complaint);
    };
    note(helm.lint().err().map(|failure| failure.to_string()));
    note(stale(&helm)?);
    for rendering in RENDERINGS {
        note(rendering.complaint(&helm)?);
    }
    for (value, absent) in ABSENT {
        let rendered = helm.template(&["--set", value])?;
        note(document(&rendered, absent).map(|_| format!("{value} renders {absent}")));
    }
    for refusal in REFUSALS {
        note(refusal.complaint(&helm));
    }
    if complaints.is_empty() { Ok(()) } else { Err(Failure::new(complaints.join("\n"))) }
}

/// Whether the committed file is what the chart renders.
fn stale(helm: &Helm) -> Result<Option<String>> {
    let fresh = install::render(helm)?;
    let kept = fs::read_to_string(manifests::path()).unwrap_or_default();
    Ok((fresh != kept).then(|| format!("{} is stale: cargo xtask manifests", install::PATH)))
}

impl Rendering {
    fn complaint(&self, helm: &Helm) -> Result<Option<String>> {
        let arguments: Vec<_> = self.values.iter().flat_map(|value| ["--set", value]).collect();
        let rendered = helm.template(&arguments)?;
        let Some(document) = document(&rendered, self.document) else {
            return Ok(Some(format!("{}: there is no {}", self.why, self.document)));
        };
        let missing = self.holds.iter().find(|text| !document.contains(*text)).map(|text| format!("{text:?} is missing"));
        let wrong = self.lacks.iter().find(|text| document.contains(*text)).map(|text| format!("{text:?} is there"));
        Ok(missing.or(wrong).map(|what| format!("{}: {what} in\n{document}", self.why)))
    }
}

impl Refusal {
    fn complaint(&self, helm: &Helm) -> Option<String> {
        match helm.template(&["--set", self.value]) {
            Ok(_) => Some(format!("{} is taken", self.value)),
            Err(failure) if failure.to_string().contains(self.names) => None,
            Err(failure) => Some(format!("{} is refused without a word of {}: {failure}", self.value, self.names)),
        }
    }
}

/// The document of this `Kind/name`.
fn document<'a>(rendered: &'a str, name: &str) -> Option<&'a str> {
    let (kind, name) = name.split_once('/')?;
    let kind = format!("\nkind: {kind}\n");
    let name = format!("\n  name: {name}\n");
    rendered.split("\n---\n").find(|document| document.contains(&kind) && document.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_found_by_kind_and_name() {
        let rendered = "---\nkind: Role\nmetadata:\n  name: a\n---\n\nkind: Role\nmetadata:\n  name: b\nrules: []\n";
        assert!(document(rendered, "Role/b").unwrap().contains("rules"));
        assert!(document(rendered, "Role/c").is_none());
        assert!(document(rendered, "ClusterRole/a").is_none());
    }
}
