//! Where the cluster's nodes get the images.

use std::process::Command;

use super::cluster::{Cluster, output};
use super::place::{KIND_CLUSTER, Place};
use crate::cache;
use crate::console;
use crate::failure::{Failure, Result};
use crate::images::{self, Image};
use crate::kubernetes::Lab;

/// Where the released images are.
const RELEASED: &str = "ghcr.io/sutra-grid";

/// Where they come from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// They are built and put into our own cluster's registry.
    Lab,
    /// They are built and put into kind's node.
    Kind,
    /// They are built and pushed to `HOST[/PREFIX]`.
    Registry(String),
    /// They are there already.
    Released { prefix: String, tag: String },
}

/// What the chart is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Names {
    /// In front of `/sutra-node` and `/sutra-operator`; none where they have no registry.
    pub(crate) prefix: Option<String>,
    pub(crate) tag: String,
}

impl Names {
    /// The repository of an image.
    pub(crate) fn repository(&self, name: &str) -> String {
        self.prefix.as_ref().map_or_else(|| name.to_owned(), |prefix| format!("{prefix}/{name}"))
    }

    fn reference(&self, name: &str) -> String {
        format!("{}:{}", self.repository(name), self.tag)
    }
}

/// Images that were built, and their common tag.
#[derive(Debug)]
pub(crate) struct Built {
    images: Vec<Image>,
    tag: String,
}

impl Source {
    pub(crate) fn choose(place: &Place, registry: Option<String>, tag: Option<String>, prefix: Option<String>) -> Result<Self> {
        match (registry, tag, place) {
            (Some(_), Some(_), _) => {
                Err(Failure::usage("--registry builds the images, --image-tag takes released ones: name one of them"))
            }
            (_, None, _) if prefix.is_some() => {
                Err(Failure::usage("--image-prefix says where released images are: --image-tag names them"))
            }
            (Some(registry), None, _) => Ok(Self::Registry(registry.trim_end_matches('/').to_owned())),
            (None, Some(tag), Place::Given) => Ok(Self::Released { prefix: prefix.unwrap_or_else(|| RELEASED.into()), tag }),
            (None, Some(_), _) => {
                Err(Failure::usage("--image-tag is for a cluster that KUBECONFIG names: here, the images are built"))
            }
            (None, None, Place::Given) => Err(Failure::usage(
                "the nodes of the cluster that KUBECONFIG names need a registry to pull the images from:\n  \
                 --registry HOST/PREFIX  builds them and pushes them there\n  \
                 --image-tag TAG         takes released ones\n\
                 (without KUBECONFIG, a cluster of our own is made)",
            )),
            (None, None, Place::Kind) => Ok(Self::Kind),
            (None, None, Place::Own) => Ok(Self::Lab),
        }
    }

    /// Builds what has to be built.
    pub(crate) fn build(&self) -> Result<Option<Built>> {
        if matches!(self, Self::Released { .. }) {
            return Ok(None);
        }
        let images = images::build(images::TAG)?;
        // A tag that says what is inside: a cluster sees by it that the image is another one, and never has an old one.
        let digests: String = images.iter().map(|image| image.digest.as_str()).collect();
        let tag = format!("{}-{}", images::TAG, cache::fingerprint(&digests));
        Ok(Some(Built { images, tag }))
    }

    /// Puts them where the cluster finds them.
    pub(crate) fn provide(&self, cluster: &Cluster, built: Option<Built>) -> Result<Names> {
        let Some(Built { images, tag }) = built else { return Ok(self.names(String::new())) };
        let names = self.names(tag);
        let phase = console::phase("bringing the images to the cluster");
        for image in &images {
            let reference = names.reference(image.name);
            match (self, &cluster.instance) {
                (Self::Kind, _) => load(&names, image)?,
                (Self::Registry(_), _) => {
                    output(
                        Command::new(Lab::prepare()?.program()).args(["push", "--remote"]).arg(&image.archive).arg(reference),
                    )?;
                }
                (_, Some(instance)) => {
                    instance.push(&image.archive, &reference)?;
                }
                (_, None) => return Err(Failure::new("this cluster has no registry of ours")),
            }
        }
        phase.done();
        Ok(names)
    }

    fn names(&self, built: String) -> Names {
        match self {
            Self::Lab => Names { prefix: Some(RELEASED.into()), tag: built },
            Self::Kind => Names { prefix: None, tag: built },
            Self::Registry(prefix) => Names { prefix: Some(prefix.clone()), tag: built },
            Self::Released { prefix, tag } => Names { prefix: Some(prefix.clone()), tag: tag.clone() },
        }
    }
}

/// kind takes the name from the archive, so it needs one with the tag that is used.
fn load(names: &Names, image: &Image) -> Result<()> {
    let images = images::build(&names.tag)?;
    let Some(image) = images.iter().find(|found| found.name == image.name) else {
        return Err(Failure::new(format!("the image {} was not built again", image.name)));
    };
    output(Command::new("kind").args(["load", "image-archive", "--name", KIND_CLUSTER]).arg(&image.archive))?;
    std::fs::remove_file(&image.archive)
        .map_err(|error| Failure::new(format!("cannot remove {}: {error}", image.archive.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(place: &Place, registry: Option<&str>, tag: Option<&str>) -> Result<Source> {
        Source::choose(place, registry.map(str::to_owned), tag.map(str::to_owned), None)
    }

    #[test]
    fn a_cluster_of_somebodys_has_to_be_told_where_images_are() {
        let failure = choose(&Place::Given, None, None).unwrap_err();
        assert!(failure.is_usage() && failure.to_string().contains("--registry"), "{failure}");
        let released = Source::Released { prefix: RELEASED.into(), tag: "0.1.0".into() };
        assert_eq!(choose(&Place::Given, None, Some("0.1.0")).unwrap(), released);
        assert_eq!(choose(&Place::Given, Some("r.example/a/"), None).unwrap(), Source::Registry("r.example/a".into()));
        assert!(choose(&Place::Given, Some("r.example"), Some("1")).is_err());
    }

    #[test]
    fn ours_gets_what_was_built() {
        assert_eq!(choose(&Place::Own, None, None).unwrap(), Source::Lab);
        assert_eq!(choose(&Place::Kind, None, None).unwrap(), Source::Kind);
        assert!(choose(&Place::Own, None, Some("1")).is_err());
        assert_eq!(Source::Lab.names("dev-1".into()).reference("sutra-node"), "ghcr.io/sutra-grid/sutra-node:dev-1");
        assert_eq!(Source::Kind.names("dev-1".into()).reference("sutra-node"), "sutra-node:dev-1");
    }
}
