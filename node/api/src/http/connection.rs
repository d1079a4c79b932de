//! One connection.

use std::io;
use std::pin::{Pin, pin};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::explained::Explained;
use super::limits::HttpLimits;
use super::stall::StallGuard;

/// Most bytes of a request head.
pub(super) const HEAD_BYTES: usize = 64 << 10;

/// Serves the requests of one connection, one after the other. Only HTTP/1.1 is spoken: its one request at a time keeps what a
/// connection can take up to what `limits` says.
pub(super) async fn serve(
    stream: TcpStream,
    router: Router,
    limits: HttpLimits,
    shutdown: CancellationToken,
) -> Result<(), hyper::Error> {
    // Replies are written whole; waiting to fill a segment would only delay the last one.
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(Explained::new(StallGuard::new(stream, limits.write_stall_timeout)));
    let service = service_fn(move |request: hyper::Request<Incoming>| Box::pin(router.clone().oneshot(request.map(Body::new))));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_header_size(HEAD_BYTES)
        .serve_connection(io, service);
    let (mut draining, mut idle) = (false, false);
    let result = {
        let mut cancelled = pin!(shutdown.cancelled());
        std::future::poll_fn(|cx| {
            if !draining && cancelled.as_mut().poll(cx).is_ready() {
                draining = true;
                Pin::new(&mut connection).graceful_shutdown();
                let ended = connection.poll_without_shutdown(cx);
                idle = ended.is_ready();
                return ended;
            }
            connection.poll_without_shutdown(cx)
        })
        .await
    };
    // An idle client has sent nothing that a shutdown would leave unread.
    if !idle {
        linger(connection.into_parts().io.into_inner().into_inner(), limits.linger).await;
    }
    result
}

/// Ends our side, then throws away what the client still sends: closing a socket with unread bytes resets it, and the client
/// would lose the reply that says why its body was not wanted.
async fn linger(mut stream: StallGuard<TcpStream>, patience: Duration) {
    let drain = async {
        stream.shutdown().await?;
        let mut scrap = [0; 8 << 10];
        while stream.read(&mut scrap).await? > 0 {}
        io::Result::Ok(())
    };
    // Whether the client closed in time, or at all, makes no difference any more.
    let _ = tokio::time::timeout(patience, drain).await;
}
