//! The threads around the write log, step by step as the crate has them.

use std::time::Duration;

use shuttle::future::block_on;
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use shuttle::sync::mpsc::sync_channel;
use shuttle::sync::{Arc, Mutex};
use shuttle::thread::{self, JoinHandle};
use sutra_protocol::Timestamp;
use sutra_protocol::command::{Applied, LogIndex};
use sutra_storage::SubmitError;
use tokio::sync::oneshot;

use crate::control::Control;
use crate::fixture::{aspirin, learn};
use crate::write_log::{Bounds, Gate, Item, Pending, WriteLog};

const WRITERS: u8 = 3;
const WRITES: u8 = 2;
/// How often somebody asks who would ask for as long as there is an answer.
const ROUNDS: u8 = 8;
/// In the model no window ends by itself.
const FOR_EVER: Duration = Duration::from_secs(1 << 40);

/// What the threads share.
struct Ward {
    log: WriteLog,
    /// What was written, in order: writer and number.
    written: Mutex<Vec<(u8, u8)>>,
    /// Last entry that readers see.
    published: AtomicU64,
    /// A delta is laid aside.
    frozen: AtomicBool,
    /// Memory is full.
    full: AtomicBool,
    /// The keeper can't give memory back.
    trouble: AtomicBool,
    /// The keeper asks for nothing more: what waits may go.
    finished: AtomicBool,
    /// Callers come back together.
    gathers: Option<Gate>,
    /// The writer ends after this entry.
    fails_after: Option<u64>,
}

impl Ward {
    fn new() -> Self {
        Self {
            log: WriteLog::new(Bounds { commands: 100, bytes: 1 << 20 }),
            written: Mutex::default(),
            published: AtomicU64::new(0),
            frozen: AtomicBool::new(false),
            full: AtomicBool::new(false),
            trouble: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            gathers: None,
            fails_after: None,
        }
    }

    /// As `Store::submit`, up to the answer.
    fn admit(&self, writer: u8, number: u8) -> Result<oneshot::Receiver<Result<Applied, SubmitError>>, SubmitError> {
        let (reply, answer) = oneshot::channel();
        let pending = Pending { command: learn(aspirin()), encoded: vec![writer, number], reply };
        self.log.admit(Box::new(pending)).map_err(|(error, _)| error)?;
        Ok(answer)
    }

    /// As `Store::submit`.
    fn submit(&self, writer: u8, number: u8) -> Result<Applied, SubmitError> {
        block_on(self.admit(writer, number)?).unwrap_or(Err(SubmitError::Closed))
    }

    /// As `Store::flush`.
    fn flush(&self) -> Result<(), SubmitError> {
        let (done, flushed) = oneshot::channel();
        self.log.flush(done)?;
        block_on(flushed).map_err(|_| SubmitError::Closed)
    }

    /// As `Reconciler::gate`.
    fn gate(&self) -> Gate {
        let stalled = self.frozen.load(Ordering::SeqCst) && self.full.load(Ordering::SeqCst);
        if stalled && !self.trouble.load(Ordering::SeqCst) {
            return Gate::Shut;
        }
        self.gathers.unwrap_or_else(|| {
            let mut random = thread_rng();
            if random.gen_bool(0.5) { Gate::Open } else { Gate::Gather { commands: 2, window: Duration::ZERO } }
        })
    }

    /// As `Reconciler::run`.
    fn reconcile(&self) {
        loop {
            let gate = self.gate();
            let Some(taken) = self.log.take(gate) else { break };
            for control in taken.controls {
                self.control(control);
            }
            let (mut replies, mut flushes, mut batch) = (Vec::new(), Vec::new(), Vec::new());
            for item in taken.items {
                match item {
                    Item::Command(pending) => {
                        batch.push((pending.encoded[0], pending.encoded[1]));
                        replies.push(pending.reply);
                    }
                    Item::Flush(done) => flushes.push(done),
                }
            }
            if !batch.is_empty() {
                let is_free = gate != Gate::Shut || self.finished.load(Ordering::SeqCst);
                assert!(is_free, "commands were taken through a shut gate");
                let index = self.published.load(Ordering::SeqCst) + 1;
                if self.fails_after.is_some_and(|last| index > last) {
                    // As `Shared::end`; the replies are dropped.
                    return self.log.abandon();
                }
                self.written.lock().unwrap().extend(batch);
                // The disk takes its time.
                thread::yield_now();
                self.published.store(index, Ordering::SeqCst);
                for reply in replies {
                    let applied = Applied {
                        index: LogIndex(index),
                        recorded_at: Timestamp::default(),
                        repeated: false,
                        outcomes: Vec::new(),
                        sent: None,
                    };
                    let _ = reply.send(Ok(applied));
                }
            }
            for done in flushes {
                let _ = done.send(());
            }
        }
        self.log.abandon();
    }

    /// As `Reconciler::control`.
    fn control(&self, control: Control) {
        match control {
            Control::Freeze(frozen) => {
                self.frozen.store(true, Ordering::SeqCst);
                let _ = frozen.send(());
            }
            Control::Checkpointed(done) => {
                self.frozen.store(false, Ordering::SeqCst);
                self.full.store(false, Ordering::SeqCst);
                let _ = done.send(());
            }
            Control::Wake => {}
        }
    }

    /// As `Keeper::checkpoint`; `false`: nobody takes any more.
    fn checkpoint(&self) -> bool {
        let (frozen, is_frozen) = sync_channel(1);
        self.log.control(Control::Freeze(frozen));
        if is_frozen.recv().is_err() {
            return false;
        }
        thread::yield_now();
        let (done, is_done) = sync_channel(1);
        self.log.control(Control::Checkpointed(done));
        is_done.recv().is_ok()
    }

    /// That each was written once, and each writer's in their order.
    fn is_in_order(&self, whole: bool) {
        let written = self.written.lock().unwrap().clone();
        for writer in 0..WRITERS {
            let own: Vec<u8> = written.iter().filter(|(of, _)| *of == writer).map(|(_, number)| *number).collect();
            let right: Vec<u8> = (0..own.len() as u8).collect();
            assert_eq!(own, right, "{written:?}");
            assert!(!whole || own.len() == usize::from(WRITES), "{written:?}");
        }
    }
}

fn spawn<T: Send + 'static>(ward: &Arc<Ward>, run: impl FnOnce(&Ward) -> T + Send + 'static) -> JoinHandle<T> {
    let ward = Arc::clone(ward);
    thread::spawn(move || run(&ward))
}

/// Writers that wait for each answer before they write on.
fn writers(ward: &Arc<Ward>) -> Vec<JoinHandle<usize>> {
    let writer = |writer: u8| {
        spawn(ward, move |ward| {
            let mut answered = 0;
            for number in 0..WRITES {
                match ward.submit(writer, number) {
                    Ok(applied) => {
                        let published = ward.published.load(Ordering::SeqCst);
                        assert!(published >= applied.index.0, "answered before it was published");
                        answered += 1;
                    }
                    Err(SubmitError::Closed) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            answered
        })
    };
    (0..WRITERS).map(writer).collect()
}

/// As `Inner::close`: whoever waits for ever is a deadlock, which the checker reports.
fn close(ward: &Arc<Ward>, keeper: JoinHandle<()>, reconciler: JoinHandle<()>) {
    ward.log.close();
    keeper.join().unwrap();
    ward.finished.store(true, Ordering::SeqCst);
    ward.log.finish();
    reconciler.join().unwrap();
    assert_eq!(ward.submit(0, 0), Err(SubmitError::Closed));
    assert_eq!(ward.flush(), Err(SubmitError::Closed));
    assert!(!ward.checkpoint(), "after the end nobody is asked in vain");
}

pub(crate) fn admitted_is_answered() {
    let ward = Arc::new(Ward::new());
    let reconciler = spawn(&ward, Ward::reconcile);
    let keeper = spawn(&ward, |ward| assert!(ward.checkpoint()));
    let writers = writers(&ward);
    let flusher = spawn(&ward, |ward| {
        let answer = ward.admit(WRITERS, 0).unwrap();
        ward.flush().unwrap();
        // What was admitted before is published by now; so its answer is there.
        let applied = block_on(answer).unwrap().unwrap();
        assert!(ward.published.load(Ordering::SeqCst) >= applied.index.0);
    });
    for writer in writers {
        assert_eq!(writer.join().unwrap(), usize::from(WRITES));
    }
    flusher.join().unwrap();
    close(&ward, keeper, reconciler);
    ward.is_in_order(true);
}

pub(crate) fn gathering_ends() {
    // As many as there are, or more than there ever will be: then the end lets them through.
    let commands = usize::from(WRITERS * WRITES) + usize::from(thread_rng().gen_bool(0.5));
    let ward = Ward { gathers: Some(Gate::Gather { commands, window: FOR_EVER }), ..Ward::new() };
    let ward = Arc::new(ward);
    let reconciler = spawn(&ward, Ward::reconcile);
    let keeper = spawn(&ward, |_| {});
    let writers = (0..WRITERS).map(|writer| {
        spawn(&ward, move |ward| (0..WRITES).map(|number| ward.admit(writer, number).unwrap()).collect::<Vec<_>>())
    });
    let answers: Vec<_> = writers.collect::<Vec<_>>().into_iter().flat_map(|writer| writer.join().unwrap()).collect();
    let waits = answers.len();
    let answered = |answers: Vec<oneshot::Receiver<Result<Applied, SubmitError>>>| {
        answers.into_iter().for_each(|answer| {
            let applied = block_on(answer).unwrap().unwrap();
            assert_eq!(applied.index, LogIndex(1), "they were gathered into one entry");
        });
    };
    if commands == waits {
        // With all of them there nothing more is waited for.
        answered(answers);
        close(&ward, keeper, reconciler);
    } else {
        close(&ward, keeper, reconciler);
        answered(answers);
    }
    ward.is_in_order(true);
}

pub(crate) fn shut_gate_opens() {
    let ward = Ward::new();
    ward.frozen.store(true, Ordering::SeqCst);
    ward.full.store(true, Ordering::SeqCst);
    let ward = Arc::new(ward);
    let reconciler = spawn(&ward, Ward::reconcile);
    let writers = writers(&ward);
    let keeper = spawn(&ward, |ward| {
        thread::yield_now();
        assert_eq!(ward.published.load(Ordering::SeqCst), 0, "the gate was shut");
        let (done, is_done) = sync_channel(1);
        ward.log.control(Control::Checkpointed(done));
        is_done.recv().unwrap();
    });
    for writer in writers {
        assert_eq!(writer.join().unwrap(), usize::from(WRITES));
    }
    close(&ward, keeper, reconciler);
    ward.is_in_order(true);
}

pub(crate) fn trouble_opens() {
    let ward = Ward::new();
    ward.frozen.store(true, Ordering::SeqCst);
    ward.full.store(true, Ordering::SeqCst);
    let ward = Arc::new(ward);
    let reconciler = spawn(&ward, Ward::reconcile);
    let writers = writers(&ward);
    let keeper = spawn(&ward, |ward| {
        ward.trouble.store(true, Ordering::SeqCst);
        ward.log.control(Control::Wake);
    });
    for writer in writers {
        assert_eq!(writer.join().unwrap(), usize::from(WRITES));
    }
    close(&ward, keeper, reconciler);
    ward.is_in_order(true);
}

fn while_it_goes(ask: impl Fn() -> bool) {
    let _ = (0..ROUNDS).find(|_| !ask());
}

pub(crate) fn abandoned_ends_all() {
    let ward = Arc::new(Ward { fails_after: Some(1), ..Ward::new() });
    let reconciler = spawn(&ward, Ward::reconcile);
    let writers = writers(&ward);
    // They ask until they learn that nobody does it any more, but not for ever: a schedule need not be fair to the writers.
    let keeper = spawn(&ward, |ward| while_it_goes(|| ward.checkpoint()));
    let flusher = spawn(&ward, |ward| while_it_goes(|| ward.flush().is_ok()));
    let answered: usize = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
    flusher.join().unwrap();
    assert_eq!(answered, ward.written.lock().unwrap().len(), "who was answered was written, and the others were not");
    close(&ward, keeper, reconciler);
    ward.is_in_order(false);
}
