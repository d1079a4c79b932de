//! Frames that no honest client sends, and clients that do not read.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use rmpv::Value as Packed;
use serde_json::json;

use crate::node::fresh;

fn packed(value: &Packed) -> Vec<u8> {
    let mut payload = Vec::new();
    rmpv::encode::write_value(&mut payload, value).unwrap();
    payload
}

#[test]
fn a_malformed_payload_gets_an_error_and_the_connection_goes_on() {
    let (_dir, node) = fresh();
    let mut client = node.client();
    let nan = |name: &str, field: &str| {
        let fields = Packed::Map(vec![("content".into(), "x".into()), (field.into(), Packed::F64(f64::NAN))]);
        packed(&Packed::Map(vec![(name.into(), fields)]))
    };
    let positional = packed(&Packed::Map(vec![("LearnConceptV2".into(), Packed::Array(vec!["x".into()]))]));
    let deep = [vec![0x91; 100_000], vec![0xc0]].concat();
    for (payload, word) in [
        (vec![], "MessagePack"),
        (vec![0xc1], "0xc1"),
        (vec![0x81, 0xa5, b'F'], "byte"),
        (vec![0xdd, 0xff, 0xff, 0xff, 0xff], "byte 5"),
        (vec![0xc0, 0xc0], "follow"),
        (vec![0xa2, 0xff, 0xfe], "UTF-8"),
        (vec![0x93, 1, 2, 3], "a list"),
        (positional, "a list"),
        (deep, "nesting"),
        (nan("LearnConceptV2", "confidence"), "confidence is NaN"),
        (nan("LearnConcept", "strength"), "strength is NaN"),
    ] {
        client.send_frame(&payload).unwrap();
        let reply = client.receive().unwrap();
        assert_eq!(reply["Error"]["code"], json!("invalid_argument"), "{reply}");
        assert!(reply["Error"]["message"].as_str().unwrap().contains(word), "{word}: {reply}");
    }
    assert_eq!(client.call("GetStats", json!({}))["concepts"], json!(0));
}

#[test]
fn a_length_of_four_gibibytes_is_told_and_allocates_nothing() {
    let (_dir, node) = fresh();
    let before = node.resident();
    let mut client = node.client();
    client.stream.write_all(&[0xff; 4]).unwrap();
    let reply = client.receive().unwrap();
    assert_eq!(reply["Error"]["code"], json!("too_large"));
    assert_eq!(reply["Error"]["message"], json!("the frame has 4294967295 bytes; at most 16777216 are allowed"));
    assert!(node.resident() < before + (64 << 20));
    node.client().learn("others go on");
}

#[test]
fn after_an_oversize_frame_the_connection_goes_on() {
    let (_dir, node) = fresh();
    let mut client = node.client();
    client.send_frame(&vec![0xc0; (16 << 20) + 1]).unwrap();
    assert_eq!(client.receive().unwrap()["Error"]["code"], json!("too_large"));
    client.learn("and here is the next");
}

#[test]
fn a_content_of_the_greatest_size_passes_and_a_greater_one_is_told() {
    let (_dir, node) = fresh();
    let mut client = node.client();
    let content = "é".repeat(5 << 20);
    // Unoptimised, and beside other tests, its words take longer than a request may by default.
    let learnt = client.call("LearnConceptV2", json!({"content": content, "timeout_ms": 120_000}));
    let asked = json!({"concept_id": learnt["concept_id"], "timeout_ms": 120_000});
    assert_eq!(client.call("QueryConcept", asked)["content"], json!(content));
    let (code, message) = client.fails("LearnConceptV2", json!({"content": content + "!"}));
    assert_eq!(code, "too_large");
    assert!(message.contains("10485761") && message.contains("10485760"), "{message}");
}

#[test]
fn half_sent_frames_hold_little_and_nobody_else_up() {
    let (_dir, node) = fresh();
    node.client().learn("before");
    let before = node.resident();
    let half: Vec<_> = (0..200)
        .map(|_| {
            let mut client = node.client();
            client.stream.write_all(&[0x01, 0, 0, 0, 0x81]).unwrap();
            client
        })
        .collect();
    node.client().learn("during");
    // 200 times 16 MiB would be 3 GiB.
    assert!(node.resident() < before + (100 << 20));
    drop(half);
    node.stop();
}

#[test]
fn replies_come_in_order_and_with_an_id_as_they_finish() {
    let (_dir, node) = fresh();
    let mut client = node.client();
    for at in 0..100 {
        client.send(&json!({"LearnConceptV2": {"content": format!("in order {at}")}})).unwrap();
        client.send(&json!({"TextSearch": {"query": format!("{at}")}})).unwrap();
    }
    for at in 0..100 {
        assert!(client.receive().unwrap().get("LearnConceptV2Ok").is_some());
        // It runs after the one before it, and so sees what that one did.
        let found = client.receive().unwrap();
        assert_eq!(found["TextSearchOk"]["results"][0]["content"], json!(format!("in order {at}")));
    }

    // A write waits for the disk; reads sent after it overtake it. One pair may run the other way round, a hundred do not.
    let mut overtaken = 0;
    for at in 0..100 {
        client.send(&json!({"LearnConceptV2": {"content": format!("by number {at}")}, "id": 2 * at})).unwrap();
        client.send(&json!({"id": 2 * at + 1, "HealthCheck": {}})).unwrap();
        let replies = [client.receive().unwrap(), client.receive().unwrap()];
        let learned = replies.iter().find(|reply| reply["id"] == json!(2 * at)).unwrap();
        assert!(learned.get("LearnConceptV2Ok").is_some(), "{learned}");
        assert!(replies.iter().any(|reply| reply["id"] == json!(2 * at + 1) && reply.get("HealthCheckOk").is_some()));
        overtaken += u32::from(replies[1]["id"] == json!(2 * at));
    }
    assert!(overtaken > 0);
    client.send(&json!({"Nothing": {}, "id": -7})).unwrap();
    assert_eq!(client.receive().unwrap()["id"], json!(-7));
}

#[test]
fn a_client_that_does_not_read_is_held_up_alone() {
    let (_dir, node) = fresh();
    let mut other = node.client();
    let id = other.learn(&"x".repeat(1 << 20));
    let mut deaf = node.client();
    deaf.stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut number = 0;
    // Ends when the node reads no more, because nobody takes its replies.
    while deaf.send(&json!({"QueryConcept": {"concept_id": id}, "id": number})).is_ok() {
        number += 1;
        assert!(number < 1_000_000, "the node reads without bound");
    }
    assert_eq!(other.call("QueryConcept", json!({"concept_id": id}))["found"], json!(true));
    assert!(node.resident() < 1 << 30, "{} bytes", node.resident());
}

#[test]
fn a_connection_that_ends_inside_a_frame_is_forgotten() {
    let (_dir, node) = fresh();
    let mut client = node.client();
    client.stream.write_all(&[0, 0, 0, 9, 0x81]).unwrap();
    client.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.stream.read(&mut [0]).unwrap(), 0);
    node.stop();
}
