//! The part of a request's body that nobody read.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

/// A body of more bytes than this is not worth reading only to keep a connection.
const WORTH_BYTES: u64 = 256 << 10;
/// Nor is one that takes longer.
const WORTH_TIME: Duration = Duration::from_millis(500);

type Slot = Arc<Mutex<Option<Body>>>;

/// Where a body lands that its reader dropped before its end.
pub(super) struct Leftover(Slot);

/// Lets `request`'s body return to the [`Leftover`] when it is dropped before its end.
pub(super) fn watch(request: Request) -> (Request, Leftover) {
    let slot = Slot::default();
    let watched = request.map(|body| Body::new(Watched { body: Some(body), slot: slot.clone() }));
    (watched, Leftover(slot))
}

impl Leftover {
    /// Reads what is left, if that is little, so that the connection can go on with its next request.
    pub(super) async fn drain(self) {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut body) = body.filter(|body| body.size_hint().lower() <= WORTH_BYTES) else { return };
        let drain = async {
            let mut read = 0;
            while let Some(Ok(frame)) = body.frame().await {
                read += frame.data_ref().map_or(0, |data| data.len() as u64);
                if read > WORTH_BYTES {
                    break;
                }
            }
        };
        // A client that does not send the rest in time loses the connection, no more.
        let _ = tokio::time::timeout(WORTH_TIME, drain).await;
    }
}

struct Watched {
    body: Option<Body>,
    slot: Slot,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}
