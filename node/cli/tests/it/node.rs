//! A listener that reads one request and says what it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

/// The request that came.
#[derive(Debug)]
pub(crate) struct Request {
    /// Method and path with its query.
    pub(crate) line: String,
    /// The header lines, in lower case.
    pub(crate) headers: String,
    /// The whole body, decoded.
    pub(crate) body: Vec<u8>,
}

/// A listener for one request.
pub(crate) struct Node {
    pub(crate) url: String,
    thread: JoinHandle<Request>,
}

impl Node {
    /// Reads the whole request, then writes `reply` and closes.
    pub(crate) fn saying(reply: impl Into<Vec<u8>>) -> Self {
        let reply = reply.into();
        Self::acting(move |mut stream| {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut request = head(&mut reader);
            request.body = body(&request.headers, &mut reader);
            // A client that has given up does not matter here.
            let _ = stream.write_all(&reply);
            request
        })
    }

    /// Does with the connection whatever a test needs.
    pub(crate) fn acting(act: impl FnOnce(TcpStream) -> Request + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || act(listener.accept().unwrap().0));
        Self { url, thread }
    }

    /// The request that came.
    pub(crate) fn request(self) -> Request {
        self.thread.join().unwrap()
    }
}

/// A whole response with a JSON body.
pub(crate) fn json(status: &str, body: &serde_json::Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

/// The head of a chunked response.
pub(crate) const CHUNKED: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";

/// A chunk of a chunked response; an empty one ends it.
pub(crate) fn chunk(content: &str) -> String {
    format!("{:x}\r\n{content}\r\n", content.len())
}

/// Reads the head of a request.
pub(crate) fn head(reader: &mut impl BufRead) -> Request {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut headers = String::new();
    while !headers.ends_with("\r\n\r\n") && headers != "\r\n" {
        assert!(reader.read_line(&mut headers).unwrap() > 0, "the request ended in its head");
    }
    let line = line.rsplit_once(' ').unwrap().0.to_owned();
    Request { line, headers: headers.to_lowercase(), body: Vec::new() }
}

/// Reads a body by its length or its chunks; a broken one ends where it broke.
pub(crate) fn body(headers: &str, reader: &mut impl BufRead) -> Vec<u8> {
    let mut body = Vec::new();
    if let Some(length) = headers.lines().find_map(|line| line.strip_prefix("content-length: ")) {
        reader.take(length.trim().parse().unwrap()).read_to_end(&mut body).unwrap();
    }
    while headers.contains("transfer-encoding: chunked") {
        let mut size = String::new();
        let _ = reader.read_line(&mut size);
        let Ok(size) = u64::from_str_radix(size.trim(), 16) else { break };
        let _ = reader.take(size).read_to_end(&mut body);
        let _ = reader.read_line(&mut String::new());
        if size == 0 {
            break;
        }
    }
    body
}
