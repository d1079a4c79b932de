//! A stream on which a request that could not even be parsed is refused as every other: with an id and an error in its one shape.
//!
//! hyper answers such a request by itself, with a bare status, and nothing above it learns of it. Here its reply is known by what it
//! looks like: a whole head with `content-length: 0` and no `x-request-id`, which every reply of ours has.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::StatusCode;
use sutra_protocol::error::ErrorBody;
use sutra_protocol::{ApiError, ErrorCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::HEAD_BYTES;

/// Passes reads and writes on, but for hyper's own refusals, in place of which ours are written.
#[derive(Debug)]
pub(super) struct Explained<S> {
    stream: S,
    /// Our reply in place of the one that hyper is writing, and how much of it is written.
    ours: Option<(Vec<u8>, usize)>,
}

impl<S> Explained<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, ours: None }
    }
}

impl<S: AsyncWrite + Unpin> Explained<S> {
    /// Writes `ours` to its end; then all of hyper's reply counts as written.
    fn write_ours(&mut self, cx: &mut Context<'_>, theirs: usize) -> Poll<io::Result<usize>> {
        while let Some((ours, written)) = &mut self.ours {
            match ours.get(*written..) {
                None | Some([]) => self.ours = None,
                Some(rest) => match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    more => *written += more,
                },
            }
        }
        Poll::Ready(Ok(theirs))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Explained<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Explained<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.ours.is_some() {
            return self.write_ours(cx, buf.len());
        }
        match bare_refusal(buf) {
            None => Pin::new(&mut self.stream).poll_write(cx, buf),
            Some((0, status)) => {
                self.ours = Some((reply(status), 0));
                self.write_ours(cx, buf.len())
            }
            // The end of the reply before it goes first.
            Some((at, _)) => Pin::new(&mut self.stream).poll_write(cx, &buf[..at]),
        }
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        // hyper puts heads into the first buffer, and a refusal's head is the last that it writes.
        match bufs.first() {
            Some(first) if self.ours.is_some() || bare_refusal(first).is_some() => self.poll_write(cx, first),
            _ => Pin::new(&mut self.stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S> Explained<S> {
    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

/// More than a head has that hyper writes by itself.
const BARE_BYTES: usize = 256;
const VERSION: &str = "HTTP/1.1 ";

/// Where, at the end of `written`, a reply of hyper's own begins, and its status. No body of ours can end with such text: their line
/// ends are escaped or bare line feeds.
fn bare_refusal(written: &[u8]) -> Option<(usize, StatusCode)> {
    let end = written.len().saturating_sub(BARE_BYTES);
    let tail = &written[end..];
    if !tail.ends_with(b"\r\n\r\n") {
        return None;
    }
    let at = tail.windows(VERSION.len()).rposition(|window| window == VERSION.as_bytes())?;
    let mut lines = std::str::from_utf8(&tail[at..]).ok()?.trim_end_matches("\r\n").split("\r\n");
    let status: StatusCode = lines.next()?.strip_prefix(VERSION)?.get(..3)?.parse().ok()?;
    let mut empty = false;
    for line in lines {
        match line.split_once(": ") {
            Some(("content-length", "0")) => empty = true,
            Some(("connection" | "date", _)) => {}
            _ => return None,
        }
    }
    (empty && status.is_client_error()).then_some((end + at, status))
}

fn reply(status: StatusCode) -> Vec<u8> {
    let id = uuid::Uuid::new_v4().to_string();
    let (code, message) = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            (ErrorCode::TooLarge, format!("the request's head has more than {HEAD_BYTES} bytes, or more than 100 header fields"))
        }
        StatusCode::URI_TOO_LONG => (ErrorCode::TooLarge, "the request's target has more than 65534 bytes".into()),
        _ => (ErrorCode::InvalidArgument, "what came is no request of HTTP/1.1".into()),
    };
    tracing::debug!(request_id = id, %status, message, "refused");
    let error = ApiError { request_id: Some(id.clone()), ..ApiError::new(code, message) };
    let body = serde_json::to_string(&ErrorBody { error }).unwrap_or_default();
    let (number, reason, length) = (status.as_u16(), status.canonical_reason().unwrap_or_default(), body.len());
    format!(
        "{VERSION}{number} {reason}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nx-request-id: {id}\r\n\
         connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const BARE: &str =
        "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: Sun, 01 Mar 2026 12:00:00 GMT\r\n\r\n";

    async fn passed(text: &str, room: usize) -> String {
        let (near, mut far) = tokio::io::duplex(room);
        let writing = async move {
            let mut near = Explained::new(near);
            near.write_all(text.as_bytes()).await.unwrap();
        };
        let mut seen = String::new();
        let (_, read) = tokio::join!(writing, far.read_to_string(&mut seen));
        read.unwrap();
        seen
    }

    #[tokio::test]
    async fn a_bare_refusal_is_replaced_behind_whatever_comes_before_it() {
        let before = "HTTP/1.1 200 OK\r\nx-request-id: ward-7\r\ncontent-length: 2\r\n\r\n{}";
        for room in [7, 4096] {
            let seen = passed(&format!("{before}{BARE}"), room).await;
            let ours = seen.strip_prefix(before).unwrap();
            assert!(ours.starts_with("HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"), "{ours}");
            let (head, body) = ours.split_once("\r\n\r\n").unwrap();
            let error: ErrorBody = serde_json::from_str(body).unwrap();
            assert!(head.contains(&format!("x-request-id: {}", error.error.request_id.unwrap())));
        }
    }

    #[tokio::test]
    async fn everything_else_passes_as_it_is() {
        for text in [
            "HTTP/1.1 404 Not Found\r\nx-request-id: a\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
            &format!("{BARE}behind it"),
            "",
        ] {
            assert_eq!(passed(text, 4096).await, text);
        }
    }
}
