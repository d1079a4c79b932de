//! From the module's sources to programs in the cache, once for each state of the sources.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use super::go::Go;
use super::module::Module;
use super::source::Source;
use super::sweep;
use crate::cache;
use crate::console;
use crate::failure::{Failure, Result};
use crate::group::{self, Group, Reach};

/// Far more than a slow machine with a slow line takes.
const LIMIT: Duration = Duration::from_secs(45 * 60);
/// What is built: programs of the module, and one that it names as a tool.
const PROGRAMS: [&str; 4] = ["./kube", "./lab", "./pause", "helm.sh/helm/v3/cmd/helm"];
/// How much of what Go said is shown when it failed.
const SHOWN_LINES: usize = 40;

/// The directory of the programs, built if need be.
pub(crate) fn programs(cache: &Path) -> Result<PathBuf> {
    let source = Source::read()?;
    let go = Go::find(&source)?;
    let flags = flags(&source)?;
    let home = cache.join(source.fingerprint(&go.version, &flags.join(" ")));
    let programs = home.join("bin");
    if !programs.is_dir() {
        // Another xtask may be building the same; then this one waits and finds it done.
        let _lock = lock(cache)?;
        if !programs.is_dir() {
            build(&source, &go, &flags, &home)?;
        }
    }
    sweep::touch(&home, SystemTime::now());
    sweep::sweep(cache, &home);
    Ok(programs)
}

fn lock(cache: &Path) -> Result<File> {
    let path = cache.join("lock");
    let cannot = |error: std::io::Error| Failure::new(format!("cannot lock {}: {error}", path.display()));
    let file = File::create(&path).map_err(cannot)?;
    if file.try_lock().is_err() {
        console::status("waiting for another build of Kubernetes");
        file.lock().map_err(cannot)?;
        console::status("");
    }
    Ok(file)
}

/// Debugging information would triple the programs. Without its version, Kubernetes says that it is 0.0 and Helm that it is for
/// 1.20, which charts refuse.
pub(super) fn flags(source: &Source) -> Result<Vec<String>> {
    let kubernetes = source.version("k8s.io/kubernetes")?;
    let minor = kubernetes.split('.').nth(1).unwrap_or("0");
    let mut linker = vec!["-s".to_owned(), "-w".to_owned()];
    let mut set = |name: &str, value: &str| linker.push(format!("-X {name}={value}"));
    for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
        set(&format!("{package}.gitVersion"), &format!("v{kubernetes}"));
        set(&format!("{package}.gitMajor"), "1");
        set(&format!("{package}.gitMinor"), minor);
    }
    for package in ["helm.sh/helm/v3/pkg/chartutil", "helm.sh/helm/v3/pkg/lint/rules"] {
        set(&format!("{package}.k8sVersionMajor"), "1");
        set(&format!("{package}.k8sVersionMinor"), minor);
    }
    set("helm.sh/helm/v3/internal/version.version", &format!("v{}", source.version("helm.sh/helm/v3")?));
    Ok(vec![
        "-trimpath".into(),
        "-buildvcs=false".into(),
        "-gcflags=all=-dwarf=false".into(),
        format!("-ldflags={}", linker.join(" ")),
    ])
}

fn build(source: &Source, go: &Go, flags: &[String], home: &Path) -> Result<()> {
    let phase = console::phase("building Kubernetes and Helm from their sources (the first time takes 5 to 10 minutes)");
    let unfinished = home.with_extension("unfinished");
    // What a build that was interrupted has left.
    let _ = fs::remove_dir_all(&unfinished);
    let programs = unfinished.join("bin");
    cache::make(&programs)?;
    compile(source, go, flags, &programs)?;
    let finish = || {
        // One program is all parts of Kubernetes; its name says which.
        symlink("kube", programs.join("kubectl"))?;
        fs::rename(&unfinished, home)
    };
    finish()
        .map_err(|error: std::io::Error| Failure::new(format!("cannot keep what was built in {}: {error}", home.display())))?;
    phase.done();
    Ok(())
}

fn compile(source: &Source, go: &Go, flags: &[String], programs: &Path) -> Result<()> {
    let cannot = |error: std::io::Error| Failure::new(format!("cannot run go: {error}"));
    let mut command = group::command(Reach::Everyone, go.path());
    // -v names each package when it is compiled: our progress.
    command.args(["build", "-v"]).args(flags).arg("-o").arg(programs).args(PROGRAMS);
    command.current_dir(&source.directory).envs(Module::ENVIRONMENT);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let (mut group, pipes) = Group::spawn(&mut command).map_err(cannot)?;
    let said = pipes.stderr.map(follow).unwrap_or_default();
    let status = group.wait(LIMIT).map_err(cannot)?;
    if status.is_some_and(|status| status.success()) {
        return Ok(());
    }
    let last = &said[said.len().saturating_sub(SHOWN_LINES)..];
    Err(Failure::new(format!("Kubernetes could not be built in {}:\n{}", source.directory.display(), last.join("\n"))))
}

/// Shows how far Go has come, and yields what it said beside package names.
fn follow(messages: impl std::io::Read) -> Vec<String> {
    let started = Instant::now();
    let (mut fetched, mut compiled) = (0, 0);
    let mut said = Vec::new();
    for line in BufReader::new(messages).lines().map_while(std::result::Result::ok) {
        if line.starts_with("go: downloading ") {
            fetched += 1;
        } else if is_package(&line) {
            compiled += 1;
        } else {
            said.push(line);
        }
        let time = console::seconds(started.elapsed());
        console::status(&format!("  {fetched} modules fetched, {compiled} packages compiled, {time}"));
    }
    console::status("");
    said
}

/// A package's path; errors have blanks or a position with colons.
fn is_package(line: &str) -> bool {
    !line.is_empty() && line.chars().all(|c| c.is_ascii_alphanumeric() || "/._-~".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_are_told_their_versions() {
        let linker = flags(&Source::read().unwrap()).unwrap().pop().unwrap();
        assert!(linker.contains("component-base/version.gitVersion=v1."), "{linker}");
        assert!(linker.contains("chartutil.k8sVersionMinor="), "{linker}");
    }

    #[test]
    fn what_go_complains_of_is_kept_and_what_it_compiles_is_counted() {
        let text =
            "go: downloading k8s.io/api v0.34.4\nk8s.io/api/core/v1\ngolang.org/x/net/http2\n# lab\nlab/main.go:3:1: bad\n";
        assert_eq!(follow(text.as_bytes()), ["# lab", "lab/main.go:3:1: bad"]);
    }
}
