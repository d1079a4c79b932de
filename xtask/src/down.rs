//! `cargo xtask down`: takes away what `cargo xtask up` made.

use crate::arguments::Arguments;
use crate::failure::Result;
use crate::up::cluster::{self, Cluster};
use crate::up::place::Place;
use crate::up::release;

pub(crate) const HELP: &str = "\
Takes away what `cargo xtask up` made.

Usage: cargo xtask down

A Kubernetes that `up` made on this machine, its own or kind's, goes with all its volumes. From a cluster
that KUBECONFIG names, only the sample grid `demo` in the namespace `default` and the release
`sutra-operator` in `sutra-system` are removed; volumes and custom resource definitions stay.";

pub(crate) fn run(arguments: Arguments) -> Result<()> {
    arguments.finish()?;
    if Place::choose()? == Place::Given {
        return release::uninstall(&Cluster::given()?);
    }
    if !cluster::remove_made()? {
        println!("  nothing is up");
    }
    Ok(())
}
