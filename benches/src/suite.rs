//! A run: the chosen measurements, their records, the table.
#![allow(clippy::print_stdout, reason = "the table of a run that writes no file is its answer")]

use std::fs;
use std::io::ErrorKind;
use std::time::Instant;

use anyhow::{Context as _, bail};

use crate::arguments::Run;
use crate::measure::{Measurement, Suite};
use crate::progress;
use crate::report::{About, Commit, Goal, Machine, Record, Recorder, Records, Row, Unit, bind, render};
use crate::scale::Scale;
use crate::setting::Setting;

/// Measures, keeps records, and writes or prints the table.
///
/// # Errors
/// If something cannot be measured at all; a measurement that fails is a line of the table, told at the end.
pub(crate) fn run(suite: Suite, arguments: Run) -> anyhow::Result<()> {
    if arguments.list {
        for measurement in suite.measurements {
            println!("{:16} {}", measurement.name, measurement.about);
        }
        return Ok(());
    }
    let chosen = choose(suite, &arguments.only)?;
    let Run { scale, seed, node, wordnet, xtask, source, scratch, cache, write, table, .. } = arguments;
    let records = Records::at(&arguments.records.join(suite.part.name))?;
    let mut failed = Vec::new();
    if !table {
        for dir in [&scratch, &cache] {
            fs::create_dir_all(dir).with_context(|| format!("make the directory {}", dir.display()))?;
        }
        let machine = Machine::look(&scratch)?;
        let commit = Commit::of(&source);
        let setting = Setting::new(scale, seed, [node, wordnet, xtask], scratch, cache);
        for measurement in &chosen {
            let about =
                About { measurement: measurement.name.into(), scale, seed, commit: commit.clone(), machine: machine.clone() };
            let (record, error) = measure(measurement, &setting, about);
            progress::step(format_args!("kept in {}", records.keep(&record)?.display()));
            failed.extend(error.map(|_| measurement.name));
        }
    }
    let shown: Vec<&Measurement> = if table || write { suite.measurements.iter().collect() } else { chosen };
    let whole = arguments.only.is_empty() && scale == Scale::Full;
    let text = section(suite, &records, scale, &shown)?;
    if write || (whole && failed.is_empty() && !table) {
        let path = source.join("RESULTS.md");
        let old = match fs::read_to_string(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => bail!("read {}: {error}", path.display()),
            old => old.unwrap_or_default(),
        };
        fs::write(&path, bind(&old, suite.part, &text)).with_context(|| format!("write {}", path.display()))?;
        progress::step(format_args!("wrote {}", path.display()));
    } else {
        println!("{text}");
    }
    if !failed.is_empty() {
        bail!("not measured: {}", failed.join(", "));
    }
    Ok(())
}

/// Those with these names; all without any.
fn choose(suite: Suite, only: &[String]) -> anyhow::Result<Vec<&'static Measurement>> {
    if only.is_empty() {
        return Ok(suite.measurements.iter().collect());
    }
    only.iter()
        .map(|name| {
            let found = suite.measurements.iter().find(|measurement| measurement.name == name);
            found.with_context(|| format!("there is no measurement {name:?}; --list names them"))
        })
        .collect()
}

fn measure(measurement: &Measurement, setting: &Setting, about: About) -> (Record, Option<anyhow::Error>) {
    progress::begin(measurement.name, measurement.about);
    let (mut recorder, started) = (Recorder::start(), Instant::now());
    let error = (measurement.run)(setting, &mut recorder).err();
    if let Some(error) = &error {
        progress::failed(measurement.name, error);
        recorder.row(Row::missing(measurement.about, Unit::Count, Goal::None, format!("{error:#}")));
    }
    (recorder.finish(about, started.elapsed().as_secs_f64()), error)
}

fn section(suite: Suite, records: &Records, scale: Scale, shown: &[&Measurement]) -> anyhow::Result<String> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for measurement in shown {
        match records.find(measurement.name, scale)? {
            Some(record) => found.push(record),
            None => missing.push(measurement.name),
        }
    }
    Ok(render(suite.part, scale, &found, &missing))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::measure::{GRID, STORAGE};

    #[test]
    fn names_choose_measurements_and_unknown_ones_are_refused() {
        for suite in [STORAGE, GRID] {
            assert_eq!(choose(suite, &[]).unwrap().len(), suite.measurements.len());
            assert_eq!(choose(suite, &["idle".into()]).unwrap()[0].name, "idle");
            assert!(choose(suite, &["idel".into()]).unwrap_err().to_string().contains("\"idel\""));
            let names: HashSet<&str> = suite.measurements.iter().map(|measurement| measurement.name).collect();
            assert_eq!(names.len(), suite.measurements.len());
        }
    }

    #[test]
    fn a_measurement_that_fails_is_a_line_of_the_table() {
        let dir = tempfile::tempdir().unwrap();
        let setting = Setting::new(Scale::Small, 1, [None, None, None], dir.path().into(), PathBuf::new());
        let failing = Measurement { name: "failing", about: "a disk that is full", run: |_, _| bail!("no space left") };
        let about = About {
            measurement: "failing".into(),
            scale: Scale::Small,
            seed: 1,
            commit: Commit::of(Path::new("/")),
            machine: Machine::look(dir.path()).unwrap(),
        };
        let (record, error) = measure(&failing, &setting, about);
        assert!(error.is_some());
        let text = render(STORAGE.part, Scale::Small, &[record], &[]);
        assert!(text.contains("| a disk that is full | – | not measured | no space left | – |"), "{text}");
    }
}
