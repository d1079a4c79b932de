//! What nodes run on: programs that Debian has, installed where we may.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use crate::console;
use crate::failure::{Failure, Result};

/// A Debian package and the files of which one tells that it is there, or what stands in for it.
#[derive(Debug)]
struct Package {
    name: &'static str,
    files: &'static [&'static str],
}

/// Docker's own packages bring containerd and runc too.
const NEEDED: [Package; 5] = [
    Package { name: "containerd", files: &["/usr/bin/containerd", "/usr/local/bin/containerd"] },
    Package { name: "runc", files: &["/usr/sbin/runc", "/usr/bin/runc", "/usr/local/sbin/runc", "/usr/local/bin/runc"] },
    Package {
        name: "containernetworking-plugins",
        files: &["/usr/lib/cni/bridge", "/opt/cni/bin/bridge", "/usr/libexec/cni/bridge"],
    },
    Package { name: "iptables", files: &["/usr/sbin/iptables", "/sbin/iptables"] },
    Package { name: "mount", files: &["/usr/bin/mount", "/bin/mount"] },
];

/// Installs what is missing, if we are root; else says how.
pub(crate) fn ensure() -> Result<()> {
    if !is_root() {
        return Err(Failure::new(
            "only root can make nodes (namespaces, mounts, links, cgroups): sudo -E env \"PATH=$PATH\" cargo xtask …\n\
             With Docker and kind, `cargo xtask up` needs no root; so it does with a KUBECONFIG of your own.",
        ));
    }
    let missing = missing(|file| Path::new(file).exists());
    if missing.is_empty() {
        return Ok(());
    }
    let install = format!("apt-get install -y --no-install-recommends {}", missing.join(" "));
    let phase = console::phase(&*install);
    let failed = |why: &str| Failure::new(format!("this machine lacks {}: {install}\n{why}", missing.join(", ")));
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(&missing);
    let mut ended = apt(&arguments).map_err(|why| failed(&why))?;
    if ended.is_err() {
        // A machine that was just made has no lists of packages, or old ones.
        apt(&["update"]).map_err(|why| failed(&why))?.map_err(|why| failed(&why))?;
        ended = apt(&arguments).map_err(|why| failed(&why))?;
    }
    ended.map_err(|why| failed(&why))?;
    phase.done();
    Ok(())
}

/// Runs apt-get: the inner error is what it said, the outer one that it does not run.
fn apt(arguments: &[&str]) -> std::result::Result<std::result::Result<(), String>, String> {
    let ended = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .map_err(|error| format!("apt-get does not run: {error}"))?;
    let said = || String::from_utf8_lossy(&ended.stderr).trim().to_owned();
    Ok(if ended.status.success() { Ok(()) } else { Err(said()) })
}

fn missing(exists: impl Fn(&str) -> bool) -> Vec<&'static str> {
    NEEDED.iter().filter(|package| !package.files.iter().any(|file| exists(file))).map(|package| package.name).collect()
}

/// Whose process this is.
fn is_root() -> bool {
    Path::new("/proc/self").metadata().is_ok_and(|process| process.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_of_a_package_is_enough() {
        assert_eq!(missing(|_| true), Vec::<&str>::new());
        assert_eq!(missing(|file| file != "/usr/sbin/runc" && !file.contains("cni")), ["containernetworking-plugins"]);
    }
}
