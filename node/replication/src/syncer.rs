//! Who waits for the log to be durable: one thread for all groups of a node.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use sutra_wal::{AppendError, Log, Position};

/// Called once what was waited for is durable, or can't be.
type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// Makes a log durable for those who ask, all who have asked meanwhile with one fsync.
#[derive(Clone, Debug)]
pub struct Syncer(Sender<(Position, Done)>);

impl Syncer {
    /// Starts the thread; it ends with the last clone. `on_fatal` is called with a sentence once the log can't be made durable any
    /// more: nothing true can be answered then.
    ///
    /// # Errors
    /// The system has no thread.
    pub fn start(log: Log, on_fatal: impl Fn(&str) + Send + 'static) -> io::Result<(Self, JoinHandle<()>)> {
        let (asks, asked) = channel();
        let thread = std::thread::Builder::new().name("log-sync".into()).spawn(move || run(&log, &asked, &on_fatal))?;
        Ok((Self(asks), thread))
    }

    /// Calls `done` when everything up to `position` is durable.
    pub(crate) fn sync(&self, position: Position, done: impl FnOnce(io::Result<()>) + Send + 'static) {
        if let Err(refused) = self.0.send((position, Box::new(done))) {
            let (_, done) = refused.0;
            done(Err(io::Error::other("the log is closed")));
        }
    }
}

fn run(log: &Log, asked: &Receiver<(Position, Done)>, on_fatal: &impl Fn(&str)) {
    while let Ok((mut upto, done)) = asked.recv() {
        let mut waiting = vec![done];
        for (position, done) in asked.try_iter() {
            upto = upto.max(position);
            waiting.push(done);
        }
        let synced = log.sync(upto);
        if let Err(AppendError::Fatal(error)) = &synced {
            on_fatal(&format!("the log could not be made durable: {error}"));
        }
        let failed = synced.err().map(|error| error.to_string());
        for done in waiting {
            done(failed.as_ref().map_or(Ok(()), |reason| Err(io::Error::other(reason.clone()))));
        }
    }
}
