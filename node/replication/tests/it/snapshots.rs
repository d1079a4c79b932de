//! Replicas that a log can't help any more.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sutra_disk::{DiskCall, Failure, Fault, SimulatedDisk, When};
use sutra_protocol::command::LogIndex;
use sutra_replication::{ReplicaId, Role};
use sutra_weather::member;
use tokio::time::{Instant, timeout};

use crate::cluster::{Cluster, GROUP, LIMIT, Setup, is_open, learn, until};

/// The services of entries, of a snapshot's offer, its pieces and its end.
const APPEND: u16 = 1;
const OFFER: u16 = 3;
const PIECE: u16 = 4;
const END: u16 = 5;
/// How often a cluster meets what does not come out the same each time.
const ROUNDS: u64 = 4;
/// In how many elections the only one who can win has won, mostly in one or two, on however noisy a machine.
const ELECTIONS: u64 = 12;

fn purged(cluster: &Cluster, node: u64) -> Option<LogIndex> {
    cluster.log(node).group(GROUP).and_then(|group| group.purged).map(|point| point.index)
}

fn last(cluster: &Cluster, node: u64) -> Option<LogIndex> {
    cluster.log(node).group(GROUP).and_then(|group| group.last).map(|point| point.index)
}

/// Writes and checkpoints until none of the running replicas has the entries that one had last.
async fn leave_behind(cluster: &Cluster, had: Option<LogIndex>, what: &str) -> Vec<String> {
    let mut contents = Vec::new();
    // The entries since the checkpoint before the last are kept.
    for round in 0..2 {
        for at in 0..5 {
            let content = format!("{what}: {round}, {at}");
            cluster.learn(&content).await;
            contents.push(content);
        }
        cluster.settle().await;
        for node in cluster.up() {
            cluster.store(node).checkpoint().await.unwrap();
        }
    }
    for node in cluster.up() {
        until("the log is not cut", || purged(cluster, node) > had).await;
    }
    contents
}

/// Three replicas, a follower that is down, and what the others taught since: no log has what it lacks.
async fn one_away() -> (Cluster, u64, Vec<String>) {
    let mut cluster = Setup::of(3).start().await;
    let (away, contents) = leave_one_behind(&mut cluster).await;
    (cluster, away, contents)
}

/// Stops a follower, and has the others go on until no log has what it lacks: who it is, and what they taught since.
pub(crate) async fn leave_one_behind(cluster: &mut Cluster) -> (u64, Vec<String>) {
    let leader = cluster.leader().await;
    let away = cluster.up().into_iter().find(|node| *node != leader).unwrap();
    let had = last(cluster, away);
    cluster.stop(away).await;
    let contents = leave_behind(cluster, had, "while it was away").await;
    (away, contents)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_was_away_gets_a_snapshot_of_what_it_lacks() {
    for setup in [Setup::of(3).on_real_files(), Setup::of(3)] {
        let mut cluster = setup.start().await;
        cluster.learn("known to all").await;
        cluster.settle().await;
        for node in cluster.up() {
            cluster.store(node).checkpoint().await.unwrap();
        }
        let leader = cluster.leader().await;
        let away = cluster.up().into_iter().find(|node| *node != leader).unwrap();
        let had = last(&cluster, away);
        cluster.stop(away).await;
        let mut contents = leave_behind(&cluster, had, "while it was away").await;
        contents.push("known to all".into());
        let before = cluster.net.delivered(PIECE);
        cluster.start(away).await;
        let (_, index) = cluster.learn("back again").await;
        cluster.applied(away, index).await;
        assert!(purged(&cluster, away) > had, "its log begins behind the snapshot");
        let leader = cluster.leader().await;
        // One is of the manifest.
        let (pieces, files) = (cluster.net.delivered(PIECE) - before - 1, cluster.store(leader).stats().segments);
        assert!(pieces > 0 && pieces < files, "{pieces} pieces of {files} files");
        let sent: u64 = cluster.up().into_iter().map(|node| cluster.group(node).snapshots_sent()).sum();
        assert_eq!((sent, cluster.store(away).stats().installs), (1, 1));
        cluster.assert_equal_and_hold(contents.iter().map(String::as_str)).await;
        // And it goes on from there.
        cluster.stop(away).await;
        cluster.start(away).await;
        cluster.assert_equal_and_hold(contents.iter().map(String::as_str)).await;
        cluster.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_comes_through_a_network_that_loses_replies_and_doubles_requests() {
    let (mut cluster, away, contents) = one_away().await;
    for from in 1..=3 {
        for to in 1..=3 {
            cluster.net.set(from, to, sutra_weather::Weather { is_cut: false, delay: 10, lost_replies: 20, doubled: 60 });
        }
    }
    cluster.start(away).await;
    until("it does not get the snapshot", || cluster.knows(away, contents.last().unwrap())).await;
    cluster.net.heal();
    cluster.assert_equal_and_hold(contents.iter().map(String::as_str)).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_finds_no_room_comes_again_when_there_is_some() {
    let (mut cluster, away, contents) = one_away().await;
    let disk = cluster.hosts[&away].simulated.clone().unwrap();
    let offers = cluster.net.delivered(OFFER);
    disk.set_capacity(Some(disk.used() + 1_000));
    cluster.start(away).await;
    // It is offered again and again, and taken in never.
    until("it is not offered again", || cluster.net.delivered(OFFER) > offers + 2).await;
    let leader = cluster.leader().await;
    let term = cluster.group(leader).status().term;
    until("it is not offered again", || cluster.net.delivered(OFFER) > offers + 12).await;
    assert_eq!(cluster.group(leader).status().term, term, "it stood for election meanwhile, and ended the office of who leads");
    assert!(!cluster.knows(away, contents.last().unwrap()) && cluster.store(away).stats().installs == 0);
    disk.set_capacity(None);
    cluster.assert_equal_and_hold(contents.iter().map(String::as_str)).await;
    assert_eq!(cluster.store(away).stats().installs, 1);
    assert!(cluster.hosts[&away].fatal.lock().unwrap().is_empty());
    cluster.close().await;
}

/// Starts a node whose disk has no room for the last of a snapshot, and waits until it has tried to put that in place.
async fn start_without_room(cluster: &mut Cluster, away: u64) -> SimulatedDisk {
    let disk = cluster.hosts[&away].simulated.clone().unwrap();
    disk.fault(Fault::new(DiskCall::Write, Failure::Full, When::From(1)).on("MANIFEST"));
    let ends = cluster.net.delivered(END);
    cluster.start(away).await;
    until("it does not come", || cluster.net.delivered(END) > ends).await;
    // Nothing else is written by whoever has no entries to write.
    let writes = disk.calls(DiskCall::Write);
    until("it is not tried", || disk.calls(DiskCall::Write) > writes + 3).await;
    disk
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_was_received_is_put_in_place_when_the_disk_has_room_for_the_last_of_it() {
    let (mut cluster, away, contents) = one_away().await;
    let disk = start_without_room(&mut cluster, away).await;
    assert!(!cluster.knows(away, contents.last().unwrap()) && cluster.store(away).stats().installs == 0);
    assert!(cluster.hosts[&away].fatal.lock().unwrap().is_empty());
    disk.heal();
    cluster.assert_equal_and_hold(contents.iter().map(String::as_str)).await;
    assert_eq!(cluster.store(away).stats().installs, 1);

    // One that waits for room can be stopped.
    let (away, contents) = leave_one_behind(&mut cluster).await;
    let disk = start_without_room(&mut cluster, away).await;
    timeout(LIMIT / 4, cluster.stop(away)).await.expect("it waits for room");
    disk.heal();
    cluster.start(away).await;
    cluster.assert_equal_and_hold(contents.iter().map(String::as_str)).await;
    cluster.close().await;
}

/// A follower gets a snapshot from a leader that has no quorum without it, while its transfer or its installation takes many leases.
async fn assert_comes_slowly(slow: impl Fn(&Cluster, u64)) {
    let (mut cluster, away, mut contents) = one_away().await;
    let leader = cluster.leader().await;
    let third = cluster.up().into_iter().find(|node| *node != leader).unwrap();
    cluster.stop(third).await;
    let lease = cluster.setup.timing.lease();
    // Longer than whoever stood in vain waits before it stands again.
    slow(&cluster, lease.as_millis() as u64 * 3 / 2);
    let offers = cluster.net.delivered(OFFER);
    cluster.start(away).await;
    let begun = Instant::now();
    let (_, index) = cluster.learn("by the two of them").await;
    assert!(begun.elapsed() > lease * 3, "it was not slow");
    cluster.applied(away, index).await;
    let offers = cluster.net.delivered(OFFER) - offers;
    // Who has just started may stand for election before it is offered, and end the office of who offers.
    assert!(offers <= 3, "the transfer began {offers} times");
    assert_eq!(cluster.store(away).stats().installs, 1);
    contents.push("by the two of them".into());
    slow(&cluster, 0);
    cluster.start(third).await;
    cluster.assert_equal_and_hold(contents.iter().map(String::as_str)).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_takes_many_leases_to_send_comes_to_a_follower_without_whom_there_is_no_quorum() {
    assert_comes_slowly(|cluster, millis| cluster.transfer_delay.store(millis, Ordering::Release)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_takes_many_leases_to_install_comes_to_a_follower_without_whom_there_is_no_quorum() {
    assert_comes_slowly(|cluster, millis| cluster.install_delay.store(millis, Ordering::Release)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lacks_what_is_purged_does_not_keep_others_from_leading_it() {
    for seed in 0..ROUNDS {
        let mut cluster = Setup::of(3).seeded(seed).start().await;
        let away = cluster.leader().await;
        let others: Vec<u64> = cluster.up().into_iter().filter(|node| *node != away).collect();
        cluster.settle().await;
        let had = last(&cluster, away);
        cluster.net.part(&[away], &others);
        let store = cluster.store(away).clone();
        // It has an entry that nobody else has, and stands for election in ever greater terms.
        let lost = tokio::spawn(async move { store.submit(learn("in vain")).await });
        until("it stands in its log", || last(&cluster, away) > had).await;
        let mut contents = Vec::new();
        for round in 0..2 {
            for at in 0..5 {
                let content = format!("without it: {round}, {at}");
                cluster.write_among(&others, &learn(&content)).await;
                contents.push(content);
            }
            let (leader, applied) = cluster.write_among(&others, &learn("the last word")).await;
            for node in &others {
                cluster.applied(*node, applied.index).await;
                cluster.store(*node).checkpoint().await.unwrap();
            }
            assert_ne!(leader, away);
        }
        for node in &others {
            until("the log is not cut", || purged(&cluster, *node) > last(&cluster, away)).await;
        }
        // Who led does so no more after a start.
        cluster.stop(away).await;
        cluster.start(away).await;
        let leader = cluster.leader_among(&others).await;
        let third = others.into_iter().find(|node| *node != leader).unwrap();
        cluster.stop(third).await;
        cluster.renew(third, 4).await;
        until("it does not stand", || cluster.group(away).status().role == Role::Candidate).await;
        let terms = cluster.group(away).status().term;
        until("it does not stand again", || cluster.group(away).status().term > terms + 3).await;
        cluster.net.heal();
        let terms = cluster.group(away).status().term;
        let (_, applied) = cluster.write_among(&[leader, away], &learn("by the two of them")).await;
        let took = cluster.group(leader).status().term - terms;
        assert!(took <= ELECTIONS, "it takes {took} elections");
        cluster.applied(away, applied.index).await;
        assert!(contents.iter().all(|content| cluster.knows(away, content)) && !cluster.knows(away, "in vain"));
        assert!(lost.await.unwrap().is_err());
        cluster.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_learner_catches_up_and_takes_the_place_of_a_voter() {
    let mut cluster = Setup::of(3).start().await;
    let contents = leave_behind(&cluster, None, "before").await;
    cluster.add(4).await;
    let leader = cluster.leader().await;
    cluster.group(leader).add_learner(ReplicaId(4), member(4)).await.unwrap();
    let (_, index) = cluster.learn("with a learner").await;
    cluster.applied(4, index).await;
    assert_eq!(cluster.group(4).status().role, Role::Learner);
    let leader = cluster.leader().await;
    let leaves = cluster.up().into_iter().find(|node| *node != leader && *node != 4).unwrap();
    let stay = cluster.up().into_iter().filter(|node| *node != leaves).map(ReplicaId);
    cluster.group(leader).set_voters(stay, false).await.unwrap();
    cluster.stop(leaves).await;
    // With one of the old ones gone, the new one's vote and log count.
    let old = cluster.up().into_iter().find(|node| *node != leader && *node != 4).unwrap();
    cluster.learn("with the new voter").await;
    cluster.stop(old).await;
    cluster.learn("by the new voter's log").await;
    cluster.start(old).await;
    let status = cluster.group(4).wait_until(LIMIT, |status| status.voters.contains(&ReplicaId(4))).await.unwrap();
    assert!(!status.members.contains_key(&ReplicaId(leaves)), "{status:?}");
    cluster.assert_equal_and_hold(contents.iter().map(String::as_str).chain(["by the new voter's log"])).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_does_not_answer_for_the_one_that_was_at_its_address_before() {
    let mut cluster = Setup::of(3).start().await;
    let contents = leave_behind(&cluster, None, "before").await;
    let leader = cluster.leader().await;
    let lost = cluster.up().into_iter().find(|node| *node != leader).unwrap();
    let third = cluster.up().into_iter().find(|node| *node != leader && *node != lost).unwrap();
    cluster.stop(lost).await;
    cluster.renew(lost, 4).await;
    cluster.stop(third).await;
    // With the replica that it was, and the leader, there would be a majority.
    let asked = cluster.net.delivered(APPEND);
    let alone = timeout(cluster.setup.timing.lease() * 8, cluster.store(leader).submit(learn("by one of three"))).await;
    assert!(alone.is_err() || alone.as_ref().is_ok_and(is_open), "{alone:?}");
    until("nobody asks it", || cluster.net.delivered(APPEND) > asked + 5).await;
    assert_eq!(cluster.group(lost).status().last, None, "it took entries that were another's");
    cluster.start(third).await;
    let leader = cluster.leader().await;
    cluster.group(leader).add_learner(ReplicaId(4), member(lost)).await.unwrap();
    let (_, index) = cluster.learn("with the new one").await;
    cluster.applied(lost, index).await;
    let leader = cluster.leader().await;
    let stay = cluster.up().into_iter().map(|node| if node == lost { ReplicaId(4) } else { ReplicaId(node) });
    cluster.group(leader).set_voters(stay, false).await.unwrap();
    cluster.assert_equal_and_hold(contents.iter().map(String::as_str).chain(["with the new one"])).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_anywhere_in_an_installation_is_recovered_from() {
    let mut cluster = Setup::of(3).start().await;
    let mut contents = Vec::new();
    for crash_at in 1..=24 {
        let leader = cluster.leader().await;
        let away = cluster.up().into_iter().find(|node| *node != leader).unwrap();
        let had = last(&cluster, away);
        cluster.stop(away).await;
        contents.extend(leave_behind(&cluster, had, &format!("before crash {crash_at}")).await);
        cluster.start(away).await;
        let disk = cluster.hosts[&away].simulated.clone().unwrap();
        disk.crash_after(crash_at);
        let newest = contents.last().unwrap();
        until("it neither crashes nor gets the snapshot", || disk.is_off() || cluster.knows(away, newest)).await;
        cluster.crash(away).await;
        cluster.start(away).await;
        let (_, index) = cluster.learn(&format!("after crash {crash_at}")).await;
        cluster.applied(away, index).await;
    }
    cluster.assert_equal_and_hold(contents.iter().map(String::as_str)).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_whose_disk_refuses_a_snapshot_gets_it_after_its_next_start() {
    let (mut cluster, away, contents) = one_away().await;
    cluster.start(away).await;
    let disk = cluster.hosts[&away].simulated.clone().unwrap();
    disk.fault(
        sutra_disk::Fault::new(sutra_disk::DiskCall::Rename, sutra_disk::Failure::Io, sutra_disk::When::From(1)).on("segments"),
    );
    let newest = contents.last().unwrap();
    // It was quicker than the fault, or ends.
    until("it neither fails nor gets it", || cluster.knows(away, newest) || cluster.group(away).status().role == Role::Stopped)
        .await;
    disk.heal();
    cluster.stop(away).await;
    cluster.hosts[&away].fatal.lock().unwrap().clear();
    cluster.start(away).await;
    let (_, index) = cluster.learn("after the repair").await;
    cluster.applied(away, index).await;
    cluster.assert_equal_and_hold(contents.iter().map(String::as_str)).await;
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpointed_and_purged_logs_start_again() {
    let mut cluster = Setup::of(3).on_real_files().start().await;
    let contents = leave_behind(&cluster, None, "before").await;
    for node in cluster.up() {
        cluster.stop(node).await;
    }
    for node in 1..=3 {
        cluster.start(node).await;
    }
    cluster.learn("after").await;
    cluster.assert_equal_and_hold(contents.iter().map(String::as_str).chain(["after"])).await;
    for node in cluster.up() {
        assert!(purged(&cluster, node).is_some(), "nothing was shown");
    }
    cluster.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_and_snapshots_go_on_while_memory_is_always_full() {
    let mut cluster = Setup { delta_bytes: 4_000, ..Setup::of(3) }.start().await;
    let leader = cluster.leader().await;
    let away = cluster.up().into_iter().find(|node| *node != leader).unwrap();
    cluster.stop(away).await;
    let writers: Vec<Vec<String>> = futures_util::future::join_all((0..4).map(|writer| {
        let cluster = &cluster;
        async move {
            let mut contents = Vec::new();
            for at in 0..100 {
                let content = format!("writer {writer} on {at}, at some length so that memory is full soon");
                cluster.learn(&content).await;
                contents.push(content);
            }
            contents
        }
    }))
    .await;
    cluster.start(away).await;
    let contents = writers.concat();
    let (_, index) = cluster.learn("back again").await;
    cluster.applied(away, index).await;
    cluster.assert_equal_and_hold(contents.iter().map(String::as_str)).await;
    let stats = cluster.store(away).stats();
    assert!(stats.trouble.is_none(), "{stats:?}");
    tokio::time::timeout(Duration::from_secs(60), cluster.close()).await.expect("it does not stop");
}
