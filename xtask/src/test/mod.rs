//! `cargo xtask test`: every check of the project, in stages.
//!
//! | module | responsibility |
//! |---|---|
//! | `stages` | which stages there are |
//! | `run` | the commands of one stage: its time box, its log, its counts |
//! | `counts` | tests passed and failed, read from what test programs print |
//! | `deny` | cargo-deny at its pinned version |
//! | `python` | a node driven by Python clients |
//! | `chart` | the chart without a cluster |
//! | `lab` | the Go module that makes Kubernetes |
//! | `images` | the container images as they are shipped |
//! | `kubernetes` | the operator on a real Kubernetes |
//! | `links` | links and anchors in Markdown |

use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::cache;
use crate::console;
use crate::failure::{Failure, Result};
use counts::Counts;
use run::Run;
use stages::{STAGES, Stage};

mod chart;
mod counts;
mod deny;
mod images;
mod kubernetes;
mod lab;
mod links;
mod python;
mod run;
mod stages;

pub(crate) const HELP: &str = "\
Runs every check of the project in stages, and all of them even if one fails.

Usage: cargo xtask test [STAGE…] [--list]

  STAGE   only these; none: all, in order
  --list  the stages, what they do and how long each may take

Each stage ends with a line of its time and tests; what a failed one printed is shown.
The exit status is 0 if everything passed. With CI=true there are no colours and no progress,
and what cargo builds is kept in ~/.cache/sutra/target unless CARGO_TARGET_DIR is set.";

/// How a stage ended.
struct Outcome {
    counts: Counts,
    time: Duration,
    failure: Option<Failure>,
}

pub(crate) fn run(mut arguments: Arguments) -> Result<()> {
    let list = arguments.flag("--list");
    let names = arguments.words();
    arguments.finish()?;
    if list {
        for stage in STAGES {
            println!("{:<12} {} (at most {})", stage.name, stage.about, console::seconds(stage.limit));
        }
        return Ok(());
    }
    let stages = chosen(&names)?;
    let logs = cache::directory("logs")?;
    let mut total = Counts::default();
    let mut failed = Vec::new();
    for stage in stages {
        let outcome = attempt(stage, &logs)?;
        report(stage, &outcome);
        total += outcome.counts;
        if outcome.failure.is_some() {
            failed.push(stage.name);
        }
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("failed: {}; once more, alone: cargo xtask test {}", failed.join(", "), failed.join(" "))))
}

/// The stages of these names, in their own order; every stage if there are no names.
fn chosen(names: &[String]) -> Result<Vec<&'static Stage>> {
    if let Some(unknown) = names.iter().find(|name| STAGES.iter().all(|stage| stage.name != **name)) {
        let known: Vec<_> = STAGES.iter().map(|stage| stage.name).collect();
        return Err(Failure::usage(format!("there is no stage {unknown:?}; there are {}", known.join(", "))));
    }
    Ok(STAGES.iter().filter(|stage| names.is_empty() || names.iter().any(|name| name == stage.name)).collect())
}

fn attempt(stage: &Stage, logs: &std::path::Path) -> Result<Outcome> {
    let started = Instant::now();
    let mut run = Run::new(stage.name, &logs.join(format!("{}.log", stage.name)), started + stage.limit)?;
    let failure = (stage.work)(&mut run).err();
    let mut counts = run.counts();
    // A stage that failed although no test did (a compiler error, a time box) has failed all the same.
    if failure.is_some() && counts.failed == 0 {
        counts.failed = 1;
    }
    if failure.is_some() {
        run.show();
    }
    Ok(Outcome { counts, time: started.elapsed(), failure })
}

fn report(stage: &Stage, outcome: &Outcome) {
    console::status("");
    let verdict = match &outcome.failure {
        None => console::green("ok"),
        Some(_) => console::red("FAILED"),
    };
    let Counts { passed, failed } = outcome.counts;
    println!("{:<12} {verdict}  {:>12}  {passed} passed, {failed} failed", stage.name, console::seconds(outcome.time));
    if let Some(failure) = &outcome.failure {
        println!("{:<12} {failure}", "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_run_in_their_own_order_and_an_unknown_one_is_refused() {
        let names: Vec<_> = chosen(&["docs".into(), "format".into()]).unwrap().iter().map(|stage| stage.name).collect();
        assert_eq!(names, ["format", "docs"]);
        assert_eq!(chosen(&[]).unwrap().len(), STAGES.len());
        assert!(chosen(&["fromat".into()]).err().unwrap().is_usage());
    }
}
