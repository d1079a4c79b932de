//! What the images consist of.

use serde_json::{Value, json};

use super::root::{Owner, Root};
use crate::failure::{Failure, Result};
use crate::release::Release;

/// Which image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recipe {
    Node,
    Operator,
}

impl Recipe {
    pub(crate) const ALL: [Self; 2] = [Self::Node, Self::Operator];

    /// By its name on the command line.
    pub(crate) fn named(name: &str) -> Result<Self> {
        match name {
            "node" => Ok(Self::Node),
            "operator" => Ok(Self::Operator),
            other => Err(Failure::usage(format!("there is no image {other:?}; there are node and operator"))),
        }
    }

    /// The name in a registry.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Node => "sutra-node",
            Self::Operator => "sutra-operator",
        }
    }

    pub(crate) fn release(self) -> Release {
        match self {
            Self::Node => Release::Node,
            Self::Operator => Release::Operator,
        }
    }

    /// Users, places to write to and our licence; the libraries are not among it.
    pub(crate) fn base(self) -> Root {
        let mut root = Root::default();
        root.file("/etc/passwd", "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n");
        root.file("/etc/group", "root:x:0:\nnonroot:x:65532:\n");
        // Without it the C library asks DNS before /etc/hosts, where Kubernetes puts a pod's own name.
        root.file("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
        root.file("/usr/share/doc/sutra/copyright", include_str!("../../../LICENSE"));
        root.directory("/tmp", 0o1777, Owner::ROOT);
        if self == Self::Node {
            root.directory("/var/lib/sutra", 0o750, Owner::NONROOT);
        }
        root
    }

    /// The `config` of the image's configuration: how a container of it starts. Without the revision, which would give every
    /// commit images of its own even if nothing in them changed.
    pub(crate) fn config(self, version: &str) -> Value {
        let Owner(user) = Owner::NONROOT;
        json!({
            "User": format!("{user}:{user}"),
            "WorkingDir": "/",
            "Env": ["PATH=/usr/bin"],
            "Entrypoint": [format!("/usr/bin/{}", self.name())],
            "Cmd": self.command(),
            "ExposedPorts": self.ports().iter().map(|port| (format!("{port}/tcp"), json!({}))).collect::<serde_json::Map<_, _>>(),
            "Labels": {
                "org.opencontainers.image.title": self.name(),
                "org.opencontainers.image.description": self.description(),
                "org.opencontainers.image.version": version,
                "org.opencontainers.image.licenses": env!("CARGO_PKG_LICENSE"),
                "org.opencontainers.image.source": env!("CARGO_PKG_REPOSITORY"),
            },
        })
    }

    fn description(self) -> &'static str {
        match self {
            Self::Node => "A storage node of Sutra Grid, and its client",
            Self::Operator => "The Kubernetes operator of Sutra Grid",
        }
    }

    /// What the program is told if a container names no arguments.
    fn command(self) -> &'static [&'static str] {
        match self {
            Self::Node => &["serve", "--data-dir", "/var/lib/sutra"],
            Self::Operator => &["run"],
        }
    }

    fn ports(self) -> &'static [u16] {
        match self {
            // HTTP, MessagePack over TCP, peers.
            Self::Node => &[8000, 50051, 7001],
            // Metrics and probes.
            Self::Operator => &[8080],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_node_has_a_place_for_data_and_it_is_its_own() {
        let data =
            |recipe: Recipe| recipe.base().entries().find(|(path, _)| *path == "var/lib/sutra").map(|(_, entry)| entry.owner);
        assert_eq!(data(Recipe::Node), Some(Owner::NONROOT));
        assert_eq!(data(Recipe::Operator), None);
    }

    #[test]
    fn a_container_starts_as_a_user_without_rights() {
        for recipe in Recipe::ALL {
            assert_eq!(recipe.config("0.1.0")["User"], "65532:65532");
            assert_eq!(Recipe::named(recipe.name().strip_prefix("sutra-").unwrap()).unwrap(), recipe);
        }
    }
}
