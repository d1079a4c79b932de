//! What comes from outside, and what the log holds.

use serde::Deserialize;
use sutra_disk::Random;
use sutra_protocol::command::Command;
use sutra_protocol::http::{AssociateRequest, LearnRequest};
use sutra_protocol::tcp::{Incoming, frame};

use super::fuzz;
use crate::adversary::author::Author;
use crate::adversary::model::Model;

/// Commands as the log holds them.
fn commands() -> Vec<Vec<u8>> {
    let mut author = Author::new(Random::new(1));
    let mut commands = Vec::new();
    for _ in 0..40 {
        commands.extend(author.traceable(&Model::default(), 3));
    }
    commands.iter().map(|command| rmp_serde::to_vec_named(command).unwrap()).collect()
}

/// Reads a command. Nothing that is stored is nested deeper than this, and what is would use up the stack.
fn command(bytes: &[u8]) -> Result<Command, rmp_serde::decode::Error> {
    let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
    reader.set_max_depth(64);
    Command::deserialize(&mut reader)
}

#[test]
fn commands_of_the_log_are_read_or_refused() {
    fuzz("command", commands(), |bytes| match command(bytes) {
        Ok(command) => {
            // What was read is written, and reads back, the same; NaN is equal to nothing, so the bytes are compared.
            let once = rmp_serde::to_vec_named(&command).unwrap();
            let again = self::command(&once).unwrap();
            assert!(rmp_serde::to_vec_named(&again).unwrap() == once, "{command:?}");
            "read".into()
        }
        Err(error) => error.to_string(),
    });
}

#[test]
fn lines_of_an_import_are_read_or_refused() {
    let lines = [
        r#"{"content":"aspirin","key":"RXCUI:1191","aliases":["ASA"],"type":"entity","confidence":0.5,"attributes":{"dose":500,"oral":true}}"#,
        r#"{"content":"Aspirin relieves headache.","valid_from":"2026-03-01T12:00:00Z","valid_to":null,"vector":[0.5,-1,1e-3],"source":{"uri":"label.pdf","page":7}}"#,
        r#"{"content":"Basel III","associations":[{"target_content":"liquidity coverage ratio","type":"causal","label":"requires"}]}"#,
        r#"{"source_content":"aspirin","target_content":"headache","type":"causal","label":"treats","confidence":0.75}"#,
        r#"{"source_id":"9950b849fcb25f285f7cc636e67bd037","target_id":"5cbb5c4f1c63ce45ab51abadf01407a3","evidence":["d4bccb373ab63a51f4b589fb425b6574"]}"#,
    ];
    let seeds = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
    fuzz("import", seeds, |bytes| {
        let learn = serde_json::from_slice::<LearnRequest>(bytes);
        let associate = serde_json::from_slice::<AssociateRequest>(bytes);
        if let Ok(learn) = &learn {
            let written = serde_json::to_vec(learn).unwrap();
            assert_eq!(serde_json::from_slice::<LearnRequest>(&written).unwrap(), *learn);
        }
        format!("{:?} {:?}", learn.map(drop).map_err(|error| error.to_string()), associate.is_ok())
    });
}

#[test]
fn frames_of_tcp_are_read_or_refused() {
    let bodies = [
        ("Learn", serde_json::json!({"content": "aspirin", "source": {"uri": "label.pdf"}, "vector": [0.5, 1.0]})),
        (
            "LearnConceptV2",
            serde_json::json!({"content": "Basel III", "associations": [{"target_content": "LCR", "type": "causal"}]}),
        ),
        ("QueryConcept", serde_json::json!({"concept_id": "9950b849fcb25f285f7cc636e67bd037"})),
        ("GetNeighbors", serde_json::json!({"concept_id": "9950b849fcb25f285f7cc636e67bd037", "direction": "both"})),
        ("VectorSearch", serde_json::json!({"query_vector": [0.1, 0.2], "k": 10, "filter": {"field": "type", "eq": "rule"}})),
        ("HealthCheck", serde_json::json!({})),
    ];
    let named =
        bodies.iter().map(|(name, body)| rmp_serde::to_vec_named(&serde_json::json!({*name: body, "request_id": 7})).unwrap());
    let seeds = named.chain([rmp_serde::to_vec_named("HealthCheck").unwrap()]).chain(commands()).collect();
    fuzz("frame", seeds, |bytes| {
        let length = bytes.first_chunk().map(|header| frame::announced(*header).is_ok());
        let incoming = Incoming::decode(bytes);
        format!("{length:?} {:?}", incoming.request.map(drop).map_err(|error| error.to_string()))
    });
}
