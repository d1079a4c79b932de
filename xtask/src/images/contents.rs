//! An image read back from its archive, as an importer would.

use std::collections::BTreeMap;
use std::io::{self, Read};

use serde_json::Value;

use super::digest::Digest;
use crate::failure::{Failure, Result};

/// What is in an image whose digests all fit.
#[derive(Debug)]
pub(crate) struct Contents {
    /// The name that containerd gives it.
    pub(crate) name: String,
    pub(crate) config: Value,
    /// By path without the leading slash.
    pub(crate) files: BTreeMap<String, File>,
}

/// A file of an image.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) executable: bool,
    pub(crate) bytes: Vec<u8>,
}

impl Contents {
    /// Reads an archive and compares every blob with its name, every size and every layer with what the image says of it.
    pub(crate) fn read(archive: impl Read) -> Result<Self> {
        let blobs = unpack(archive).map_err(|error| Failure::new(format!("the archive is damaged: {error}")))?;
        let blobs = Blobs(blobs.into_iter().map(|(path, file)| (path, file.bytes)).collect());
        let layout = blobs.json("oci-layout")?;
        demand(layout["imageLayoutVersion"] == "1.0.0", "the archive is no image layout of version 1.0.0")?;
        let index = blobs.json("index.json")?;
        let entry = &index["manifests"][0];
        let manifest = parse(blobs.described(entry)?, "the manifest")?;
        let config = parse(blobs.described(&manifest["config"])?, "the configuration")?;
        let layers = manifest["layers"].as_array().ok_or_else(|| Failure::new("the manifest names no layers"))?;
        let mut files = BTreeMap::new();
        for (at, layer) in layers.iter().enumerate() {
            demand(config["rootfs"]["diff_ids"][at] == layer["digest"], "the configuration names other layers")?;
            let unpacked = unpack(blobs.described(layer)?);
            files.extend(unpacked.map_err(|error| Failure::new(format!("layer {at} is damaged: {error}")))?);
        }
        let name = entry["annotations"]["io.containerd.image.name"].as_str().unwrap_or_default().to_owned();
        Ok(Self { name, config, files })
    }

    /// What of it can be started.
    pub(crate) fn executables(&self) -> Vec<&str> {
        self.files.iter().filter(|(_, file)| file.executable).map(|(path, _)| path.as_str()).collect()
    }
}

/// The files of an image layout.
struct Blobs(BTreeMap<String, Vec<u8>>);

impl Blobs {
    fn file(&self, path: &str) -> Result<&[u8]> {
        self.0.get(path).map(Vec::as_slice).ok_or_else(|| Failure::new(format!("the archive lacks {path}")))
    }

    fn json(&self, path: &str) -> Result<Value> {
        parse(self.file(path)?, path)
    }

    /// The blob that a descriptor names.
    fn described(&self, descriptor: &Value) -> Result<&[u8]> {
        let digest = descriptor["digest"].as_str().unwrap_or_default();
        let bytes = self.file(&format!("blobs/{}", digest.replace(':', "/")))?;
        demand(Digest::of(bytes).to_string() == digest, &format!("{digest} is not what its name says"))?;
        demand(descriptor["size"] == bytes.len(), &format!("{digest} has another size than told"))?;
        Ok(bytes)
    }
}

fn parse(bytes: &[u8], what: &str) -> Result<Value> {
    serde_json::from_slice(bytes).map_err(|error| Failure::new(format!("{what} is no JSON: {error}")))
}

fn demand(holds: bool, otherwise: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Failure::new(otherwise)) }
}

fn unpack(archive: impl Read) -> io::Result<BTreeMap<String, File>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_file() {
            let path = entry.path()?.to_string_lossy().into_owned();
            let executable = entry.header().mode()? & 0o111 != 0;
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            files.insert(path, File { executable, bytes });
        }
    }
    Ok(files)
}
