//! A running import.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, stream};
use serde_json::json;
use sutra_protocol::http::ImportReport;
use sutra_protocol::{ApiError, ErrorCode, Namespace, limits};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::lines::{Line, Lines};
use crate::http::app::App;
use crate::http::extract::body;
use crate::service::{Caller, Importer, Token};

/// Pause between two reports.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// This much of a long line counts as progress.
const PROGRESS_BYTES: usize = 64 << 10;
/// An import has no deadline of its own; the idle time-out ends it.
const NO_DEADLINE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

pub(super) struct Run {
    importer: Importer,
    body: Body,
    lines: Lines,
    idle: Duration,
    /// When the client has to have sent the next line, or [`PROGRESS_BYTES`].
    patience: Instant,
    /// Bytes since `patience` was last extended.
    since_progress: usize,
    shutdown: CancellationToken,
}

/// What a running import meets next.
enum Event {
    Body(Result<Option<Bytes>, ApiError>),
    /// It is time for something.
    Tick,
    /// The node stops.
    Shutdown,
}

impl Run {
    pub(super) fn new(app: &App, mut caller: Caller, namespace: Namespace, body: Body) -> Result<Self, ApiError> {
        caller.deadline = Instant::now() + NO_DEADLINE;
        let idle = app.limits.import_idle_timeout;
        Ok(Self {
            importer: app.service.import(caller, namespace)?,
            body,
            lines: Lines::new(limits::IMPORT_LINE_BYTES),
            idle,
            patience: Instant::now() + idle,
            since_progress: 0,
            shutdown: app.shutdown.clone(),
        })
    }

    /// Imports every line; `each` is shown a report about once a second.
    pub(super) async fn complete(mut self, mut each: impl FnMut(ImportReport)) -> Result<(ImportReport, Token), ApiError> {
        let mut due = Instant::now() + REPORT_EVERY;
        loop {
            match self.next(due).await {
                Event::Body(Ok(Some(chunk))) => self.take(chunk).await?,
                Event::Body(Ok(None)) => break,
                Event::Body(Err(error)) => return Err(self.ended_early(error)),
                Event::Tick if Instant::now() >= self.patience => return Err(self.ended_early(body::stalled(self.idle))),
                Event::Tick => {}
                // A part of a line is no line.
                Event::Shutdown => return self.importer.stop(&stopping()).await,
            }
            let now = Instant::now();
            if now >= due || self.importer.due().is_some_and(|departure| now >= departure) {
                self.importer.tick().await?;
            }
            if now >= due {
                each(self.importer.report());
                due = now + REPORT_EVERY;
            }
        }
        if let Some(line) = self.lines.last() {
            push(&mut self.importer, line).await?;
        }
        self.importer.finish().await
    }

    /// The next bytes, at most until a report is due, lines have to depart, or patience is over.
    async fn next(&mut self, report: Instant) -> Event {
        let tick = self.importer.due().into_iter().fold(report.min(self.patience), Instant::min);
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Event::Shutdown,
            body = timeout_at(tick, body::frame(&mut self.body)) => body.map_or(Event::Tick, Event::Body),
        }
    }

    async fn take(&mut self, mut chunk: Bytes) -> Result<(), ApiError> {
        self.since_progress += chunk.len();
        let mut progress = self.since_progress >= PROGRESS_BYTES;
        let mut lines = VecDeque::new();
        while let Some(line) = self.lines.next(&mut chunk) {
            lines.push_back(line);
            progress = true;
        }
        while let Some(line) = lines.pop_front() {
            if self.importer.is_unprepared() {
                let next = std::iter::once(&line).chain(&lines);
                self.importer.prepare(next.filter_map(|line| match line {
                    Line::Whole(line) => Some(&**line),
                    Line::TooLong => None,
                }));
            }
            push(&mut self.importer, line).await?;
        }
        if progress {
            self.since_progress = 0;
            // From now on, not from before the lines were pushed: the wait for the store is not the client's.
            self.patience = Instant::now() + self.idle;
        }
        Ok(())
    }

    /// Lines before the end may be stored, so the error says how far the import had come.
    fn ended_early(&self, error: ApiError) -> ApiError {
        error.with_details(json!({ "outcome": "unknown", "lines": self.importer.report().lines }))
    }

    /// Imports every line; gives a report about once a second, as lines, and at the end the last one or an error.
    pub(super) fn reports(self) -> impl Stream<Item = io::Result<Vec<u8>>> + Send + 'static {
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(async move {
            let progress = sender.clone();
            // A report that the client has no room for is not missed: the next one says more.
            let end = self.complete(|report| drop(progress.try_send(Progress::Running(report)))).await;
            // Nobody is left to tell if this fails.
            let _ = sender.send(Progress::Ended(end.map(|(report, _)| report))).await;
        });
        stream::unfold(Some(receiver), |receiver| async move {
            let mut receiver: mpsc::Receiver<Progress> = receiver?;
            Some(match receiver.recv().await {
                Some(Progress::Running(report)) => (Ok(line(&json!(report))), Some(receiver)),
                Some(Progress::Ended(Ok(report))) => (Ok(line(&json!(report))), None),
                Some(Progress::Ended(Err(error))) => (Ok(line(&json!({ "error": error }))), None),
                // Without this the client would take a reply that was cut off for a whole one.
                None => (Err(io::Error::other("the import broke off")), None),
            })
        })
    }
}

fn stopping() -> ApiError {
    let message = "the node stopped before it had read this line; what comes from here on has to be sent again";
    ApiError::new(ErrorCode::Unavailable, message)
}

enum Progress {
    Running(ImportReport),
    Ended(Result<ImportReport, ApiError>),
}

async fn push(importer: &mut Importer, line: Line) -> Result<(), ApiError> {
    match line {
        Line::Whole(line) => importer.push(&line).await,
        Line::TooLong => {
            let bound = limits::IMPORT_LINE_BYTES;
            importer.refuse(ErrorCode::TooLarge, format!("the line has more than {bound} bytes; at most {bound} are allowed"));
            Ok(())
        }
    }
}

fn line(value: &serde_json::Value) -> Vec<u8> {
    format!("{value}\n").into_bytes()
}
