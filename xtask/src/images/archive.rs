//! An OCI image layout in one tar archive, which containerd, Docker, kind, Podman and crane import.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};
use tar::{Builder, Header};

use super::Name;
use super::digest::Digest;
use super::layer::Layer;
use super::recipe::Recipe;

/// An image, ready to be written.
#[derive(Debug)]
pub(crate) struct Archive {
    /// Of the manifest: what a registry calls the image, whatever its tag.
    pub(crate) digest: Digest,
    bytes: Vec<u8>,
}

/// A blob and what it is.
struct Blob<'a> {
    media_type: &'static str,
    digest: Digest,
    bytes: &'a [u8],
}

impl<'a> Blob<'a> {
    fn new(media_type: &'static str, bytes: &'a [u8]) -> Self {
        Self { media_type, digest: Digest::of(bytes), bytes }
    }

    fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest.to_string(), "size": self.bytes.len()})
    }
}

impl Archive {
    /// Packs layers, the lowest first.
    pub(super) fn pack(recipe: Recipe, name: Name<'_>, layers: &[Layer]) -> io::Result<Self> {
        let config = text(configuration(recipe, name.version, layers));
        let config = Blob::new("application/vnd.oci.image.config.v1+json", config.as_bytes());
        let layers: Vec<_> =
            layers.iter().map(|layer| Blob::new("application/vnd.oci.image.layer.v1.tar", &layer.bytes)).collect();
        let manifest = text(json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config.descriptor(),
            "layers": layers.iter().map(Blob::descriptor).collect::<Vec<_>>(),
        }));
        let manifest = Blob::new("application/vnd.oci.image.manifest.v1+json", manifest.as_bytes());

        let mut tar = Builder::new(Vec::new());
        let mut append = |path: &str, bytes: &[u8]| {
            let mut header = Header::new_ustar();
            header.set_path(path)?;
            header.set_mode(0o644);
            header.set_mtime(0);
            header.set_uid(0);
            header.set_gid(0);
            header.set_size(bytes.len() as u64);
            header.set_cksum();
            tar.append(&header, bytes)
        };
        append("oci-layout", text(json!({"imageLayoutVersion": "1.0.0"})).as_bytes())?;
        append("index.json", text(index(recipe, name.tag, &manifest)).as_bytes())?;
        append("manifest.json", text(docker_manifest(recipe, name.tag, &config, &layers)).as_bytes())?;
        for blob in layers.iter().chain([&config, &manifest]) {
            append(&blob.digest.blob(), blob.bytes)?;
        }
        Ok(Self { digest: manifest.digest, bytes: tar.into_inner()? })
    }

    /// Writes it so that nobody sees half of it.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let partial = path.with_extension(format!("{}.partial", std::process::id()));
        fs::write(&partial, &self.bytes)?;
        fs::rename(&partial, path)
    }
}

fn configuration(recipe: Recipe, version: &str, layers: &[Layer]) -> Value {
    json!({
        "architecture": architecture(),
        "os": "linux",
        "config": recipe.config(version),
        "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|layer| layer.digest.to_string()).collect::<Vec<_>>()},
        "history": layers.iter().map(|_| json!({"created_by": "cargo xtask images"})).collect::<Vec<_>>(),
    })
}

/// Go's name for what this runs on, which is what the programs were built for.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn index(recipe: Recipe, tag: &str, manifest: &Blob<'_>) -> Value {
    let mut descriptor = manifest.descriptor();
    descriptor["platform"] = json!({"architecture": architecture(), "os": "linux"});
    descriptor["annotations"] = json!({
        "org.opencontainers.image.ref.name": tag,
        // What the kubelet makes of `NAME:TAG`; containerd takes this name as it is.
        "io.containerd.image.name": format!("docker.io/library/{}:{tag}", recipe.name()),
    });
    json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [descriptor]})
}

/// For Docker before 25, which does not read the layout.
fn docker_manifest(recipe: Recipe, tag: &str, config: &Blob<'_>, layers: &[Blob<'_>]) -> Value {
    json!([{
        "Config": config.digest.blob(),
        "RepoTags": [format!("{}:{tag}", recipe.name())],
        "Layers": layers.iter().map(|layer| layer.digest.blob()).collect::<Vec<_>>(),
    }])
}

/// Sorted keys, whichever features serde_json was built with: another order is another digest.
fn text(mut value: Value) -> String {
    value.sort_all_objects();
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::contents::Contents;
    use crate::images::root::Root;

    fn archive(tag: &str, program: &str) -> Archive {
        let mut programs = Root::default();
        programs.program("/usr/bin/sutra-node", program.into());
        let layers = [Recipe::Node.base(), programs].map(|root| Layer::pack(&root).unwrap());
        Archive::pack(Recipe::Node, Name { tag, version: "0.1.0" }, &layers).unwrap()
    }

    #[test]
    fn the_same_inputs_give_the_same_archive_and_a_changed_byte_another_digest() {
        assert_eq!(archive("dev", "a").bytes, archive("dev", "a").bytes);
        assert_ne!(archive("dev", "a").digest, archive("dev", "b").digest);
    }

    #[test]
    fn the_tag_is_no_part_of_the_image() {
        assert_eq!(archive("dev", "a").digest, archive("1.0.0", "a").digest);
    }

    #[test]
    fn what_was_packed_is_read_back_and_every_digest_fits() {
        let packed = archive("dev", "a");
        let contents = Contents::read(&packed.bytes[..]).unwrap();
        assert_eq!(contents.name, "docker.io/library/sutra-node:dev");
        assert_eq!(contents.executables(), ["usr/bin/sutra-node"]);
        assert_eq!(contents.config["config"]["Entrypoint"], json!(["/usr/bin/sutra-node"]));
    }

    #[test]
    fn a_damaged_archive_is_refused() {
        let mut bytes = archive("dev", "a program").bytes;
        let at = bytes.windows(9).position(|bytes| bytes == b"a program").unwrap();
        bytes[at] = b'A';
        let failure = Contents::read(&bytes[..]).unwrap_err().to_string();
        assert!(failure.contains("is not what its name says"), "{failure}");
    }
}
