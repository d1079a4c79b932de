//! How a replica comes into quarantine, and out again.

use std::sync::Arc;
use std::time::Duration;

use sutra_peer::Class;
use sutra_protocol::command::LogIndex;
use sutra_replication::{Call, Member, ReplicaId, StartError};
use sutra_storage::{Incoming, ManifestError, OpenError, Placement, Quarantined, SegmentError};
use tokio::time::sleep;

use super::fetch::Fetch;
use super::wards::Ward;
use crate::hosted::{HAND_OVER, HostedShard};
use crate::hosting::{Hosting, blocking, placements};
use crate::map::{GridMap, ShardId};
use crate::messages::{NodeStatus, STATUS, UNDECIDED, Wish};
use crate::words;

/// How long another node has for a question.
const QUESTION: Duration = Duration::from_secs(2);
/// How long to wait before what failed is tried again: first and last.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(5)];
/// How long a shard may take to find a leader, before its leader is asked for again, and then anybody.
const ELECTION: Duration = Duration::from_secs(2);

/// Whether a shard has a quorum without one of its replicas, if all the others are there.
pub(crate) fn can_do_without_one(map: &GridMap, shard: u64) -> bool {
    map.replicas(ShardId(shard)).len() >= 3
}

/// Whether what is wrong with a replica that can't be opened is in the files of its state, which others have: its log is open and good.
pub(crate) fn is_of_its_state(error: &StartError) -> bool {
    match error {
        StartError::Open(OpenError::Segment(SegmentError::Disk { source, .. })) => source.kind() == std::io::ErrorKind::NotFound,
        StartError::Open(OpenError::Segment(SegmentError::NotASegment { .. } | SegmentError::Damaged(_))) => true,
        StartError::Open(OpenError::Damage(_) | OpenError::OtherSegment { .. } | OpenError::Gap { .. }) => true,
        StartError::Open(OpenError::Manifest(ManifestError::Damaged { .. } | ManifestError::Missing { .. })) => true,
        StartError::Open(_) | StartError::Group(_) => false,
    }
}

impl Hosting {
    /// Has a replica healed in the background, if its shard can do without it meanwhile. One that is on its way there is told once.
    pub(crate) fn send_to_quarantine(&self, shard: &HostedShard, reason: String) {
        if !can_do_without_one(&self.map(), shard.id().0) || !shard.begins_to_heal() {
            return;
        }
        let (hosting, shard) = (self.clone(), shard.clone());
        tokio::spawn(async move {
            if !hosting.clone().quarantine(shard.clone(), reason).await {
                hosting.unless_closing(sleep(PAUSES[1])).await;
                shard.heals_later();
            }
        });
    }

    /// Whether a replica that has failed is one to be healed.
    pub(crate) fn heals(&self, shard: &HostedShard) -> bool {
        shard.store().damage().is_some() && can_do_without_one(&self.map(), shard.id().0)
    }

    /// Does something, unless the node stops meanwhile.
    async fn unless_closing<T>(&self, doing: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = doing => Some(done),
            () = self.closing() => None,
        }
    }

    async fn quarantine(self, shard: HostedShard, reason: String) -> bool {
        let shard = &shard;
        let (id, replica) = (shard.id(), shard.group().replica());
        if shard.group().failure().is_none() {
            // As long as it votes the others may need it, however little it is good for otherwise.
            match self.unless_closing(self.others_hold_quorum(shard)).await {
                None => return false,
                Some(false) => {
                    tracing::warn!(shard = %id, reason, "a replica is not sound, and its shard has no quorum without it: it is not healed yet");
                    return false;
                }
                Some(true) => {
                    self.unless_closing(shard.group().hand_over(HAND_OVER)).await;
                }
            }
        }
        let placement = Placement { shard: id.0, replica: replica.0, range: shard.store().range(), epoch: self.map().epoch.0 };
        let marked = {
            let Some(_changing) = self.changing(shard).await else { return false };
            tracing::error!(shard = %id, %replica, reason, "a replica is not what its group knows: nobody reads it until it is healed");
            let (directory, marker) = (self.directory().clone(), Quarantined { replica: replica.0, reason: reason.clone() });
            let marked = blocking(move || directory.quarantine(id.0, marker)).await;
            match marked {
                Ok(Ok(())) => {
                    self.wards().admit(placement, reason);
                    self.take_off(shard);
                    shard.leave();
                    shard.stop().await;
                    Ok(())
                }
                Ok(Err(error)) => Err(words::told(&error)),
                Err(error) => Err(error),
            }
        };
        match marked {
            Ok(()) => {
                tokio::spawn(self.clone().heal(id.0));
                true
            }
            Err(error) => {
                tracing::error!(shard = %id, error, "a replica could not be put into quarantine yet");
                false
            }
        }
    }

    /// Whether most of those who vote are there without this replica, and sound as far as they know.
    async fn others_hold_quorum(&self, shard: &HostedShard) -> bool {
        let status = shard.group().status();
        let own = shard.group().replica();
        if status.joint {
            // Of each of the two sets of voters there would have to be a quorum: it is soon one.
            return false;
        }
        // Who lacks what has left the logs could neither lead nor heal anybody.
        let purged = status.purged.unwrap_or_default();
        let mut there = 0;
        for id in status.voters.iter().filter(|id| **id != own) {
            let Some(member) = status.members.get(id) else { continue };
            there += usize::from(self.is_there(member, shard.id(), id.0, purged).await);
        }
        there > status.voters.len() / 2
    }

    async fn is_there(&self, member: &Member, shard: ShardId, replica: u64, purged: LogIndex) -> bool {
        let call = Call { class: Class::Control, service: STATUS, group: 0, payload: bytes::Bytes::new(), timeout: QUESTION };
        let Ok(reply) = self.pool().call(member, call).await else { return false };
        let Ok(status) = words::decode::<NodeStatus>(&reply) else { return false };
        let is_it = |one: &crate::messages::ReplicaStatus| one.shard == shard && one.replica == replica;
        status.replicas.iter().any(|one| {
            is_it(one) && one.applied >= purged && !one.damaged && !["stopped", "quarantined"].contains(&one.role.as_str())
        })
    }

    /// Heals a replica in quarantine, however often it takes, or removes it once it belongs to its group no more.
    pub(crate) async fn heal(self, shard: u64) {
        let (mut pause, mut told) = (PAUSES[0], String::new());
        while let Some(ward) = self.wards().get(shard) {
            let map = self.map();
            let is_it = |one: &Placement| (one.shard, one.replica) == (shard, ward.placement.replica);
            let outcome = if placements(&map, self.name()).iter().any(is_it) {
                match self.unless_closing(self.fetch(&ward, &map)).await {
                    None => return,
                    Some(Ok(incoming)) => {
                        // To its end, whatever becomes of who waits for it.
                        let put = tokio::spawn(self.clone().put_in_place(ward.placement, incoming, map)).await;
                        put.unwrap_or_else(|error| Err(error.to_string()))
                    }
                    Some(Err(reason)) => Err(reason),
                }
            } else {
                match self.unless_closing(self.may_be_removed(&map, ShardId(shard), ward.placement.replica)).await {
                    None => return,
                    Some(true) => return self.discharge(shard).await,
                    Some(false) => Err("the map has taken it away, and its group has not said yet that it may go".into()),
                }
            };
            let Err(reason) = outcome else { return };
            if reason != told {
                tracing::warn!(shard, reason, "a replica in quarantine is not healed yet; it is tried again");
                told = reason;
            }
            if self.unless_closing(sleep(pause)).await.is_none() {
                return;
            }
            pause = (pause * 2).min(PAUSES[1]);
        }
    }

    /// A checkpoint of whoever leads the shard, or, where nobody does for a while, of any replica that is sound: what it holds is committed,
    /// and it may be that nobody can lead before this one is there.
    async fn fetch(&self, ward: &Ward, map: &GridMap) -> Result<Incoming, String> {
        let (shard, by) = (ward.placement.shard, ReplicaId(ward.placement.replica));
        let (disk, folder) = (Arc::clone(self.directory().disk()), self.incoming(shard));
        let fetch = Fetch { pool: self.pool(), disk, folder, shard, by };
        let mut why = String::from("no other node leads its shard");
        let (id, members) = (ShardId(shard), map.to_be_asked(ShardId(shard)));
        // Of the others it is known what they say: that they have nothing of it.
        let is_given = |member: &Member| map.replicas(id).iter().any(|replica| replica.node == member.node);
        for wish in [Wish::OfLeader, Wish::OfLeader, Wish::OfAny] {
            for member in members.iter().filter(|member| member.node != self.name()) {
                match fetch.from(member, wish).await {
                    Ok(Some(fetched)) => return Ok(fetched),
                    Ok(None) => {}
                    // Who leads knows it; another would give what may be wrong.
                    Err(reason) if reason.contains(UNDECIDED) => return Err(format!("{member}: {reason}")),
                    Err(reason) if is_given(member) => why = format!("{member}: {reason}"),
                    Err(_) => {}
                }
            }
            sleep(ELECTION).await;
        }
        Err(why)
    }

    async fn put_in_place(self, placement: Placement, incoming: Incoming, map: Arc<GridMap>) -> Result<(), String> {
        let Placement { shard, replica, .. } = placement;
        let Some(_changing) = self.changing_ward(shard).await else { return Err("the node is stopping".into()) };
        let directory = self.directory().clone();
        let healed = blocking(move || directory.heal(&placement, &incoming)).await?;
        let at = healed.map_err(|error| words::told(&error))?;
        self.open_again(placement, &map).await.map_err(|error| words::told(&error))?;
        self.wards().heal(shard);
        tracing::info!(shard, replica, index = at.index.0, "a replica is what its group knows again");
        Ok(())
    }
}

/// How this node's replicas in quarantine are looked after from the start on.
pub(crate) fn begin(hosting: &Hosting) {
    for shard in hosting.wards().all().into_keys() {
        tokio::spawn(hosting.clone().heal(shard));
    }
}
