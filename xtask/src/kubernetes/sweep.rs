//! Programs of former sources: 260 MB each, so that they do not stay for ever.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// How long a build is kept that nobody uses. Somebody who goes to and fro between branches needs two.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// Its time is when the build was last used.
const USED: &str = "used";

/// Notes that a build is used. That this fails is no reason to stop: it is swept too early at worst.
pub(crate) fn touch(home: &Path, now: SystemTime) {
    let _ = File::create(home.join(USED)).and_then(|file| file.set_modified(now));
}

/// Removes builds that nobody has used for a week, but never one that a cluster runs from.
pub(crate) fn sweep(cache: &Path, current: &Path) {
    let running = instances(&cache.join("instances"));
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let path = entry.path();
        let unused =
            || path.join(USED).metadata().and_then(|used| used.modified()).is_ok_and(|used| is_old(used, SystemTime::now()));
        if path != current && unused() && !running.contains(&*path.to_string_lossy()) {
            // Another xtask may be doing the same.
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// What the clusters say of themselves, their programs' paths among it.
fn instances(directory: &Path) -> String {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| fs::read_to_string(entry.path().join("instance.json")).ok()).collect()
}

fn is_old(used: SystemTime, now: SystemTime) -> bool {
    now.duration_since(used).is_ok_and(|age| age > KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_builds_that_no_cluster_runs_from_are_removed() {
        let cache = std::env::temp_dir().join(format!("xtask-sweep-{}", std::process::id()));
        let old = SystemTime::now() - 2 * KEPT;
        for (name, used) in [("current", old), ("old", old), ("recent", SystemTime::now()), ("running", old)] {
            fs::create_dir_all(cache.join(name).join("bin")).unwrap();
            touch(&cache.join(name), used);
        }
        fs::create_dir_all(cache.join("instances/up")).unwrap();
        let running = format!("{{\"programs\": \"{}\"}}", cache.join("running/bin").display());
        fs::write(cache.join("instances/up/instance.json"), running).unwrap();
        sweep(&cache, &cache.join("current"));
        let left = |name: &str| cache.join(name).is_dir();
        assert!(left("current") && left("recent") && left("running") && left("instances"));
        assert!(!left("old"));
        fs::remove_dir_all(&cache).unwrap();
    }
}
