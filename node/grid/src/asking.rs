//! Changes of the map, proposed to whoever leads meta.

use std::sync::Arc;
use std::time::Duration;

use sutra_peer::Class;
use sutra_protocol::founding::NodeRecord;
use sutra_replication::{Call, Group, ProposeError, Transport};
use tokio::time::{Instant, timeout};

use crate::change::{Change, ChangeRefusal, ProposedChange};
use crate::map::Epoch;
use crate::messages::{PROPOSE, Proposed};
use crate::meta::{Changed, MetaMachine};
use crate::words;

/// How long meta's leader has for an answer.
const QUESTION: Duration = Duration::from_secs(2);
/// For how long a change is tried.
const DECISION: Duration = Duration::from_secs(5);
/// How long to wait before something is tried again.
const PAUSE: Duration = Duration::from_millis(250);

/// What is needed to propose a change of the map.
pub(crate) struct Asking {
    pub(crate) meta: Group,
    pub(crate) machine: Arc<MetaMachine>,
    pub(crate) pool: Arc<dyn Transport>,
}

impl Asking {
    pub(crate) async fn propose(&self, proposed: &ProposedChange) -> Result<Proposed, String> {
        let payload = words::encode(proposed)?;
        let (leader, member) = self.meta.leader().ok_or("meta has no leader")?;
        if leader == self.meta.replica() {
            return propose_here(&self.meta, payload).await;
        }
        let call = Call { class: Class::Control, service: PROPOSE, group: 0, payload: payload.into(), timeout: QUESTION };
        let reply = self.pool.call(&member, call).await.map_err(|error| error.to_string())?;
        words::decode(&reply)
    }
}

impl Asking {
    /// Has meta make a change, again where somebody else was first: the newest map decides whether it can be made.
    pub(crate) async fn decide(&self, change: Change) -> Result<Epoch, String> {
        let mut map = self.machine.map();
        let until = Instant::now() + DECISION;
        loop {
            let known = map.borrow_and_update().epoch;
            let refused = match self.propose(&ProposedChange { known, change: change.clone() }).await {
                Ok(Proposed::Decided(Ok(epoch))) => return Ok(epoch),
                Ok(Proposed::Decided(Err(stale @ ChangeRefusal::Stale { .. }))) => stale.to_string(),
                Ok(Proposed::Decided(Err(refusal))) => return Err(refusal.to_string()),
                Ok(Proposed::NotLeader) => "meta has no leader just now; try again".into(),
                Ok(Proposed::Unknown) => {
                    return Err("meta's leader changed meanwhile; look at the grid, and try again if need be".into());
                }
                Err(reason) => reason,
            };
            if Instant::now() >= until {
                return Err(refused);
            }
            // This node's map may be a little behind.
            let _ = timeout(PAUSE, map.changed()).await;
        }
    }
}

/// Proposes to this node's replica of meta.
pub(crate) async fn propose_here(meta: &Group, payload: Vec<u8>) -> Result<Proposed, String> {
    Ok(match meta.propose(payload).await {
        Ok((_, answer)) => Proposed::Decided(words::decode::<Changed>(&answer)?),
        Err(ProposeError::NotLeader { .. }) => Proposed::NotLeader,
        Err(ProposeError::Unknown) => Proposed::Unknown,
    })
}

/// Tells the grid where this node serves, until the map says so.
pub(crate) async fn announce(asking: Arc<Asking>, node: String, record: NodeRecord) {
    let map = asking.machine.map();
    loop {
        let known = Arc::clone(&map.borrow());
        if known.nodes.get(&node) == Some(&record) {
            return;
        }
        let change = Change::SetNode { name: node.clone(), node: record.clone() };
        if let Err(reason) = asking.propose(&ProposedChange { known: known.epoch, change }).await {
            tracing::debug!(reason, "the grid was not told of this node's addresses yet");
        }
        tokio::time::sleep(PAUSE).await;
    }
}
