//! Every failure is a sentence on stderr, and a status.

use std::net::TcpListener;

use serde_json::json;

use crate::node::{self, Node};
use crate::program::{ended, run, sutra};

#[test]
fn a_refused_connection_says_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (stdout, stderr) = ended(&run(&url, &["stats"]), 1);
    assert_eq!(stdout, "");
    let expected =
        format!("sutra: can't reach {url}: connection refused; is sutra-node running? (set --server or SUTRA_SERVER)\n");
    assert_eq!(stderr, expected);
}

#[test]
fn a_proxy_in_the_environment_is_not_used() {
    let node = Node::saying(node::json("200 OK", &json!({"results": [], "partial": false})));
    let output = sutra(&["--server", &node.url, "search", "aspirin"]).env("http_proxy", "http://127.0.0.1:1").output().unwrap();
    assert_eq!(ended(&output, 0).0, "nothing found\n");
}

#[test]
fn a_servers_error_is_told_with_code_and_request() {
    let body = json!({"error": {"code": "unavailable", "message": "the shard has no quorum", "request_id": "r-7", "details": {"outcome": "none"}}});
    let node = Node::saying(node::json("503 Service Unavailable", &body));
    let (_, stderr) = ended(&run(&node.url, &["learn", "aspirin"]), 1);
    assert_eq!(stderr, "sutra: the shard has no quorum (unavailable, request r-7); nothing was changed\n");
}

#[test]
fn what_an_ambiguous_name_may_stand_for_is_a_table_with_how_to_go_on() {
    let [slope, money] = ["1", "2"].map(|digit| digit.repeat(32));
    let body = json!({"error": {"code": "conflict", "message": "“bank” may be any of 2 concepts", "details": {"candidates": [
        {"id": slope, "content": "bank: sloping land\u{1b}[2J", "key": "wn:1"}, {"id": money, "content": "bank: a house of money"}]}}});
    for words in [["path", "bank", "money"], ["associate", "bank", "money"]] {
        let node = Node::saying(node::json("409 Conflict", &body));
        let (_, stderr) = ended(&run(&node.url, &words), 1);
        let expected = format!(
            "sutra: “bank” may be any of 2 concepts (conflict)

ID                                KEY   CONTENT
{slope}  wn:1  bank: sloping land\\u{{1b}}[2J
{money}        bank: a house of money

Run it again with the id of the one you mean, or with key:KEY, instead of the name.
"
        );
        assert_eq!(stderr, expected);
    }
}

#[test]
fn what_is_no_node_is_said_to_be_none() {
    let node = Node::saying("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 8\r\n\r\nupstream");
    let (_, stderr) = ended(&run(&node.url, &["stats"]), 1);
    assert!(stderr.ends_with(" answered 502 Bad Gateway: upstream\n"), "{stderr}");

    let node = Node::saying("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>");
    let (_, stderr) = ended(&run(&node.url, &["stats"]), 1);
    assert!(stderr.contains("not a Sutra node's"), "{stderr}");

    let node = Node::saying(node::json("200 OK", &json!({"hello": "world"})));
    let (_, stderr) = ended(&run(&node.url, &["ask", "What is aspirin?"]), 1);
    assert!(stderr.contains("-o json"), "{stderr}");
}

#[test]
fn a_reply_that_breaks_off_is_an_error() {
    let node = Node::saying("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"concepts\":");
    let (_, stderr) = ended(&run(&node.url, &["stats"]), 1);
    assert!(stderr.contains("broke"), "{stderr}");
}

#[test]
fn wrong_usage_has_status_2() {
    for words in
        [&["ask"][..], &["get", "aspirin"], &["--server", "https://grid", "stats"], &["export", "all.ndjson.zst"], &["forget"]]
    {
        let (stdout, stderr) = ended(&sutra(words).output().unwrap(), 2);
        assert!(stdout.is_empty() && !stderr.is_empty(), "{words:?}");
    }
}
