//! The container images as they are shipped: whole, alike each time, silent about this machine, and enough to run.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::run::{self, Run};
use crate::cache;
use crate::failure::{Failure, Result};
use crate::images::contents::Contents;
use crate::images::libraries;
use crate::workspace;

/// The programs of each image.
const IMAGES: [(&str, &[&str]); 2] = [("sutra-node", &["sutra", "sutra-node"]), ("sutra-operator", &["sutra-operator"])];

/// Builds both twice and looks into them.
pub(crate) fn check(run: &mut Run) -> Result<()> {
    let ourselves = std::env::current_exe().map_err(|error| Failure::new(format!("cannot find our own program: {error}")))?;
    let scratch = Scratch::new()?;
    let build =
        |run: &mut Run, to: &Path| run.run(&ourselves, ["images".into(), "--output".into(), to.as_os_str().to_owned()], &[]);
    let (first, second) = (scratch.0.join("first"), scratch.0.join("second"));
    build(run, &first)?;
    build(run, &second)?;
    let mut complaints = Vec::new();
    for (name, programs) in IMAGES {
        let archive = format!("{name}-dev.tar");
        let unlike =
            (read(&first.join(&archive))? != read(&second.join(&archive))?).then(|| "built twice, it differs".to_owned());
        note(run, &mut complaints, name, unlike);
        let contents = Contents::read(open(&first.join(&archive))?)?;
        note(run, &mut complaints, name, misnamed(&contents, name));
        note(run, &mut complaints, name, strangers(&contents, programs));
        note(run, &mut complaints, name, traces(&contents)?);
        let root = scratch.0.join(name);
        extract(&contents, &root)?;
        for program in programs {
            let why = starts_alone(run, &root, program).err().map(|failure| failure.to_string());
            note(run, &mut complaints, name, why);
        }
    }
    if complaints.is_empty() { Ok(()) } else { Err(Failure::new(complaints.join("\n"))) }
}

fn note(run: &mut Run, complaints: &mut Vec<String>, image: &str, complaint: Option<String>) {
    run.count(complaint.is_none());
    complaints.extend(complaint.map(|complaint| format!("{image}: {complaint}")));
}

/// A name that the kubelet would not find, or a user that a restricted namespace refuses.
fn misnamed(contents: &Contents, image: &str) -> Option<String> {
    let Contents { name, config, .. } = contents;
    let user = &config["config"]["User"];
    let fits = *name == format!("docker.io/library/{image}:dev") && user == "65532:65532";
    (!fits).then(|| format!("it is named {name} and runs as {user}"))
}

/// Whatever can be started and is neither ours nor the loader: a shell would be.
fn strangers(contents: &Contents, programs: &[&str]) -> Option<String> {
    let ours = |path: &str| path.strip_prefix("usr/bin/").is_some_and(|name| programs.contains(&name));
    let loader = |path: &str| path.rsplit('/').next().is_some_and(|name| name.starts_with("ld-linux"));
    let strange: Vec<_> = contents.executables().into_iter().filter(|path| !ours(path) && !loader(path)).collect();
    (!strange.is_empty()).then(|| format!("it holds what nobody needs: {}", strange.join(", ")))
}

/// Where the image says how this machine's directories are called.
fn traces(contents: &Contents) -> Result<Option<String>> {
    let home = std::env::var("CARGO_HOME").ok().or_else(|| std::env::var("HOME").ok().map(|home| format!("{home}/.cargo")));
    let target = run::target_directory()?;
    let mut places: Vec<String> = [workspace::root(), &target].iter().map(|place| place.display().to_string()).collect();
    places.extend(home);
    let found = contents.files.iter().find_map(|(path, file)| {
        let place = places.iter().find(|place| holds(&file.bytes, place.as_bytes()))?;
        Some(format!("/{path} names {place}"))
    });
    Ok(found)
}

fn holds(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

/// Starts a program by the image's own loader with the image's own libraries.
fn starts_alone(run: &mut Run, root: &Path, program: &str) -> Result<()> {
    let program = root.join("usr/bin").join(program);
    let needed = libraries::needed_by(&program)?;
    let inside = |path: &str| root.join(path.trim_start_matches('/'));
    let missing: Vec<_> = needed.iter().filter(|path| !inside(path).is_file()).cloned().collect();
    if !missing.is_empty() {
        return Err(Failure::new(format!("{} lacks {}", program.display(), missing.join(", "))));
    }
    let loader = needed.iter().find(|path| libraries::is_loader(path));
    let loader = inside(loader.ok_or_else(|| Failure::new(format!("{} names no loader", program.display())))?);
    let places: Vec<String> =
        needed.iter().filter_map(|path| inside(path).parent().map(|parent| parent.display().to_string())).collect();
    // Without the cache of this machine's libraries, so that none of them can help out.
    let arguments =
        ["--inhibit-cache".into(), "--library-path".into(), places.join(":").into(), program.into(), "--version".into()];
    run.run(loader, arguments.map(|argument: OsString| argument), &[])
}

fn extract(contents: &Contents, root: &Path) -> Result<()> {
    for (path, file) in &contents.files {
        let path = root.join(path);
        cache::make(path.parent().unwrap_or(root))?;
        let mode = if file.executable { 0o755 } else { 0o644 };
        fs::write(&path, &file.bytes)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)))
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))
}

/// A directory that is gone when this is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let path = cache::directory("scratch")?.join(format!("images-{}", std::process::id()));
        cache::make(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is in the cache, where it harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}
