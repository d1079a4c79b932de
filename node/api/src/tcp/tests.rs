//! Connections against a real store, with limits short enough to be met.

use std::net::SocketAddr;
use std::time::Duration;

use rmpv::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use sutra_storage::{Store, StoreConfig};

use super::{TcpLimits, serve};
use crate::metrics::Metrics;
use crate::service::{Service, ServiceConfig};

struct Served {
    address: SocketAddr,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
    _dir: TempDir,
}

impl Served {
    async fn with(limits: TcpLimits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(dir.path())).unwrap();
        let named = String::new;
        let config = ServiceConfig {
            node: named(),
            http: named(),
            tcp: named(),
            peer: None,
            advertise: None,
            version: "test",
            embedder: "none".into(),
            edition: "none".into(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(serve(
            listener,
            Service::new(sutra_grid::Router::alone(store), config),
            Metrics::new(),
            limits,
            shutdown.clone(),
        ));
        Self { address, shutdown, serving, _dir: dir }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

async fn send(stream: &mut TcpStream, request: Value) {
    let mut payload = Vec::new();
    rmpv::encode::write_value(&mut payload, &request).unwrap();
    stream.write_u32(payload.len() as u32).await.unwrap();
    stream.write_all(&payload).await.unwrap();
}

async fn receive(stream: &mut TcpStream) -> Value {
    let mut payload = vec![0; stream.read_u32().await.unwrap() as usize];
    stream.read_exact(&mut payload).await.unwrap();
    rmpv::decode::read_value(&mut payload.as_slice()).unwrap()
}

async fn is_served(stream: &mut TcpStream) {
    send(stream, "HealthCheck".into()).await;
    assert!(!receive(stream).await["HealthCheckOk"].is_nil());
}

async fn ends(stream: &mut TcpStream) {
    assert!(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)));
}

fn short() -> TcpLimits {
    TcpLimits { stall_timeout: Duration::from_millis(50), linger: Duration::from_millis(50), ..TcpLimits::default() }
}

#[tokio::test]
async fn one_connection_too_many_is_told_and_closed() {
    let served = Served::with(TcpLimits { connections: 1, ..short() }).await;
    let mut first = served.connect().await;
    is_served(&mut first).await;
    let mut second = served.connect().await;
    assert_eq!(receive(&mut second).await["Error"]["code"], "overloaded".into());
    ends(&mut second).await;
    is_served(&mut first).await;
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let served = Served::with(TcpLimits { idle_timeout: Duration::from_millis(50), ..short() }).await;
    let mut client = served.connect().await;
    is_served(&mut client).await;
    ends(&mut client).await;
}

#[tokio::test]
async fn a_half_sent_frame_is_told_and_its_connection_closed() {
    let served = Served::with(short()).await;
    for half in [&[0, 0][..], &[0, 0, 0, 9, 0x81]] {
        let mut client = served.connect().await;
        client.write_all(half).await.unwrap();
        assert_eq!(receive(&mut client).await["Error"]["code"], "deadline_exceeded".into());
        ends(&mut client).await;
    }
}

#[tokio::test]
async fn an_oversize_frame_that_is_not_sent_is_told_at_once_and_closed_by_the_limit() {
    let stall = Duration::from_secs(1);
    let served = Served::with(TcpLimits { stall_timeout: stall, ..short() }).await;
    let mut client = served.connect().await;
    let started = Instant::now();
    client.write_all(&[0xff; 4]).await.unwrap();
    assert_eq!(receive(&mut client).await["Error"]["code"], "too_large".into());
    assert!(started.elapsed() < stall, "the reply does not wait for the bytes");
    ends(&mut client).await;
    assert!(started.elapsed() >= stall, "the limit of a half-sent frame closes it");
}

#[tokio::test]
async fn a_client_that_takes_no_replies_is_dropped() {
    let served = Served::with(TcpLimits { connections: 1, ..short() }).await;
    let mut deaf = served.connect().await;
    let content = Value::Map(vec![("content".into(), "x".repeat(1 << 20).into())]);
    send(&mut deaf, Value::Map(vec![("LearnConceptV2".into(), content)])).await;
    receive(&mut deaf).await;
    let (_source, mut sink) = deaf.split();
    let mut request = Vec::new();
    rmpv::encode::write_value(&mut request, &Value::Map(vec![("ListRecent".into(), Value::Map(vec![]))])).unwrap();
    let framed = [&(request.len() as u32).to_be_bytes()[..], &request].concat();
    // Ends when the node has closed the connection.
    while sink.write_all(&framed).await.is_ok() {}
    // The slot is free again as soon as the node has let go of it.
    loop {
        let mut next = served.connect().await;
        send(&mut next, "HealthCheck".into()).await;
        if receive(&mut next).await["Error"].is_nil() {
            break;
        }
    }
}

#[tokio::test]
async fn shutdown_answers_what_was_received_and_ends_idle_connections() {
    let served = Served::with(TcpLimits::default()).await;
    let mut idle = served.connect().await;
    is_served(&mut idle).await;
    let mut busy = served.connect().await;
    let content = Value::Map(vec![("content".into(), "x".into())]);
    send(&mut busy, Value::Map(vec![("LearnConceptV2".into(), content)])).await;
    is_served_in_turn(&mut busy).await;
    served.shutdown.cancel();
    served.serving.await.unwrap();
    ends(&mut idle).await;
    ends(&mut busy).await;
}

/// The reply to the write comes before that to the request sent after it.
async fn is_served_in_turn(stream: &mut TcpStream) {
    send(stream, "Flush".into()).await;
    assert!(!receive(stream).await["LearnConceptV2Ok"].is_nil());
    assert!(!receive(stream).await["FlushOk"].is_nil());
}

/// A request with these fields, all of them texts.
fn request(name: &str, fields: &[(&str, &str)]) -> Value {
    let fields = fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Value::Map(vec![(name.into(), Value::Map(fields))])
}

#[tokio::test]
async fn a_write_that_is_repeated_with_its_request_id_has_its_first_answer() {
    let served = Served::with(short()).await;
    let client = &mut served.connect().await;
    let learn = |content: &str, more: &[(&str, &str)]| {
        request("LearnConceptV2", &[&[("content", content), ("request_id", "order-17")][..], more].concat())
    };
    send(client, learn("aspirin: a drug", &[])).await;
    let first = receive(client).await;
    assert_eq!(first["LearnConceptV2Ok"]["created"], true.into(), "{first}");
    // On another connection, as after a break.
    let other = &mut served.connect().await;
    send(other, learn("aspirin: a drug", &[])).await;
    assert_eq!(receive(other).await, first);
    send(client, learn("ibuprofen: a drug", &[])).await;
    assert_eq!(receive(client).await["Error"]["code"], "conflict".into());
    // What is remembered of one namespace says nothing of another.
    send(client, learn("aspirin: a drug", &[("namespace", "ward-7")])).await;
    assert_eq!(receive(client).await["LearnConceptV2Ok"]["created"], true.into());
    for bad in ["", "or der", &"x".repeat(256)] {
        send(client, request("LearnConceptV2", &[("content", "a"), ("request_id", bad)])).await;
        let error = receive(client).await;
        assert_eq!(
            (&error["Error"]["code"], &error["Error"]["param"]),
            (&"invalid_argument".into(), &"request_id".into()),
            "{error}"
        );
    }
}

#[tokio::test]
async fn who_asks_for_a_token_gets_one_and_sees_what_it_names() {
    let served = Served::with(short()).await;
    let client = &mut served.connect().await;
    send(client, request("LearnConceptV2", &[("content", "aspirin: a drug"), ("token", "")])).await;
    let learned = receive(client).await;
    let (token, id) = (learned["token"].as_str().unwrap(), learned["LearnConceptV2Ok"]["concept_id"].as_str().unwrap());
    for how in [("token", token), ("consistency", "strong"), ("consistency", "eventual")] {
        send(client, request("QueryConcept", &[("concept_id", id), how])).await;
        let found = receive(client).await;
        assert_eq!(found["QueryConceptOk"]["found"], true.into(), "{found}");
        assert_eq!(found["token"].is_nil(), how.0 != "token", "{found}");
    }
    for (name, bad) in [("token", "a token"), ("consistency", "sometimes")] {
        send(client, request("QueryConcept", &[("concept_id", id), (name, bad)])).await;
        let error = receive(client).await;
        assert_eq!((&error["Error"]["code"], &error["Error"]["param"]), (&"invalid_argument".into(), &name.into()), "{error}");
    }
}
