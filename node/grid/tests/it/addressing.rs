//! What a node answers to requests for shards that it keeps, and for others.

use serde::Deserialize;
use sutra_peer::{CallError, Class};
use sutra_protocol::command::{Applied, LogIndex};
use sutra_replication::FIRST_OTHER;

use crate::cluster::{LIMIT, Setup, learn};

/// By which a command is submitted to a shard's leader.
const SUBMIT: u16 = FIRST_OTHER;
/// By which it tells how far a read has to wait.
const READ_INDEX: u16 = FIRST_OTHER + 1;

/// A refusal as it travels; there are others.
#[derive(Debug, PartialEq, Deserialize)]
enum Refused {
    NoReplica,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_reaches_the_shard_that_it_names_and_a_node_without_a_replica_says_so() {
    let cluster = Setup::of(8, 1).start().await;
    for shard in cluster.shards() {
        let command = rmp_serde::to_vec_named(&learn(&cluster.contents(shard, "drug", 1)[0])).unwrap();
        let leader = cluster.leader(shard).await;
        for name in cluster.up() {
            let peer = cluster.peer(&name);
            let submitted = peer.call(Class::Control, SUBMIT, shard.0, command.clone().into(), LIMIT).await.unwrap();
            let submitted: Result<Applied, Refused> = rmp_serde::from_slice(&submitted).unwrap();
            let asked = peer.call(Class::Control, READ_INDEX, shard.0, Default::default(), LIMIT).await;
            if name == leader {
                let index: Option<LogIndex> = rmp_serde::from_slice(&asked.unwrap()).unwrap();
                assert!(index >= Some(submitted.unwrap().index));
                continue;
            }
            assert_eq!(submitted.map(|applied| applied.index), Err(Refused::NoReplica));
            let sentence = format!("there is no replica of shard {shard} here");
            assert!(matches!(&asked, Err(CallError::Refused { reason }) if *reason == sentence), "{asked:?}");
        }
    }
    cluster.close().await;
}
