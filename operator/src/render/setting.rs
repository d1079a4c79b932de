//! What cannot be known from the cluster alone.

/// What cannot be known from the cluster alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Image of the nodes.
    pub image: String,
    /// How pods are written.
    pub renderer: Renderer,
    /// What is written down as what the cluster runs when its spec names no image.
    pub recorded: Option<Recorded>,
    /// DNS domain of the Kubernetes cluster, such as `cluster.local`.
    pub cluster_domain: String,
    /// Namespace of the operator's own pods, which may ask nodes how they are.
    pub operator_namespace: String,
}

/// An image, and how pods with it are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The image.
    pub image: String,
    /// How pods are written.
    pub renderer: Renderer,
}

/// How pods are written. What a released revision renders never changes, so that an upgrade of the operator restarts no pod: a
/// change is a new revision, which a cluster takes together with a new image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Renderer {
    /// The first.
    One,
}

impl Renderer {
    /// What new clusters get.
    pub const LATEST: Self = Self::One;

    /// Its number, as in `status.rendererRevision`.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Self::One => 1,
        }
    }

    /// The revision of a number; `None` if this release does not know it, because a newer one wrote it.
    #[must_use]
    pub fn of(number: i32) -> Option<Self> {
        [Self::One].into_iter().find(|renderer| renderer.number() == number)
    }
}

/// The volume that each node claims. A stateful set that exists keeps the claim that it was made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Size, such as `10Gi`.
    pub size: String,
    /// Storage class; `None`: the Kubernetes cluster's default one.
    pub storage_class: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::Renderer;

    #[test]
    fn a_revision_is_found_by_its_number() {
        assert_eq!(Renderer::of(Renderer::LATEST.number()), Some(Renderer::LATEST));
        assert_eq!(Renderer::of(0), None);
        assert_eq!(Renderer::of(99), None);
    }
}
