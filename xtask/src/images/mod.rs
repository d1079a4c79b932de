//! `cargo xtask images`: the container images, made without Docker.
//!
//! ```text
//! release ──programs──┐
//! libraries ──┐       ├─> root ─> layer ─> archive (OCI layout)
//! recipe ─────┴─base──┘
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | `recipe` | what the images consist of |
//! | `libraries` | the loader, libraries and notices of this Debian |
//! | `root` | a root file system in memory |
//! | `layer`, `archive`, `digest` | the same bytes from the same inputs |
//! | `contents` | an image read back, for tests |

use std::fs;
use std::path::{Path, PathBuf};

use crate::arguments::Arguments;
use crate::cache;
use crate::console;
use crate::failure::{Failure, Result};
use crate::tools;
use archive::Archive;
use layer::Layer;
pub(crate) use recipe::Recipe;
use root::Root;

mod archive;
pub(crate) mod contents;
mod digest;
mod layer;
pub(crate) mod libraries;
mod recipe;
mod root;

pub(crate) const HELP: &str = "\
Builds the container images of the node and the operator, as archives that containerd, Docker, kind,
Podman and crane import. It needs a Debian or Ubuntu, whose C library goes into the images; elsewhere
the Dockerfile does the same. The same sources, toolchain and Debian packages give the same digests.

Usage: cargo xtask images [--only node|operator] [--tag TAG] [--version VERSION] [--output DIR]
       cargo xtask images --only node|operator --rootfs DIR

  --only    one image; without it both
  --tag     their tag [default: dev]
  --version what their label says [default: the project's]
  --output  where the archives go [default: ~/.cache/sutra/images]
  --rootfs  no archive, but the image's files in this new directory (owners only if you are root)

Each image holds its programs, the libraries they need and two users; no shell. They run as 65532.";

/// The tag of images that were built here and are not released.
pub(crate) const TAG: &str = "dev";

/// What its label says, unless told otherwise.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What images are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name<'a> {
    /// Outside of the image.
    tag: &'a str,
    /// Inside, so that another one makes another image.
    version: &'a str,
}

/// An image in its archive.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// `sutra-node` or `sutra-operator`.
    pub(crate) name: &'static str,
    /// `NAME:TAG`.
    pub(crate) reference: String,
    pub(crate) archive: PathBuf,
    /// Of its manifest, `sha256:HEX`.
    pub(crate) digest: String,
}

pub(crate) fn run(mut arguments: Arguments) -> Result<()> {
    let only = arguments.value("--only")?.map(|name| Recipe::named(&name)).transpose()?;
    let tag = arguments.value("--tag")?;
    let version = arguments.value("--version")?;
    let output = arguments.value("--output")?.map(PathBuf::from);
    let rootfs = arguments.value("--rootfs")?.map(PathBuf::from);
    arguments.finish()?;
    match (rootfs, only) {
        (Some(directory), Some(recipe)) if tag.is_none() && version.is_none() && output.is_none() => {
            return unpack(recipe, &directory);
        }
        (Some(_), _) => return Err(Failure::usage("--rootfs goes with --only node or --only operator, and nothing else")),
        (None, _) => {}
    }
    let recipes = only.map_or(Recipe::ALL.to_vec(), |recipe| vec![recipe]);
    let tag = tag.as_deref().unwrap_or(TAG);
    check_tag(tag)?;
    let name = Name { tag, version: version.as_deref().unwrap_or(VERSION) };
    let images = build_each(&recipes, name, &output.map_or_else(|| cache::directory("images"), Ok)?)?;
    for Image { name, reference, archive, digest } in images {
        let size = fs::metadata(&archive).map_or(0, |metadata| metadata.len());
        println!("{}  {digest}  {}\n  {reference} in {}", console::bold(name), megabytes(size), archive.display());
    }
    Ok(())
}

/// Builds both images with this tag, into the cache.
pub(crate) fn build(tag: &str) -> Result<Vec<Image>> {
    check_tag(tag)?;
    build_each(&Recipe::ALL, Name { tag, version: VERSION }, &cache::directory("images")?)
}

fn build_each(recipes: &[Recipe], name: Name<'_>, output: &Path) -> Result<Vec<Image>> {
    recipes.iter().map(|recipe| build_one(*recipe, name, output)).collect()
}

fn build_one(recipe: Recipe, Name { tag, version }: Name<'_>, output: &Path) -> Result<Image> {
    let name = recipe.name();
    cache::make(output)?;
    let Parts { base, programs } = parts(recipe)?;
    let path = output.join(format!("{name}-{tag}.tar"));
    let written = [base, programs].iter().map(Layer::pack).collect::<std::io::Result<Vec<_>>>().and_then(|layers| {
        let archive = Archive::pack(recipe, Name { tag, version }, &layers)?;
        archive.write(&path)?;
        Ok(archive)
    });
    let archive = written.map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
    let digest = archive.digest.to_string();
    Ok(Image { name, reference: format!("{name}:{tag}"), archive: path, digest })
}

/// What changes rarely and what changes with every build: two layers, so that a registry keeps the first.
struct Parts {
    base: Root,
    programs: Root,
}

fn parts(recipe: Recipe) -> Result<Parts> {
    tools::require(&[tools::CARGO, tools::LINKER, tools::CPP, tools::MAKE, tools::LDD, tools::DPKG_QUERY])?;
    let phase = console::phase(format!("building {} (the first time takes minutes)", recipe.release().programs().join(" and ")));
    let directory = recipe.release().build()?;
    phase.done();
    let files: Vec<_> = recipe.release().programs().iter().map(|program| directory.join(program)).collect();
    let mut base = recipe.base();
    libraries::add(&mut base, &files)?;
    let mut programs = Root::default();
    for (program, file) in recipe.release().programs().iter().zip(&files) {
        let content = fs::read(file).map_err(|error| Failure::new(format!("cannot read {}: {error}", file.display())))?;
        programs.program(&format!("/usr/bin/{program}"), content);
    }
    Ok(Parts { base, programs })
}

fn unpack(recipe: Recipe, directory: &Path) -> Result<()> {
    // What lies there already would become part of the image.
    if fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::usage(format!("{} is not empty", directory.display())));
    }
    let Parts { base, programs } = parts(recipe)?;
    cache::make(directory)?;
    base.write(directory)?;
    programs.write(directory)?;
    println!("  {}: {}", recipe.name(), directory.display());
    Ok(())
}

fn check_tag(tag: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if (1..=128).contains(&tag.len()) && tag.chars().all(allowed) && !tag.starts_with(['.', '-']) {
        return Ok(());
    }
    Err(Failure::usage(format!("{tag:?} is no tag: letters, digits, _, . and -, at most 128, first neither . nor -")))
}

fn megabytes(size: u64) -> String {
    format!("{}.{} MB", size / 1_000_000, size % 1_000_000 / 100_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_what_registries_take() {
        assert!(check_tag("dev").is_ok());
        assert!(check_tag("0.1.0-rc.1").is_ok());
        for refused in ["", "a b", "-dev", ".dev", "a/b", "a:b"] {
            assert!(check_tag(refused).unwrap_err().is_usage(), "{refused}");
        }
    }

    #[test]
    fn the_dockerfile_has_the_projects_toolchain_and_starts_the_same_programs() {
        let read = |file: &str| fs::read_to_string(crate::workspace::root().join(file)).unwrap();
        let toolchain = read("rust-toolchain.toml");
        let (_, version) = toolchain.split_once("channel = \"").unwrap();
        let (version, _) = version.split_once('"').unwrap();
        let dockerfile = read("Dockerfile");
        assert!(dockerfile.contains(&format!("FROM rust:{version}-bookworm")), "not {version}");
        assert!(dockerfile.contains(&format!("RUSTUP_TOOLCHAIN={version}\n")), "not {version}");
        for recipe in Recipe::ALL {
            let config = recipe.config(VERSION);
            // As JSON has a list without blanks and a Dockerfile has them by custom.
            let list = |key: &str| config[key].to_string().replace(',', ", ");
            for line in [format!("ENTRYPOINT {}", list("Entrypoint")), format!("CMD {}", list("Cmd"))] {
                assert!(dockerfile.contains(&line), "no {line}");
            }
        }
    }

    #[test]
    fn sizes_are_in_megabytes() {
        assert_eq!(megabytes(21_460_000), "21.4 MB");
    }
}
