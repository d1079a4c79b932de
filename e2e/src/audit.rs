//! What the API server says who wrote.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::environment::Environment;

/// A request that was to change something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Who: `system:serviceaccount:NAMESPACE:NAME` for an operator.
    pub user: String,
    /// From which pod, where its token says so.
    pub pod: Option<String>,
    /// `create`, `update`, `patch`, `delete`.
    pub verb: String,
    /// In the plural, with the subresource: `sutraclusters/status`.
    pub resource: String,
    /// `NAMESPACE/NAME`.
    pub object: String,
    /// The answer's HTTP status.
    pub status: u64,
    /// When the request came, RFC 3339.
    pub at: String,
}

impl Write {
    /// Whether something was written.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether it is about who leads, or an event: not about what the operator cares for.
    #[must_use]
    pub fn is_lease(&self) -> bool {
        self.resource == "leases"
    }

    fn read(line: &str) -> Option<Self> {
        let entry: Value = serde_json::from_str(line).ok()?;
        if entry["stage"] != "ResponseComplete" {
            return None;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let object = &entry["objectRef"];
        let resource = [text(&object["resource"]), text(&object["subresource"])];
        Some(Self {
            user: text(&entry["user"]["username"]),
            pod: entry["user"]["extra"]["authentication.kubernetes.io/pod-name"][0].as_str().map(str::to_owned),
            verb: text(&entry["verb"]),
            resource: resource.join("/").trim_end_matches('/').to_owned(),
            object: format!("{}/{}", text(&object["namespace"]), text(&object["name"])),
            status: entry["responseStatus"]["code"].as_u64().unwrap_or_default(),
            at: text(&entry["requestReceivedTimestamp"]),
        })
    }
}

/// The log from some moment on.
#[derive(Clone, Debug)]
pub struct Audit {
    log: PathBuf,
    /// The file that was written at that moment; a full one is renamed.
    file: u64,
    offset: u64,
}

impl Audit {
    /// From now on.
    ///
    /// # Errors
    /// If there is no log.
    pub fn from_now(environment: &Environment) -> Result<Self> {
        let log = environment.audit_log.clone();
        let metadata = fs::metadata(&log).with_context(|| format!("find the audit log {}", log.display()))?;
        Ok(Self { log, file: metadata.ino(), offset: metadata.len() })
    }

    /// What was written since, by this user.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn writes_by(&self, user: &str) -> Result<Vec<Write>> {
        let mut writes = Vec::new();
        for (path, offset) in self.parts()? {
            let mut file = File::open(&path).with_context(|| format!("open {}", path.display()))?;
            file.seek(SeekFrom::Start(offset))?;
            for line in BufReader::new(file).lines() {
                let line = line?;
                // Most lines are others': parse few.
                if line.contains(user) {
                    writes.extend(Write::read(&line).filter(|write| write.user == user));
                }
            }
        }
        Ok(writes)
    }

    /// The file of that moment from where it was, and those after it.
    fn parts(&self) -> Result<Vec<(PathBuf, u64)>> {
        let directory = self.log.parent().unwrap_or(Path::new("."));
        let mut older: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path != self.log && path.extension().is_some_and(|extension| extension == "log") {
                older.push(path);
            }
        }
        // Their names hold the time at which they were full.
        older.sort();
        older.push(self.log.clone());
        let inode = |path: &Path| fs::metadata(path).map(|metadata| metadata.ino()).ok();
        let first =
            older.iter().position(|path| inode(path) == Some(self.file)).context("the audit log of that moment is gone")?;
        Ok(older.into_iter().skip(first).enumerate().map(|(at, path)| (path, if at == 0 { self.offset } else { 0 })).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_who_wrote_what() {
        let line = r#"{"kind":"Event","level":"Metadata","stage":"ResponseComplete","verb":"patch",
            "user":{"username":"system:serviceaccount:sutra-system:sutra-operator",
                    "extra":{"authentication.kubernetes.io/pod-name":["sutra-operator-7c9"]}},
            "objectRef":{"resource":"sutraclusters","namespace":"pharmacy","name":"leaflets","subresource":"status"},
            "responseStatus":{"code":200},"requestReceivedTimestamp":"2026-11-21T09:00:00.000000Z"}"#;
        let write = Write::read(line).unwrap();
        assert_eq!(write.pod.as_deref(), Some("sutra-operator-7c9"));
        assert_eq!((write.resource.as_str(), write.object.as_str()), ("sutraclusters/status", "pharmacy/leaflets"));
        assert!(write.succeeded() && !write.is_lease());
    }

    #[test]
    fn a_request_that_only_began_is_none() {
        assert_eq!(Write::read(r#"{"stage":"RequestReceived","verb":"create"}"#), None);
    }
}
