//! `manifests/install.yaml`: the chart for those who have no Helm.

use crate::failure::Result;
use crate::manifests::helm::Helm;

/// In the workspace.
pub(crate) const PATH: &str = "manifests/install.yaml";

const BEGINNING: &str = "\
# The operator of Sutra Grid for every namespace, in a namespace of its own, with its custom resource definitions:
#
#   kubectl apply --server-side -f install.yaml
#
# Made from charts/sutra-operator by `cargo xtask manifests`; do not edit. The chart has settings, this has none.
# Do not `kubectl delete -f` it while there are SutraClusters that you need: they are deleted with their definition.
apiVersion: v1
kind: Namespace
metadata:
  name: sutra-system
  labels:
    app.kubernetes.io/part-of: sutra-grid
    pod-security.kubernetes.io/enforce: restricted
";

/// Renders it anew.
pub(crate) fn render(helm: &Helm) -> Result<String> {
    Ok(format!("{BEGINNING}{}", without_helm(&helm.template(&[])?)))
}

/// Leaves out what only Helm reads.
fn without_helm(rendered: &str) -> String {
    let helms = ["# Source: ", "helm.sh/chart: ", "app.kubernetes.io/managed-by: Helm"];
    let kept = rendered.lines().filter(|line| !helms.iter().any(|start| line.trim_start().starts_with(start)));
    let text: String = kept.flat_map(|line| [line, "\n"]).collect();
    text.replace("  annotations:\n    helm.sh/resource-policy: keep\n", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_helm_reads_is_left_out() {
        let rendered = "---\n# Source: a/b.yaml\nmetadata:\n  annotations:\n    helm.sh/resource-policy: keep\n  \
            labels:\n    app.kubernetes.io/managed-by: Helm\n    helm.sh/chart: a-1\n    a: b\n";
        assert_eq!(without_helm(rendered), "---\nmetadata:\n  labels:\n    a: b\n");
    }
}
