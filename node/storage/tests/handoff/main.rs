//! The hand-off between callers, write log, reconciler and keeper under a model checker: the crate's own write log, with the
//! checker's locks. What it can't see: time (a window for gathering is over at once, or only when the log is closed), and the
//! threads' own code, of which `model` has the order of steps.
//!
//! It has no test harness: the write log's own unit tests are compiled in with it, and run outside of the checker only.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on has failed"
)]
#![allow(dead_code, reason = "the write log has more than the model asks of it")]

mod model;
#[path = "../../src/write_log.rs"]
mod write_log;

#[path = "../../src/fixture.rs"]
mod fixture;

/// The model checker's locks, in place of the crate's module of the same name.
mod sync {
    pub(crate) use std::sync::PoisonError;

    pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};
}

/// What the keeper asks in the model.
mod control {
    use shuttle::sync::mpsc::SyncSender;

    pub(crate) enum Control {
        /// Lay the delta aside.
        Freeze(SyncSender<()>),
        /// What was laid aside is in a segment.
        Checkpointed(SyncSender<()>),
        /// Look again.
        Wake,
    }
}

mod entry {
    pub(crate) const COMMAND_OVERHEAD_BYTES: usize = 40;
}

mod error {
    pub(crate) use sutra_storage::SubmitError;
}

/// Schedules that each check tries, chosen at random and by the checker's second way.
const SCHEDULES: usize = 2_000;

fn main() {
    let checks: [(&str, fn()); 5] = [
        ("what_is_admitted_is_written_once_in_order_and_answered_after_it_is_published", model::admitted_is_answered),
        ("who_gathers_is_woken_by_the_last_command_or_the_end", model::gathering_ends),
        ("a_shut_gate_opens_when_the_keeper_has_given_memory_back", model::shut_gate_opens),
        ("a_shut_gate_opens_when_the_keeper_is_in_trouble", model::trouble_opens),
        ("nobody_waits_for_a_writer_that_has_ended", model::abandoned_ends_all),
    ];
    for (name, check) in checks {
        shuttle::check_random(check, SCHEDULES);
        shuttle::check_pct(check, SCHEDULES, 3);
        println!("test {name} ... ok");
    }
}
