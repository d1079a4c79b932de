//! Imports and exports: whole, broken, refused.

use std::io::{BufReader, Read, Write};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::node::{self, CHUNKED, Node, chunk};
use crate::program::{ended, names, run, sutra};

fn report(lines: u64, failed: u64, done: bool) -> String {
    let errors: Vec<Value> =
        (1..=failed).map(|line| json!({"line": line, "code": "invalid_argument", "message": "content is empty"})).collect();
    let report = json!({"concepts": lines - failed, "associations": 0, "errors": errors, "errors_total": failed, "elapsed_ms": 500.0,
        "lines": lines, "done": done});
    format!("{report}\n")
}

fn corpus() -> Vec<u8> {
    (0..20_000).flat_map(|n| format!("{}\n", json!({"content": format!("synset {n}")})).into_bytes()).collect()
}

#[test]
fn an_import_streams_a_compressed_file_and_tells_its_report() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("corpus.ndjson.zst");
    let packed = ruzstd::encoding::compress_to_vec(&corpus()[..], ruzstd::encoding::CompressionLevel::Fastest);
    std::fs::write(&file, packed).unwrap();
    // A report may be cut anywhere.
    let (first, last) = (report(9_000, 0, false), report(20_000, 0, true));
    let reply = format!("{CHUNKED}{}{}{}{}", chunk(&first), chunk(&last[..30]), chunk(&last[30..]), chunk(""));
    let node = Node::saying(reply);
    let (stdout, stderr) = ended(&run(&node.url, &["import", file.to_str().unwrap(), "-n", "words"]), 0);
    assert_eq!(stdout, "imported 20,000 concepts and 0 associations from 20,000 lines in 500 ms (40,000 lines/s)\n");
    assert_eq!(stderr, "");
    let request = node.request();
    assert_eq!(request.line, "POST /v1/import?namespace=words");
    assert!(request.headers.contains("accept: application/x-ndjson"), "{}", request.headers);
    assert!(request.body == corpus());
}

#[test]
fn failed_lines_are_told_and_fail_the_import_unless_they_may() {
    for (words, code) in [(&["import", "-"][..], 1), (&["import", "-", "--allow-errors"], 0)] {
        let node = Node::saying(format!("{CHUNKED}{}{}", chunk(&report(3, 2, true)), chunk("")));
        let (stdout, _) = ended(&run(&node.url, words), code);
        assert!(stdout.contains("2 lines failed: a refused line leaves nothing"), "{stdout}");
        assert!(stdout.contains("LINE  CODE              MESSAGE\n1     invalid_argument  content is empty\n"), "{stdout}");
    }
}

#[test]
fn reports_are_read_while_the_file_is_still_on_its_way() {
    // The node answers after the first line, and reads on only when the client can have seen that.
    let node = Node::acting(|mut stream| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut request = node::head(&mut reader);
        stream.write_all(format!("{CHUNKED}{}", chunk(&report(1, 1, false).repeat(2_000))).as_bytes()).unwrap();
        request.body = node::body(&request.headers, &mut reader);
        stream.write_all(format!("{}{}", chunk(&report(20_000, 0, true)), chunk("")).as_bytes()).unwrap();
        request
    });
    let mut child = sutra(&["import", "-", "-o", "json"])
        .env("SUTRA_SERVER", &node.url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&corpus()).unwrap();
    let (stdout, _) = ended(&child.wait_with_output().unwrap(), 0);
    let printed: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(printed, serde_json::from_str::<Value>(&report(20_000, 0, true)).unwrap());
    assert!(node.request().body == corpus());
}

#[test]
fn an_import_that_is_refused_or_breaks_off_says_so() {
    let body = json!({"error": {"code": "overloaded", "message": "the write log is full"}});
    let node = Node::saying(node::json("429 Too Many Requests", &body));
    let (_, stderr) = ended(&run(&node.url, &["import", "-"]), 1);
    assert_eq!(stderr, "sutra: the write log is full (overloaded)\n");

    let node = Node::saying(format!("{CHUNKED}{}{}", chunk(&report(9, 0, false)), chunk("")));
    let (_, stderr) = ended(&run(&node.url, &["import", "-"]), 1);
    assert!(stderr.contains("without its last report"), "{stderr}");

    let node = Node::saying(format!("{CHUNKED}{}", chunk(&report(9, 0, false))));
    let (_, stderr) = ended(&run(&node.url, &["import", "-"]), 1);
    assert!(stderr.contains("broke"), "{stderr}");

    let node = Node::saying(format!("{CHUNKED}{}{}", chunk(&format!("{body}\n")), chunk("")));
    let (_, stderr) = ended(&run(&node.url, &["import", "-"]), 1);
    assert_eq!(stderr, "sutra: the write log is full (overloaded)\n");
}

#[test]
fn a_refusal_ends_the_upload() {
    let node = Node::acting(|mut stream| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let request = node::head(&mut reader);
        let body = json!({"error": {"code": "unavailable", "message": "the node is draining"}});
        stream.write_all(&node::json("503 Service Unavailable", &body)).unwrap();
        // Until the client, which has more to send than any buffer holds, hangs up.
        let _ = std::io::copy(&mut reader, &mut std::io::sink());
        request
    });
    let mut child = sutra(&["import", "-"])
        .env("SUTRA_SERVER", &node.url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let endless = std::thread::spawn(move || while stdin.write_all(&corpus()).is_ok() {});
    let (_, stderr) = ended(&child.wait_with_output().unwrap(), 1);
    assert_eq!(stderr, "sutra: the node is draining (unavailable)\n");
    endless.join().unwrap();
}

#[test]
fn a_file_that_ends_too_early_is_never_sent_as_if_whole() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("corpus.ndjson.zst");
    let mut packed = ruzstd::encoding::compress_to_vec(&corpus()[..], ruzstd::encoding::CompressionLevel::Fastest);
    packed.truncate(packed.len() - 5);
    std::fs::write(&file, packed).unwrap();
    // The client may notice so early that not even the head is sent.
    let node = Node::acting(|mut stream| {
        let mut body = Vec::new();
        let _ = stream.read_to_end(&mut body);
        node::Request { line: String::new(), headers: String::new(), body }
    });
    let (_, stderr) = ended(&run(&node.url, &["import", file.to_str().unwrap()]), 1);
    assert!(stderr.contains("can't read ") && stderr.contains("corpus.ndjson.zst beyond its line"), "{stderr}");
    assert!(!node.request().body.ends_with(b"0\r\n\r\n"));

    let (_, stderr) = ended(&run("http://127.0.0.1:1", &["import", "/nowhere/corpus.ndjson"]), 1);
    assert!(stderr.contains("can't open /nowhere/corpus.ndjson"), "{stderr}");
}

#[test]
fn a_silent_server_is_given_up() {
    let node = Node::acting(|stream| {
        let mut reader = BufReader::new(stream);
        let mut request = node::head(&mut reader);
        let _ = reader.read_to_end(&mut request.body);
        request
    });
    let (_, stderr) = ended(&run(&node.url, &["export", "-", "--timeout", "50ms"]), 1);
    assert_eq!(stderr, "sutra: nothing moved for 50ms; --timeout grants more\n");
    assert_eq!(node.request().line, "GET /v1/export");
}

#[test]
fn an_export_is_written_whole_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("all.ndjson");
    let node =
        Node::saying(format!("{CHUNKED}{}{}{}", chunk("{\"content\":\"a\"}\n{\"con"), chunk("tent\":\"b\"}\n"), chunk("")));
    let words = ["export", file.to_str().unwrap(), "--known-at", "2026-03-01T12:00:00Z"];
    let (stdout, stderr) = ended(&run(&node.url, &words), 0);
    assert_eq!(stdout, "");
    assert!(stderr.starts_with("exported 2 lines, 32 B, in "), "{stderr}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{\"content\":\"a\"}\n{\"content\":\"b\"}\n");
    assert_eq!(node.request().line, "GET /v1/export?known_at=2026-03-01T12%3A00%3A00Z");
}

#[test]
fn a_broken_export_leaves_the_old_file_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("all.ndjson");
    std::fs::write(&file, "{\"content\":\"old\"}\n").unwrap();
    let line = "{\"content\":\"a\"}\n";
    let broken = [
        (format!("{CHUNKED}{}", chunk(line)), "broke"),
        (format!("HTTP/1.1 200 OK\r\n\r\n{line}"), "can't be told from a broken connection"),
        (format!("{CHUNKED}{}{}", chunk("{\"content\":"), chunk("")), "in the middle of a line"),
    ];
    for (reply, expected) in broken {
        let node = Node::saying(reply);
        let (_, stderr) = ended(&run(&node.url, &["export", file.to_str().unwrap()]), 1);
        assert!(stderr.contains(expected), "{stderr}");
        assert_eq!(names(directory.path()), ["all.ndjson"]);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "{\"content\":\"old\"}\n");
    }
}
