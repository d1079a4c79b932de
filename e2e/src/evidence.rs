//! What is kept of a test that failed: objects, events and logs, before its namespaces go.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Error, Result};

use crate::case::Case;
use crate::environment::Environment;
use crate::operator;

/// What is kept of each namespace. `all` holds neither volumes nor settings.
const KINDS: &str = "sutraclusters,sutrashards,all,persistentvolumeclaims,configmaps,serviceaccounts,networkpolicies,\
                     poddisruptionbudgets,leases,rolebindings,roles,controllerrevisions";

/// Writes it into a directory of the test's own and names that.
pub(crate) async fn keep(case: &Case, failure: &Error) -> PathBuf {
    let environment = &case.world().environment;
    let directory = environment.evidence.join(case.name.replace("::", "-"));
    // What is there is of an earlier run.
    let _ = fs::remove_dir_all(&directory);
    let _ = fs::create_dir_all(&directory);
    write(&directory, "failure.txt", &format!("{failure:#}\n"));
    for namespace in case.namespaces() {
        keep_namespace(environment, &directory, &namespace).await;
    }
    let system = said(environment.kubectl(["get", "pods,deployments", "-n", operator::NAMESPACE, "-o", "yaml"]).await);
    write(&directory, "operator.yaml", &system);
    write(&directory, "operator.log", &logs(environment, operator::NAMESPACE).await);
    directory
}

async fn keep_namespace(environment: &Environment, directory: &Path, namespace: &str) {
    let objects = environment.kubectl(["get", KINDS, "-n", namespace, "-o", "yaml"]).await;
    write(directory, &format!("{namespace}.yaml"), &said(objects));
    let events = environment.kubectl(["get", "events", "-n", namespace, "--sort-by=.metadata.creationTimestamp"]).await;
    write(directory, &format!("{namespace}.events"), &said(events));
    write(directory, &format!("{namespace}.log"), &logs(environment, namespace).await);
    let volumes = environment.kubectl(["get", "persistentvolumes", "-o", "wide"]).await;
    write(directory, "volumes.txt", &said(volumes));
}

/// Of every pod, what it says and what it said before it was started again.
async fn logs(environment: &Environment, namespace: &str) -> String {
    let mut text = String::new();
    let pods = said(environment.kubectl(["get", "pods", "-n", namespace, "-o", "name"]).await);
    for pod in pods.lines() {
        for previous in ["--previous=true", "--previous=false"] {
            let log = environment.kubectl(["logs", pod, "-n", namespace, "--all-containers", "--tail=2000", previous]).await;
            // Most have no previous one, which is no news.
            if let Ok(log) = log {
                let _ = write!(text, "# {pod} {previous}\n{log}\n");
            }
        }
    }
    text
}

fn said(result: Result<String>) -> String {
    result.unwrap_or_else(|error| format!("{error:#}\n"))
}

fn write(directory: &Path, file: &str, text: &str) {
    // Nobody is left to hear of it, and the failure itself is reported all the same.
    let _ = fs::write(directory.join(file), text);
}
