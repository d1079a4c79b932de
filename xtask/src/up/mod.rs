//! `cargo xtask up`: the operator and a small grid on Kubernetes, to look at.
//!
//! ```text
//! place ──> cluster (whose kubectl and helm, whose kubeconfig)
//! source ─> images where its nodes can pull them
//!             └─> release: helm, the sample, Ready ──> question
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | [`place`] | which Kubernetes: the one that KUBECONFIG names, kind, or our own |
//! | [`cluster`] | kubectl and helm on it |
//! | `source` | where its nodes get the images |
//! | [`release`] | the operator and the sample |
//! | `question` | one sentence taught and asked for |

use crate::arguments::Arguments;
use crate::console;
use crate::failure::Result;
use cluster::Cluster;
use place::Place;
use source::Source;

pub(crate) mod cluster;
pub(crate) mod place;
mod question;
pub(crate) mod release;
mod source;

pub(crate) const HELP: &str = "\
Brings the operator and a small grid up on Kubernetes, asks it a question, and says how to go on.
Again, it brings what has changed since.

Usage: cargo xtask up [--registry HOST[/PREFIX]] [--image-tag TAG [--image-prefix PREFIX]]

It takes the cluster that KUBECONFIG names, if that is set; else kind, if it and a running Docker are
there; else it makes a Kubernetes of three nodes on this machine, which needs root and Go and is built
from its sources the first time (5 to 10 minutes).

For a cluster of yours, say where it gets the images from:
  --registry      build them, and push them there as the user that `docker login` has noted
  --image-tag     take released ones with this tag
  --image-prefix  from here [default: ghcr.io/sutra-grid]

`cargo xtask down` takes away what was made.";

pub(crate) fn run(mut arguments: Arguments) -> Result<()> {
    let registry = arguments.value("--registry")?;
    let tag = arguments.value("--image-tag")?;
    let prefix = arguments.value("--image-prefix")?;
    arguments.finish()?;
    let place = Place::choose()?;
    // Before anything is made or built: half an installation helps nobody.
    let source = Source::choose(&place, registry, tag, prefix)?;
    println!("{}", console::bold(&place.to_string()));
    let made = source.build()?;
    let cluster = Cluster::up(&place)?;
    let images = source.provide(&cluster, made)?;
    release::install(&cluster, &images)?;
    release::start_sample(&cluster)?;
    question::ask(&cluster)?;
    invite(&place, &cluster);
    Ok(())
}

fn invite(place: &Place, cluster: &Cluster) {
    println!("\n{}", console::bold("The grid is up. Look around:"));
    if !matches!(place, Place::Given) {
        println!("  export KUBECONFIG={}", cluster.kubeconfig().display());
    }
    if let Some(programs) = cluster.programs_to_show() {
        println!("  export PATH={}:$PATH", programs.display());
    }
    println!("  kubectl get sutraclusters,sutrashards,pods,pvc");
    println!("  kubectl exec demo-0 -- sutra ask 'What is aspirin?'");
    println!("  kubectl port-forward service/demo 8000 &");
    println!("  curl -s localhost:8000/v1/reason -H 'content-type: application/json' -d '{{\"query\": \"What is aspirin?\"}}'");
    println!("  cargo xtask down");
}
