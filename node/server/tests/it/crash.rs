//! SIGKILL while writers write: nothing acknowledged is lost.

use std::sync::mpsc;

use serde_json::{Value, json};

use crate::client::Client;
use crate::node::{Node, data};
use crate::random::Random;

/// A concept that a writer was told is stored, and the hub that it is associated with.
struct Acknowledged {
    content: String,
    id: String,
    hub: String,
}

fn body(round: u64, writer: usize, number: u64) -> (String, Value) {
    let content = format!("statement {round}/{writer}/{number}");
    let association = json!({"target_content": format!("hub {}", number % 7), "type": "causal", "label": "feeds"});
    let body = json!({"content": content, "associations": [association]});
    (content, body)
}

/// Writes over TCP until the node is gone.
fn write_tcp(node: std::net::SocketAddr, round: u64, writer: usize, done: &mpsc::Sender<Acknowledged>) {
    let mut client = Client::connect(node);
    for number in 0.. {
        let (content, body) = body(round, writer, number);
        let Ok(learned) = client.try_call("LearnConceptV2", body) else { return };
        let id = learned.unwrap()["concept_id"].as_str().unwrap().into();
        let acknowledged = Acknowledged { content, id, hub: format!("hub {}", number % 7) };
        if done.send(acknowledged).is_err() {
            return;
        }
    }
}

/// Writes over HTTP until the node is gone.
fn write_http(url: &str, round: u64, writer: usize, done: &mpsc::Sender<Acknowledged>) {
    let client = reqwest::blocking::Client::new();
    for number in 0.. {
        let (content, body) = body(round, writer, number);
        let Ok(reply) = client.post(url).json(&body).send() else { return };
        assert_eq!(reply.status(), 200);
        let Ok(learned) = reply.json::<Value>() else { return };
        let id = learned["id"].as_str().unwrap().into();
        let acknowledged = Acknowledged { content, id, hub: format!("hub {}", number % 7) };
        if done.send(acknowledged).is_err() {
            return;
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_sigkill() {
    let rounds = if std::env::var_os("SUTRA_SOAK").is_some() { 50 } else { 5 };
    let (seed, mut random) = Random::seeded();
    let dir = tempfile::tempdir().unwrap();
    let mut everything: Vec<Acknowledged> = Vec::new();
    for round in 0..rounds {
        let node = Node::serve(&data(&dir));
        let (done, acknowledged) = mpsc::channel();
        let enough = 20 + random.below(300);
        let (tcp, url) = (node.tcp, node.url("/v1/learn"));
        std::thread::scope(|threads| {
            for writer in 0..4 {
                let (done, url) = (done.clone(), url.as_str());
                threads.spawn(move || match writer % 2 {
                    0 => write_tcp(tcp, round, writer, &done),
                    _ => write_http(url, round, writer, &done),
                });
            }
            drop(done);
            everything.extend(acknowledged.iter().take(enough as usize));
            node.kill();
            everything.extend(acknowledged.iter());
        });

        let node = Node::serve(&data(&dir));
        let mut client = node.client();
        let hubs: Vec<(String, String)> = (0..7)
            .map(|hub| {
                let content = format!("hub {hub}");
                (content.clone(), client.learn(&content))
            })
            .collect();
        for written in &everything {
            let told = format!("round {round}, seed {seed} (SUTRA_SEED): {:?}", written.content);
            let found = client.call("QueryConcept", json!({"concept_id": written.id}));
            assert_eq!(found["content"], json!(written.content), "{told}");
            let (_, hub) = hubs.iter().find(|(content, _)| *content == written.hub).unwrap();
            let found = client.call("GetAssociation", json!({"source_id": written.id, "target_id": hub}));
            assert_eq!((&found["found"], &found["label"]), (&json!(true), &json!("feeds")), "{told}");
        }
        node.kill();
    }
}
