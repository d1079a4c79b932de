//! One measurement's rows and samples.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::machine::{Commit, Machine, load};
use super::row::Row;
use crate::scale::Scale;
use crate::statistics::Samples;

/// Of a longer series, so many samples are kept, evenly spaced: the figures come from all of them.
const KEPT_SAMPLES: usize = 20_000;

/// A measurement while it runs.
#[derive(Debug)]
pub(crate) struct Recorder {
    rows: Vec<Row>,
    samples: BTreeMap<String, Series>,
    load: f64,
}

/// Raw numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) taken: usize,
    pub(crate) kept: Vec<f64>,
}

/// A measurement that has been made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) measurement: String,
    pub(crate) scale: Scale,
    pub(crate) seed: u64,
    /// RFC 3339, when it ended.
    pub(crate) at: String,
    pub(crate) commit: Commit,
    pub(crate) machine: Machine,
    /// The machine's load average when it began: above 0, somebody else was at work.
    pub(crate) load: f64,
    pub(crate) seconds: f64,
    pub(crate) rows: Vec<Row>,
    /// Times in seconds.
    pub(crate) samples: BTreeMap<String, Series>,
}

impl Recorder {
    pub(crate) fn start() -> Self {
        Self { rows: Vec::new(), samples: BTreeMap::new(), load: load() }
    }

    pub(crate) fn row(&mut self, row: Row) {
        crate::progress::row(&row);
        self.rows.push(row);
    }

    /// Keeps raw samples under a name.
    pub(crate) fn samples(&mut self, name: impl Into<String>, samples: &Samples) {
        let step = samples.len().div_ceil(KEPT_SAMPLES).max(1);
        let kept = samples.as_slice().iter().step_by(step).copied().collect();
        self.samples.insert(name.into(), Series { taken: samples.len(), kept });
    }

    pub(crate) fn finish(self, about: About, seconds: f64) -> Record {
        let About { measurement, scale, seed, commit, machine } = about;
        let at = sutra_protocol::Timestamp::from_micros(
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64),
        );
        let Self { rows, samples, load } = self;
        Record { measurement, scale, seed, at: at.to_string(), commit, machine, load, seconds, rows, samples }
    }
}

/// What all records of a run share, and this one's name.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) measurement: String,
    pub(crate) scale: Scale,
    pub(crate) seed: u64,
    pub(crate) commit: Commit,
    pub(crate) machine: Machine,
}

/// The directory that records are kept in, a file a measurement and scale; a newer record replaces the older.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    dir: PathBuf,
}

impl Records {
    pub(crate) fn at(dir: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("make the directory {}", dir.display()))?;
        Ok(Self { dir: dir.into() })
    }

    pub(crate) fn path(&self, measurement: &str, scale: Scale) -> PathBuf {
        self.dir.join(format!("{measurement}-{scale}.json"))
    }

    pub(crate) fn keep(&self, record: &Record) -> anyhow::Result<PathBuf> {
        let path = self.path(&record.measurement, record.scale);
        fs::write(&path, serde_json::to_vec(record)?).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }

    /// `None` if it has not been made.
    pub(crate) fn find(&self, measurement: &str, scale: Scale) -> anyhow::Result<Option<Record>> {
        let path = self.path(measurement, scale);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).with_context(|| format!("read {}", path.display()))?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::report::{Goal, Unit};

    /// A record of a measurement with this name and row.
    pub(in crate::report) fn record(measurement: &str, rows: Vec<Row>) -> Record {
        let machine = Machine {
            processor: "AMD EPYC".into(),
            cores: 2,
            memory_bytes: 24 << 30,
            kernel: "6.18".into(),
            file_system: "ext4 on /dev/vda".into(),
            fdatasync_p50: 0.001,
            fdatasync_p99: 0.004,
        };
        let commit = Commit { id: "0123456789ab".into(), changed: false };
        let about = About { measurement: measurement.into(), scale: Scale::Full, seed: 1, commit, machine };
        let mut recorder = Recorder { rows, samples: BTreeMap::new(), load: 0.1 };
        recorder.samples("latency", &(0..50_000).map(f64::from).collect());
        recorder.finish(about, 12.5)
    }

    #[test]
    fn a_record_is_read_back_and_long_series_are_thinned() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::at(dir.path()).unwrap();
        let made = record("idle", vec![Row::new("idle", Unit::Share, Goal::Below(0.005), 0.001, "30 s")]);
        assert_eq!(records.find("idle", Scale::Full).unwrap(), None);
        records.keep(&made).unwrap();
        assert_eq!(records.find("idle", Scale::Full).unwrap(), Some(made.clone()));
        assert_eq!(records.find("idle", Scale::Small).unwrap(), None);
        let series = &made.samples["latency"];
        assert_eq!((series.taken, series.kept.len()), (50_000, 16_667));
    }
}
