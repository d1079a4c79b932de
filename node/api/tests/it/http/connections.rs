use std::time::Duration;

use serde_json::json;
use sutra_api::http::HttpLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::grid::Node;

const SOON: Duration = Duration::from_millis(250);
/// Longer than any of these tests takes, unless what it waits for never comes.
const PATIENCE: Duration = Duration::from_secs(20);

async fn impatient() -> Node {
    let limits = HttpLimits {
        head_timeout: SOON,
        body_idle_timeout: SOON,
        import_idle_timeout: SOON,
        write_stall_timeout: SOON,
        linger: SOON,
        ..HttpLimits::default()
    };
    Node::with_limits(limits).await
}

async fn connect(node: &Node) -> TcpStream {
    TcpStream::connect(node.address).await.unwrap()
}

async fn send(node: &Node, text: &str) -> TcpStream {
    let mut stream = connect(node).await;
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Everything until the node closes the connection.
async fn to_end(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("the connection is closed in time").unwrap();
    String::from_utf8(text).unwrap()
}

/// One reply with a `Content-Length`.
async fn reply(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    loop {
        let whole = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = whole.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map(|length| length.parse::<usize>().unwrap());
            if body.len() >= length.unwrap_or(0) {
                return whole;
            }
        }
        let mut more = [0; 4096];
        let read = timeout(PATIENCE, stream.read(&mut more)).await.expect("a reply comes in time").unwrap();
        assert!(read > 0, "the connection was closed after {whole:?}");
        text.extend_from_slice(&more[..read]);
    }
}

#[tokio::test]
async fn silence_and_half_a_head_end_the_connection() {
    let node = impatient().await;
    for beginning in ["", "POST /v1/learn HTT", "GET /livez HTTP/1.1\r\nHost: x\r\n"] {
        assert_eq!(to_end(&mut send(&node, beginning).await).await, "", "{beginning:?}");
    }
    let mut kept = send(&node, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(to_end(&mut kept).await.starts_with("HTTP/1.1 200"), "a reply, and then the idle connection is closed");
}

#[tokio::test]
async fn half_a_body_is_answered_and_the_connection_ended() {
    let node = impatient().await;
    for path in ["/v1/learn", "/v1/import"] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{\"content\"");
        let text = to_end(&mut send(&node, &head).await).await;
        assert!(text.starts_with("HTTP/1.1 504") && text.contains("deadline_exceeded") && text.contains("outcome"), "{text}");
    }
}

#[tokio::test]
async fn a_body_that_trickles_meets_the_requests_deadline() {
    let node = Node::with_limits(HttpLimits { head_timeout: SOON, ..HttpLimits::default() }).await;
    let head = "POST /v1/learn?timeout_ms=100 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n";
    let (mut read, mut write) = send(&node, head).await.into_split();
    let trickle = tokio::spawn(async move {
        let mut clock = tokio::time::interval(Duration::from_millis(10));
        while write.write_all(b" ").await.is_ok() {
            clock.tick().await;
        }
    });
    let mut text = vec![0; 12];
    timeout(PATIENCE, read.read_exact(&mut text)).await.unwrap().unwrap();
    assert_eq!(text, b"HTTP/1.1 504");
    trickle.abort();
}

#[tokio::test]
async fn an_oversize_body_is_refused_before_it_is_sent() {
    let node = Node::start().await;
    let head = format!("POST /v1/learn HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", (64 << 20) + 1);
    let text = reply(&mut send(&node, &head).await).await;
    assert!(text.starts_with("HTTP/1.1 413") && text.contains("body has 67108865 bytes; at most 67108864 are allowed"), "{text}");
}

#[tokio::test]
async fn an_oversize_body_without_a_declared_length_is_cut_off() {
    let node = Node::start().await;
    let (mut read, mut write) =
        send(&node, "POST /v1/learn HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").await.into_split();
    let sender = tokio::spawn(async move {
        let mut chunk = b"100000\r\n".to_vec();
        chunk.resize(chunk.len() + (1 << 20), b' ');
        chunk.extend_from_slice(b"\r\n");
        while write.write_all(&chunk).await.is_ok() {}
    });
    let mut text = vec![0; 12];
    timeout(PATIENCE, read.read_exact(&mut text)).await.unwrap().unwrap();
    assert_eq!(text, b"HTTP/1.1 413");
    sender.abort();
}

#[tokio::test]
async fn more_bodies_than_the_node_may_hold_are_turned_away() {
    let node = Node::with_limits(HttpLimits { body_memory: 64 << 10, ..HttpLimits::default() }).await;
    let answer = node.post("/v1/learn", json!({"content": "x".repeat(100 << 10)})).await;
    answer.refused("overloaded");
    assert_eq!(answer.header("retry-after"), "1");
    node.post("/v1/learn", json!({"content": "x".repeat(10 << 10)})).await.ok();
}

#[tokio::test]
async fn after_a_refusal_the_connection_goes_on() {
    let node = Node::start().await;
    let mut stream = connect(&node).await;
    for (head, body, status) in [
        ("POST /v1/learn HTTP/1.1\r\nHost: x\r\n", "{\"content\": ", "400"),
        ("POST /v1/learn HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n", "<a/>", "400"),
        ("POST /v1/learn?x=1 HTTP/1.1\r\nHost: x\r\n", "{\"content\": \"a\"}", "400"),
        ("POST /nowhere HTTP/1.1\r\nHost: x\r\n", "{\"content\": \"a\"}", "404"),
        ("PUT /v1/learn HTTP/1.1\r\nHost: x\r\n", "{\"content\": \"a\"}", "405"),
        ("DELETE /v1/concept/abc HTTP/1.1\r\nHost: x\r\n", "{\"content\": \"a\"}", "400"),
        ("POST /v1/learn HTTP/1.1\r\nHost: x\r\n", "{\"content\": \"a\"}", "200"),
    ] {
        // In two segments, as many clients send head and body.
        stream.write_all(format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes()).await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(body.as_bytes()).await.unwrap();
        let text = reply(&mut stream).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{head}: {text}");
    }
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_their_turn() {
    let node = Node::with_limits(HttpLimits { connections: 1, ..HttpLimits::default() }).await;
    let ask = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut first = send(&node, ask).await;
    reply(&mut first).await;
    let mut second = send(&node, ask).await;
    assert!(timeout(SOON, second.read_u8()).await.is_err(), "the first still holds the slot");
    drop(first);
    assert!(reply(&mut second).await.starts_with("HTTP/1.1 200"));
}

/// Clients with a small buffer, which ask for an export of some mebibytes and read nothing of it.
async fn silent_exports(node: &Node, count: usize) -> Vec<TcpStream> {
    // Attributes, because their bytes cost the least to learn.
    let value = "x".repeat(sutra_protocol::limits::ATTRIBUTE_VALUE_BYTES);
    let attributes: serde_json::Map<_, _> = (0..100).map(|at| (format!("a{at}"), json!(value))).collect();
    for at in 0..2 {
        node.learn(json!({"content": format!("{at}"), "attributes": attributes})).await;
    }
    let mut silent = Vec::new();
    for _ in 0..count {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(node.address).await.unwrap();
        stream.write_all(b"GET /v1/export HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        silent.push(stream);
    }
    silent
}

#[tokio::test]
async fn clients_that_take_no_reply_lose_their_connections() {
    // Patient with whoever asks: on a busy machine its head may come late.
    let limits = HttpLimits { write_stall_timeout: SOON, linger: SOON, ..HttpLimits::default() };
    let node = Node::with_limits(limits).await;
    let silent = silent_exports(&node, 24).await;
    let ended = async { while !node.get("/metrics").await.text.contains("\nsutra_http_connections 1\n") {} };
    timeout(PATIENCE, ended).await.expect("only the connection that asks is left");
    assert!(node.get("/v1/export").await.text.ends_with("}\n"), "whose turn comes");
    drop(silent);
}

#[tokio::test]
async fn an_export_waits_for_its_turn_until_its_deadline() {
    let node = Node::with_limits(HttpLimits { exports: 1, ..HttpLimits::default() }).await;
    let mut silent = silent_exports(&node, 1).await;
    let mut head = [0; 12];
    silent[0].read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    let answer = node.get("/v1/export?timeout_ms=100").await;
    answer.refused("overloaded");
    assert_eq!(answer.header("retry-after"), "5");
    drop(silent);
    assert!(node.get("/v1/export").await.text.ends_with("}\n"));
}

#[tokio::test]
async fn shutting_down_ends_what_idles_and_finishes_what_runs() {
    let mut node = Node::start().await;
    let mut idle = send(&node, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await;
    reply(&mut idle).await;
    let mut busy = send(&node, "POST /v1/learn HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 16\r\n\r\n").await;
    assert!(reply(&mut busy).await.starts_with("HTTP/1.1 100"), "the request has begun");
    node.shutdown.cancel();
    assert_eq!(to_end(&mut idle).await, "");
    let serving = node.serving.take().unwrap();
    assert!(!serving.is_finished());
    busy.write_all(b"{\"content\": \"a\"}").await.unwrap();
    let text = to_end(&mut busy).await;
    assert!(text.starts_with("HTTP/1.1 200") && text.contains("\"created\":true"), "{text}");
    drop(busy);
    timeout(PATIENCE, serving).await.expect("serving ends").unwrap();
    assert!(TcpStream::connect(node.address).await.is_err());
}

const TRICKLE: &str =
    "POST /v1/import HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{\"content\": \"a\"}\n{\"content\": \"b\"}\n{\"con";

async fn until_stored(node: &Node, concepts: u64) {
    let stored = async { while node.get("/stats").await.ok()["concepts"] != concepts {} };
    timeout(PATIENCE, stored).await.expect("the lines are stored while the import goes on");
}

#[tokio::test]
async fn a_trickling_import_is_stored_as_it_comes() {
    let node = Node::start().await;
    let mut stream = send(&node, TRICKLE).await;
    until_stored(&node, 2).await;
    stream.write_all(b"tent\": \"c\"}\n").await.unwrap();
    until_stored(&node, 3).await;
}

#[tokio::test]
async fn shutting_down_ends_an_import_with_what_was_read() {
    for accept in ["", "Accept: application/x-ndjson\r\n"] {
        let mut node = Node::start().await;
        let mut stream = send(&node, &TRICKLE.replace("Host: x\r\n", &format!("Host: x\r\n{accept}"))).await;
        until_stored(&node, 2).await;
        stream.write_all(b"tent\": \"c\"}\n").await.unwrap();
        // Its third line may be read or not; what the report says has to be so.
        node.shutdown.cancel();
        let text = to_end(&mut stream).await;
        let last = text.lines().find(|line| line.contains("\"done\":true")).unwrap_or_else(|| panic!("{text}"));
        let report: serde_json::Value = serde_json::from_str(last).unwrap();
        let stored = report["concepts"].as_u64().unwrap();
        assert!(stored == node.service.stats().concepts && (2..=3).contains(&stored), "{report}");
        let error = &report["errors"][0];
        assert_eq!((&error["line"], &error["code"]), (&json!(stored + 1), &json!("unavailable")), "{report}");
        drop(stream);
        timeout(PATIENCE, node.serving.take().unwrap()).await.expect("serving ends").unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_parsed_is_refused_in_the_shape_of_every_error() {
    let node = Node::start().await;
    let many: String = (0..200).map(|at| format!("x-{at}: y\r\n")).collect();
    for (request, status, code) in [
        ("learn this\r\n\r\n".to_owned(), 400, "invalid_argument"),
        ("GET /stats HTTP/3.0\r\n\r\n".to_owned(), 400, "invalid_argument"),
        ("GET /stats HTTP/1.1\r\nHost x\r\n\r\n".to_owned(), 400, "invalid_argument"),
        (format!("GET /stats HTTP/1.1\r\n{many}\r\n"), 431, "too_large"),
        (format!("GET /stats HTTP/1.1\r\ncookie: {}\r\n\r\n", "x".repeat(70 << 10)), 431, "too_large"),
    ] {
        let said = to_end(&mut send(&node, &request).await).await;
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{said}");
        let error: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(error["error"]["code"], code, "{said}");
        assert!(head.contains(&format!("x-request-id: {}", error["error"]["request_id"].as_str().unwrap())), "{said}");
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{said}");
    }
    // Behind a good request on the same connection, too.
    let said = to_end(&mut send(&node, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n").await).await;
    assert!(said.starts_with("HTTP/1.1 200 OK") && said.contains(r#""code":"invalid_argument""#), "{said}");
}
