//! Pipes that close early, and scripts for shells.

use std::process::Stdio;

use serde_json::json;

use crate::node::{self, CHUNKED, Node, chunk};
use crate::program::{ended, sutra};

#[test]
fn a_closed_output_ends_the_program_quietly() {
    let line = format!("{}\n", json!({"content": "aspirin ".repeat(1000)}));
    let reply = format!("{CHUNKED}{}{}", chunk(&line.repeat(1000)), chunk(""));
    let hits =
        json!({"id": "1".repeat(32), "content": "aspirin ".repeat(1000), "type": "entity", "score": 1.0, "confidence": 1.0});
    let found = node::json("200 OK", &json!({"results": vec![hits; 1000], "partial": false}));
    for (words, reply) in [(["export", "-"], reply.into_bytes()), (["search", "aspirin"], found)] {
        let node = Node::saying(reply);
        let mut child =
            sutra(&words).env("SUTRA_SERVER", &node.url).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        assert_eq!(ended(&child.wait_with_output().unwrap(), 0).1, "");
    }
}

#[test]
fn every_shell_gets_a_script() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (stdout, _) = ended(&sutra(&["completion", shell]).output().unwrap(), 0);
        assert!(stdout.contains("sutra") && stdout.contains("known-at") && stdout.contains("hierarchical"), "{shell}: {stdout}");
    }
}
