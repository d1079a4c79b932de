//! An import goes through a follower while the leader dies.

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::fixture::{Grid, PATIENCE, until};

const LINES: u64 = 4_000;

fn content(line: u64) -> String {
    format!("imported line {line}")
}

/// Concepts that a node has.
fn concepts(grid: &Grid, at: usize) -> u64 {
    grid.get(at, "/stats").and_then(|stats| stats["concepts"].as_u64()).unwrap_or_default()
}

#[test]
fn an_import_tells_the_truth_although_the_leader_dies_in_the_middle() {
    let mut grid = Grid::start(&[]);
    let leader = grid.leader();
    let follower = grid.other(leader);
    let line = |line: u64| {
        // Every line after the first hangs together with one before it, which may be in another command.
        let association = (line > 1).then(|| json!({"target_content": content(line / 2), "type": "causal", "label": "follows"}));
        format!("{}\n", json!({"content": content(line), "associations": association.into_iter().collect::<Vec<_>>()}))
    };
    let first: String = (1..=LINES / 2).map(line).collect();
    let second: String = (LINES / 2 + 1..=LINES).map(line).collect();
    let url = grid.urls()[follower].clone();
    let mut importing = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    importing.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = first.len() + second.len();
    write!(
        importing,
        "POST /v1/import HTTP/1.1\r\nHost: node\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    )
    .unwrap();
    importing.write_all(first.as_bytes()).unwrap();
    until("the first lines", || (concepts(&grid, follower) > LINES / 4).then_some(()));
    std::thread::scope(|threads| {
        let sending = threads.spawn(|| importing.write_all(second.as_bytes()));
        grid.kill(leader);
        sending.join().unwrap().unwrap();
    });
    let mut reply = String::new();
    importing.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    println!("{}: {}", head.lines().next().unwrap(), &body[..body.len().min(300)]);

    let exported = |at: usize| -> HashSet<String> {
        let lines = grid.export(at);
        let values = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        values.filter_map(|line| Some(line["content"].as_str()?.to_owned())).collect()
    };
    if head.starts_with("HTTP/1.1 200") {
        let report: Value = serde_json::from_str(body).unwrap();
        assert_eq!((&report["lines"], &report["done"]), (&json!(LINES), &json!(true)), "{report}");
        let errors = report["errors"].as_array().unwrap();
        assert_eq!(json!(errors.len()), report["errors_total"], "{report}");
        let failed: HashSet<u64> = errors.iter().map(|error| error["line"].as_u64().unwrap()).collect();
        let stored = exported(follower);
        for line in (1..=LINES).filter(|line| !failed.contains(line)) {
            assert!(stored.contains(&content(line)), "line {line} is said to be stored, and is not");
        }
        assert!(report["concepts"].as_u64().unwrap() <= stored.len() as u64, "{report}");
    } else {
        assert!(head.starts_with("HTTP/1.1 503"), "{reply}");
    }

    // The same lines again complete it, through the third node, once another leads.
    grid.leader();
    let third = grid.other(follower);
    let all = first + &second;
    let again = grid.client().post(grid.url(if third == leader { grid.other(third) } else { third }, "/v1/import"));
    let again: Value = again.header("Content-Type", "application/x-ndjson").body(all).send().unwrap().json().unwrap();
    assert_eq!(again["errors_total"], json!(0), "{again}");
    grid.restart(leader);
    let lines = grid.exports();
    let told: HashSet<&String> = lines.iter().collect();
    assert_eq!(told.len() as u64, LINES + LINES - 1, "each concept once, and each association");
}
