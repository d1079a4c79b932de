//! What a program needs at run time of this Debian: the loader, the shared libraries, and what says whose they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::root::Root;
use crate::failure::{Failure, Result};

/// Adds to `root` what these programs need, with each Debian package's copyright notice and its entry for scanners of images.
pub(crate) fn add(root: &mut Root, programs: &[PathBuf]) -> Result<()> {
    let mut needed = BTreeSet::new();
    for program in programs {
        needed.extend(needed_by(program)?);
    }
    let mut packages = BTreeMap::new();
    for library in needed {
        // Read through its symbolic links and kept under the name that the loader looks for.
        let content = read(&library)?;
        if is_loader(&library) {
            root.program(&library, content)
        } else {
            root.file(&library, content)
        }
        let package = Package::of(&library)?;
        packages.insert(package.name.clone(), package);
    }
    for package in packages.values() {
        package.add(root)?;
    }
    root.file("/etc/os-release", read("/etc/os-release")?);
    Ok(())
}

/// The absolute paths that the loader finds for a program.
pub(crate) fn needed_by(program: &Path) -> Result<Vec<String>> {
    let mut ldd = Command::new("ldd");
    ldd.arg(program).env("LC_ALL", "C").env_remove("LD_LIBRARY_PATH").env_remove("LD_PRELOAD");
    let text = output(&mut ldd)?;
    read_ldd(&text).map_err(|line| Failure::new(format!("{} lacks a library: {line}", program.display())))
}

/// Reads `NAME => PATH (ADDRESS)`, `PATH (ADDRESS)` for the loader and `NAME (ADDRESS)` for what the kernel provides.
fn read_ldd(text: &str) -> std::result::Result<Vec<String>, String> {
    let mut paths = Vec::new();
    for line in text.lines().map(str::trim) {
        let found = line.split_once(" => ").map_or(line, |(_, found)| found);
        if found.starts_with("not found") {
            return Err(line.to_owned());
        }
        paths.extend(found.split(' ').next().filter(|path| path.starts_with('/')).map(str::to_owned));
    }
    Ok(paths)
}

/// Whether this is what the kernel starts to load a program.
pub(crate) fn is_loader(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with("ld-linux"))
}

/// A Debian package.
struct Package {
    /// Without its architecture.
    name: String,
    /// What dpkg knows of it.
    status: String,
}

impl Package {
    /// The one that a file belongs to.
    fn of(file: &str) -> Result<Self> {
        // Where /lib is a link to /usr/lib, packages know a file by one of its names.
        let real = fs::canonicalize(file).map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
        let names = [file.to_owned(), format!("/usr{file}"), real.clone(), real.strip_prefix("/usr").unwrap_or(&real).to_owned()];
        let owner = names.iter().find_map(|name| {
            let text = output(Command::new("dpkg-query").args(["--search", name])).ok()?;
            text.split_once(':').map(|(package, _)| package.to_owned())
        });
        let name =
            owner.ok_or_else(|| Failure::new(format!("{file} belongs to no Debian package, so its licence is unknown")))?;
        let status = output(Command::new("dpkg-query").args(["--status", &name]))?;
        Ok(Self { name, status })
    }

    fn add(&self, root: &mut Root) -> Result<()> {
        let copyright = format!("/usr/share/doc/{}/copyright", self.name);
        root.file(&copyright, read(&copyright)?);
        // Where scanners look in images that have no package manager.
        root.file(&format!("/var/lib/dpkg/status.d/{}", self.name), self.status.clone());
        Ok(())
    }
}

fn read(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let path = path.as_ref();
    fs::read(path).map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))
}

fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let ended = command.output().map_err(|error| Failure::new(format!("cannot run {name}: {error}")))?;
    if !ended.status.success() {
        return Err(Failure::new(format!("{name}: {}", String::from_utf8_lossy(&ended.stderr).trim())));
    }
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_the_loader_are_files_and_what_the_kernel_provides_is_none() {
        let text = "\tlinux-vdso.so.1 (0x00007ffd)\n\
            \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f75)\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x00007f99)\n";
        assert_eq!(read_ldd(text).unwrap(), ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]);
        assert_eq!(read_ldd("\tlibssl.so.3 => not found\n").unwrap_err(), "libssl.so.3 => not found");
        assert!(read_ldd("\tstatically linked\n").unwrap().is_empty());
    }

    #[test]
    fn a_library_comes_with_its_package_and_notice() {
        if Command::new("dpkg-query").arg("--version").output().is_err() {
            return;
        }
        let ourselves = std::env::current_exe().unwrap();
        let mut root = Root::default();
        add(&mut root, std::slice::from_ref(&ourselves)).unwrap();
        let paths: BTreeSet<_> = root.entries().map(|(path, _)| format!("/{path}")).collect();
        assert!(needed_by(&ourselves).unwrap().iter().all(|needed| paths.contains(needed)), "{paths:?}");
        assert!(paths.contains("/usr/share/doc/libc6/copyright"), "{paths:?}");
        assert!(paths.contains("/var/lib/dpkg/status.d/libc6"), "{paths:?}");
    }
}
