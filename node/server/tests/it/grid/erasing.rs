//! What is erased leaves every file of every node.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::fixture::{Grid, NODES, until};

/// Enough to be in segments: several times the memory that the nodes have for what is in none.
const FILLING: usize = 100;
const FILLING_BYTES: usize = 60 << 10;

/// The files that hold these words.
fn holding(dir: &Path, words: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, words));
        // A node may remove a file at any moment.
        } else if std::fs::read(&path).is_ok_and(|bytes| bytes.windows(words.len()).any(|window| window == words.as_bytes())) {
            found.push(path);
        }
    }
    found
}

fn learn(grid: &Grid, at: usize, body: &Value) -> String {
    let reply = grid.client().post(grid.url(at, "/v1/learn")).json(body).send().unwrap();
    assert_eq!(reply.status(), 200);
    reply.json::<Value>().unwrap()["id"].as_str().unwrap().to_owned()
}

#[test]
fn what_a_follower_is_told_to_erase_is_in_no_file_of_any_node() {
    erased_everywhere(1);
}

#[test]
fn what_a_follower_is_told_to_erase_is_in_no_file_of_any_of_four_shards() {
    erased_everywhere(4);
}

fn erased_everywhere(shards: u32) {
    let grid = Grid::of(shards, &["--delta-budget", "1MiB"]);
    let follower = grid.other(grid.leader());
    let (old, new) = ("the patient called Rumpelstilzchen", "the patient called Hinkelstein");
    let words = ["Rumpelstilzchen", "Hinkelstein"];
    let old_id = learn(&grid, follower, &json!({"content": old, "aliases": ["R. Rumpelstilzchen"]}));
    // Other shards know of it, by its key and as an end.
    let source = json!({"uri": "letter-of-Rumpelstilzchen.pdf"});
    let treats = json!([{"target_content": "straw", "label": "spins"}]);
    let keyed = json!({"content": "a weaver", "key": "Rumpelstilzchen", "source": source, "associations": treats});
    let keyed_id = learn(&grid, follower, &keyed);
    for number in 0..FILLING {
        let filling = json!({"content": format!("filling {number}"), "attributes": {"text": "x".repeat(FILLING_BYTES)}});
        learn(&grid, number % NODES, &filling);
    }
    let new_id = learn(&grid, follower, &json!({"content": new}));
    for at in 0..NODES {
        until("a segment", || grid.get(at, "/stats").filter(|stats| stats["segments"].as_u64() > Some(0)));
        // The followers come to it a little later.
        words.iter().for_each(|words| until("the words", || (!holding(grid.dir(at), words).is_empty()).then_some(())));
    }
    let erase = |id: &str| {
        let url = grid.url(follower, &format!("/v1/concept/{id}?mode=erase&timeout_ms=60000"));
        grid.client().delete(url).header("Idempotency-Key", format!("erase-{id}")).send().unwrap()
    };
    assert_eq!(erase(&keyed_id).status(), 200);
    for (id, word) in [old_id, new_id].iter().zip(words) {
        let erased = erase(id);
        assert_eq!(erased.status(), 200, "{}", erased.text().unwrap());
        for at in 0..NODES {
            assert_eq!(holding(grid.dir(at), word), Vec::<PathBuf>::new(), "{} on {}", word, grid.name(at));
            assert_eq!(grid.client().get(grid.url(at, &format!("/v1/concept/{id}"))).send().unwrap().status(), 404);
        }
    }
    // And the straw.
    assert_eq!(grid.exports().len(), FILLING + 1);
}

#[test]
fn what_is_erased_while_a_node_is_away_leaves_its_files_when_it_is_back() {
    let mut grid = Grid::start(&[]);
    let leader = grid.leader();
    let (asked, away) = (grid.other(leader), grid.other(grid.other(leader)));
    let word = "Rumpelstilzchen";
    let id = learn(&grid, asked, &json!({"content": format!("the patient called {word}")}));
    until("the words on the node", || (!holding(grid.dir(away), word).is_empty()).then_some(()));
    grid.kill(away);
    let erase = |grid: &Grid, timeout: u64| {
        let url = grid.url(asked, &format!("/v1/concept/{id}?mode=erase&timeout_ms={timeout}"));
        let reply = grid.client().delete(url).header("Idempotency-Key", "erase-it").send().unwrap();
        (reply.status().as_u16(), reply.json::<Value>().unwrap())
    };
    let (status, body) = erase(&grid, 1_500);
    assert_eq!((status, &body["error"]["details"]["outcome"]), (504, &json!("unknown")), "{body}");
    assert_eq!(grid.client().get(grid.url(asked, &format!("/v1/concept/{id}"))).send().unwrap().status(), 404);
    grid.restart(away);
    let (status, body) = erase(&grid, 60_000);
    assert_eq!(status, 200, "{body}");
    for at in 0..NODES {
        assert_eq!(holding(grid.dir(at), word), Vec::<PathBuf>::new(), "on {}", grid.name(at));
    }
}
