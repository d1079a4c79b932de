//! One check of one shard, as its leader makes it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sutra_peer::Class;
use sutra_protocol::founding::{CheckReport, CheckedReplica};
use sutra_replication::{Call, Member, ReplicaId, Transport};
use sutra_storage::{DIGEST_VERSION, mark_entry};
use tokio::time::Instant;

use super::taken::Taken;
use super::verdict::{Outcome, Said, Verdict, judge};
use crate::hosted::{HAND_OVER, HostedShard};
use crate::hosting::Hosting;
use crate::messages::{DIGEST, Digested, HEAL, Heal, MARK, Marking};
use crate::words;

/// How long another node has for a question.
const QUESTION: Duration = Duration::from_secs(2);
/// How often it is asked whether a digest has come: first and last.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(1)];
/// How often a node may leave that unanswered, one time after the other.
const UNANSWERED: u32 = 10;
/// How long a replica may take for its digest, which grows with what it keeps; others are not checked meanwhile.
const DIGESTED: Duration = Duration::from_secs(3_600);

/// Compares the replicas of a shard that is led here, and has those healed that are wrong.
///
/// # Errors
/// It could not be done: a sentence.
pub(crate) async fn check(
    shard: &HostedShard,
    hosting: &Hosting,
    pool: &Arc<dyn Transport>,
    taken: &Taken,
) -> Result<(Outcome, CheckReport), String> {
    let status = shard.group().status();
    if !status.leads_fully(shard.group().timing().lease()) {
        return Err(format!("the shard {} is not led here", shard.id()));
    }
    if status.voters.len() < 2 {
        return Err(format!("shard {} has one replica: there is none to compare it with", shard.id()));
    }
    let own = shard.group().replica();
    let marking = Marking { mark: uuid::Uuid::new_v4().as_u64_pair().0, version: DIGEST_VERSION };
    let voters: Vec<(ReplicaId, Member)> =
        status.voters.iter().filter_map(|id| Some((*id, status.members.get(id)?.clone()))).collect();
    taken.begin(shard, marking)?;
    let ask = Asking { pool, shard: shard.id().0 };
    let mut said = BTreeMap::new();
    for (id, member) in voters.iter().filter(|(id, _)| *id != own) {
        if let Err(why) = ask.of::<()>(member, MARK, &marking).await {
            said.insert(*id, Said::Nothing(why));
        }
    }
    let marked = shard.group().propose(mark_entry(marking.mark)?).await;
    if let Err(error) = marked {
        taken.forget(shard.id().0, marking.mark);
        return Err(format!("the mark of the check was not committed: {error}"));
    }
    for (id, member) in &voters {
        if !said.contains_key(id) {
            let digested =
                if *id == own { awaited_here(shard, taken, marking.mark).await } else { ask.awaited(member, marking).await };
            said.insert(*id, digested);
        }
    }
    taken.forget(shard.id().0, marking.mark);
    let verdict = judge(&said);
    let report = report(shard, &voters, &said, &verdict);
    tell(shard, &report, &verdict);
    heal(shard, hosting, &ask, &voters, &verdict).await;
    Ok((verdict.outcome, report))
}

/// Has those healed that are wrong.
async fn heal(shard: &HostedShard, hosting: &Hosting, ask: &Asking<'_>, voters: &[(ReplicaId, Member)], verdict: &Verdict) {
    let Some(digest) = &verdict.digest else { return };
    let reason = format!("most of the shard's replicas know something else: {digest}");
    for (id, member) in voters.iter().filter(|(id, _)| verdict.wrong.contains(id)) {
        if *id == shard.group().replica() {
            // One of those leads from now on who are right.
            let heirs: Vec<ReplicaId> = voters.iter().map(|(id, _)| *id).filter(|id| !verdict.wrong.contains(id)).collect();
            shard.group().hand_over_among(&heirs, HAND_OVER).await;
            hosting.send_to_quarantine(shard, reason.clone());
        } else if let Err(why) = ask.of::<()>(member, HEAL, &Heal { replica: *id, reason: reason.clone() }).await {
            tracing::error!(shard = %shard.id(), replica = %id, %member, why, "a replica that is wrong could not be told");
        }
    }
}

struct Asking<'a> {
    pool: &'a Arc<dyn Transport>,
    shard: u64,
}

impl Asking<'_> {
    async fn of<A: DeserializeOwned>(&self, member: &Member, service: u16, question: &impl Serialize) -> Result<A, String> {
        let payload = words::encode(question)?.into();
        let call = Call { class: Class::Control, service, group: self.shard, payload, timeout: QUESTION };
        words::decode(&self.pool.call(member, call).await.map_err(|error| error.to_string())?)
    }

    /// Waits for a replica's digest as long as its node answers.
    async fn awaited(&self, member: &Member, marking: Marking) -> Said {
        let (mut pause, mut unanswered) = (PAUSES[0], 0);
        let until = Instant::now() + DIGESTED;
        loop {
            if Instant::now() >= until {
                return Said::Nothing(format!("it took longer than {DIGESTED:?}"));
            }
            match self.of::<Digested>(member, DIGEST, &marking.mark).await {
                Ok(digested) => {
                    unanswered = 0;
                    if let Some(said) = said(digested) {
                        return said;
                    }
                }
                Err(why) => {
                    unanswered += 1;
                    if unanswered >= UNANSWERED {
                        return Said::Nothing(why);
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES[1]);
        }
    }
}

async fn awaited_here(shard: &HostedShard, taken: &Taken, mark: u64) -> Said {
    let mut pause = PAUSES[0];
    let until = Instant::now() + DIGESTED;
    loop {
        if Instant::now() >= until {
            return Said::Nothing(format!("it took longer than {DIGESTED:?}"));
        }
        if let Some(said) = said(taken.ask(shard.id().0, mark)) {
            return said;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES[1]);
    }
}

fn said(digested: Digested) -> Option<Said> {
    match digested {
        Digested::NotYet => None,
        Digested::Digest(digest) => Some(Said::Digest(digest)),
        Digested::Damaged(what) => Some(Said::Damaged(what)),
        Digested::Unmarked => Some(Said::Nothing("the replica did not apply the mark".into())),
        Digested::Failed(why) => Some(Said::Nothing(why)),
    }
}

fn report(
    shard: &HostedShard,
    voters: &[(ReplicaId, Member)],
    said: &BTreeMap<ReplicaId, Said>,
    verdict: &Verdict,
) -> CheckReport {
    let replica = |(id, member): &(ReplicaId, Member)| {
        let what = match said.get(id) {
            Some(Said::Digest(digest)) => digest.to_string(),
            Some(Said::Damaged(what)) => what.clone(),
            Some(Said::Nothing(why)) => format!("no answer: {why}"),
            None => String::new(),
        };
        CheckedReplica { replica: id.0, node: member.node.clone(), said: what, wrong: verdict.wrong.contains(id) }
    };
    CheckReport { shard: shard.id().0, outcome: verdict.outcome.as_str().into(), replicas: voters.iter().map(replica).collect() }
}

fn tell(shard: &HostedShard, report: &CheckReport, verdict: &Verdict) {
    let shard = shard.id().0;
    match verdict.outcome {
        Outcome::Equal | Outcome::Incomplete => {
            tracing::info!(shard, outcome = report.outcome, "the replicas of a shard were compared")
        }
        Outcome::Diverged => {
            tracing::error!(shard, ?report, "replicas of a shard are not what most of them are; they are healed")
        }
        Outcome::Undecided => {
            tracing::error!(shard, ?report, "replicas of a shard differ, and nobody can say who is right: none is touched");
        }
    }
}
