//! Who leads when links are cut, leaders stop, and leaders leave.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sutra_replication::{ReplicaId, Timing};
use sutra_storage::SubmitError;
use tokio::time::timeout;

use crate::cluster::{Cluster, LIMIT, Setup, learn, until};

/// How often leadership is moved while writes go on.
const HAND_OVERS: usize = 6;

fn others(cluster: &Cluster, than: u64) -> Vec<u64> {
    cluster.hosts.keys().copied().filter(|node| *node != than).collect()
}

async fn learn_all(cluster: &Cluster, what: &str, count: usize) -> Vec<String> {
    let mut contents = Vec::new();
    for at in 0..count {
        let content = format!("{what} {at}");
        cluster.learn(&content).await;
        contents.push(content);
    }
    contents
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_its_leader_has_stopped_another_leads_and_every_acknowledged_write_is_there() {
    for setup in [Setup::of(3).on_real_files(), Setup::of(5)] {
        let mut cluster = setup.start().await;
        let mut contents = learn_all(&cluster, "before", 20).await;
        let leader = cluster.leader().await;
        cluster.stop(leader).await;
        let next = cluster.leader().await;
        assert_ne!(next, leader);
        contents.extend(learn_all(&cluster, "after", 5).await);
        cluster.start(leader).await;
        cluster.assert_equal_and_hold(contents.iter().map(String::as_str)).await;
        cluster.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_cut_off_acknowledges_nothing_and_its_tail_is_gone_after_healing() {
    let cluster = Setup::of(3).start().await;
    let leader = cluster.leader().await;
    let rest = others(&cluster, leader);
    cluster.settle().await;
    let last = |node: u64| cluster.log(node).group(crate::cluster::GROUP).and_then(|group| group.last);
    let before = last(leader);
    cluster.net.part(&[leader], &rest);
    let store = cluster.store(leader).clone();
    let lost = tokio::spawn(async move { store.submit(learn("proposed in vain")).await });
    until("it stands in the log of who is cut off", || last(leader) != before).await;
    let (next, _) = cluster.write_among(&rest, &learn("on the other side")).await;
    assert_ne!(next, leader);
    until("who is cut off says that it leads", || !cluster.store(leader).leads()).await;
    assert_eq!(cluster.store(leader).submit(learn("too late")).await, Err(SubmitError::NotLeader));
    assert!(!lost.is_finished(), "nobody can say what becomes of it");
    cluster.net.heal();
    let lost = timeout(LIMIT, lost).await.expect("it is waited for in vain").unwrap();
    assert_eq!(lost, Err(SubmitError::Unknown), "it was in a log");
    cluster.assert_equal_and_hold(["on the other side"]).await;
    for node in cluster.up() {
        assert!(!cluster.knows(node, "proposed in vain") && !cluster.knows(node, "too late"));
        assert_eq!(last(node).map(|point| point.term), last(next).map(|point| point.term));
    }
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_hears_nobody_and_one_that_nobody_hears_are_replaced() {
    for is_deaf in [true, false] {
        let cluster = Setup::of(3).start().await;
        let leader = cluster.leader().await;
        let rest = others(&cluster, leader);
        for other in &rest {
            let (from, to) = if is_deaf { (*other, leader) } else { (leader, *other) };
            cluster.net.cut(from, to);
        }
        let (next, _) = cluster.write_among(&rest, &learn("goes on")).await;
        assert_ne!(next, leader);
        cluster.net.heal();
        cluster.assert_equal_and_hold(["goes on"]).await;
        cluster.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_happens_nobody_votes_for_one_that_hears_no_leader() {
    // A lease that a noisy machine does not outlast.
    let timing = Timing { heartbeat: Duration::from_millis(200), election: [750, 1_500].map(Duration::from_millis) };
    let cluster = Setup { timing, ..Setup::of(3) }.start().await;
    learn_all(&cluster, "before", 3).await;
    let leader = cluster.leader().await;
    cluster.settle().await;
    // Signs of life say nothing new by then.
    tokio::time::sleep(2 * timing.lease()).await;
    let term = cluster.group(leader).status().term;
    let [deaf, hears] = others(&cluster, leader)[..] else { panic!("there are three") };
    cluster.net.part(&[leader], &[deaf]);
    until("it stands for election", || cluster.group(deaf).status().term > term).await;
    tokio::time::sleep(4 * timing.lease()).await;
    for node in [leader, hears] {
        let status = cluster.group(node).status();
        assert_eq!((status.term, status.leader), (term, Some(ReplicaId(leader))), "of node {node}");
    }
    cluster.net.heal();
    cluster.learn("together again").await;
    cluster.assert_equal_and_hold(["before 2", "together again"]).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_was_alone_for_long_leads_on_when_one_that_is_behind_comes_back() {
    let mut cluster = Setup::of(3).start().await;
    let leader = cluster.leader().await;
    let rest = others(&cluster, leader);
    cluster.stop(rest[0]).await;
    learn_all(&cluster, "before", 5).await;
    cluster.stop(rest[1]).await;
    let lease = cluster.setup.timing.lease();
    until("it leads alone", || !cluster.store(leader).leads()).await;
    // Longer than it may speak, and longer than it may be silent.
    tokio::time::sleep(6 * lease).await;
    cluster.start(rest[0]).await;
    cluster.learn("together again").await;
    cluster.start(rest[1]).await;
    cluster.assert_equal_and_hold(["before 4", "together again"]).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_commands_has_applied_an_entry_of_its_own_term() {
    let cluster = Setup::of(3).start().await;
    for from in 1..=3 {
        for to in 1..=3 {
            cluster.net.set(from, to, sutra_weather::Weather { delay: 30, ..Default::default() });
        }
    }
    for round in 0..5 {
        let leader = cluster.leader().await;
        let term = cluster.group(leader).status().term;
        cluster.group(leader).hand_over(Duration::from_secs(10)).await;
        until("nobody leads after it", || {
            cluster.up().into_iter().any(|node| {
                let leads = cluster.store(node).leads();
                let applied = cluster.store(node).progress().applied.unwrap().term;
                let status = cluster.group(node).status();
                assert!(
                    !leads || applied >= status.term || status.role != sutra_replication::Role::Leader,
                    "round {round}: {status:?}"
                );
                leads && status.term > term
            })
        })
        .await;
        cluster.learn(&format!("round {round}")).await;
    }
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leadership_moves_while_writes_go_on_and_every_answer_is_true() {
    let cluster = Arc::new(Setup::of(3).start().await);
    let is_over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (cluster, is_over) = (Arc::clone(&cluster), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut answers = BTreeMap::new();
                for at in 0.. {
                    if is_over.load(Ordering::Acquire) {
                        break;
                    }
                    // Whoever it is: who does not lead says so.
                    let node = 1 + (at / 7 + writer) % 3;
                    let content = format!("{writer}, {at}");
                    let answer = timeout(LIMIT, cluster.store(node).submit(learn(&content))).await.expect("no answer");
                    if answer.is_err() {
                        tokio::task::yield_now().await;
                    }
                    answers.insert(content, answer);
                }
                answers
            })
        })
        .collect();
    let (mut moved, mut at_once) = (0, 0);
    for _ in 0..HAND_OVERS {
        let leader = cluster.leader().await;
        // Within its first lease nobody else gets its vote.
        tokio::time::sleep(cluster.setup.timing.lease()).await;
        let term = cluster.group(leader).status().term;
        if cluster.group(leader).hand_over(Duration::from_secs(10)).await {
            moved += 1;
        }
        let next = cluster.leader().await;
        at_once += usize::from(cluster.group(next).status().term == term + 1);
        // It has been in office.
        cluster.learn(&format!("in office {moved}")).await;
    }
    is_over.store(true, Ordering::Release);
    assert!(moved > HAND_OVERS / 2, "leadership moved {moved} times of {HAND_OVERS}");
    // Who stands without an entry that the leader has costs everyone a lease without a leader.
    assert!(at_once > HAND_OVERS / 2, "{at_once} of {HAND_OVERS} hand-overs took one election");
    let mut answers = BTreeMap::new();
    for writer in writers {
        answers.extend(writer.await.unwrap());
    }
    let acknowledged: Vec<&str> =
        answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(content, _)| content.as_str()).collect();
    assert!(!acknowledged.is_empty());
    cluster.assert_equal_and_hold(acknowledged.iter().copied()).await;
    let mut indexes = BTreeMap::new();
    for (content, answer) in &answers {
        match answer {
            Ok(applied) => {
                let created =
                    matches!(applied.outcomes[..], [Ok(sutra_protocol::command::Outcome::Learned { created: true, .. })]);
                assert!(created && !applied.repeated, "{content} was written twice: {applied:?}");
                indexes.entry(applied.recorded_at).or_insert(content);
            }
            Err(SubmitError::NotLeader) => assert!(!cluster.knows(1, content), "{content} was refused, and is there"),
            Err(SubmitError::Unknown) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(indexes.len(), acknowledged.len(), "each has a record time of its own");
    Arc::into_inner(cluster).unwrap().close().await;
}
