//! A network between the nodes of one process, whose weather a test makes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sutra_disk::Random;
use sutra_peer::{CallError, Handler, PAYLOAD_BYTES, Request};
use sutra_replication::{Call, Member, Reply, Transport};
use tokio::sync::watch;
use tokio::time::timeout;

/// The number of somebody who asks the nodes, and is none of them.
pub const OUTSIDE: u64 = 0;

/// How it is on the way from one node to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// What is sent does not arrive. Some of it is lost; some arrives once the way is free again, if somebody still waits then.
    pub is_cut: bool,
    /// Longest time on the way, in milliseconds. Each message takes its own, so that they overtake each other.
    pub delay: u64,
    /// In how many of a hundred cases the reply is lost on its way back over this link.
    pub lost_replies: u64,
    /// In how many of a hundred cases a request comes twice.
    pub doubled: u64,
}

/// The network. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Net(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// Changes with the weather.
    changes: watch::Sender<u64>,
    /// Whether a request may come twice.
    may_double: fn(&Call) -> bool,
}

struct State {
    nodes: BTreeMap<u64, Arc<dyn Handler>>,
    links: BTreeMap<(u64, u64), Weather>,
    /// Nodes that neither say nor hear anything, but for later.
    paused: BTreeSet<u64>,
    random: Random,
    /// Calls that were delivered, by service.
    delivered: BTreeMap<u16, u64>,
}

impl std::fmt::Debug for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Net").field("links", &self.state().links).finish_non_exhaustive()
    }
}

/// The network as one node sees it.
struct Port {
    net: Net,
    from: u64,
}

/// The member that a node is.
pub fn member(node: u64) -> Member {
    Member { node: format!("node-{node}"), address: node.to_string() }
}

impl Net {
    /// In good weather; what it becomes is drawn from this seed.
    pub fn new(seed: u64) -> Self {
        Self::doubling(seed, |_| true)
    }

    /// The same, where only some requests may come twice: those that may be sent twice, or whose receiver looks.
    pub fn doubling(seed: u64, may_double: fn(&Call) -> bool) -> Self {
        let state = State {
            nodes: BTreeMap::new(),
            links: BTreeMap::new(),
            paused: BTreeSet::new(),
            random: Random::new(seed),
            delivered: BTreeMap::new(),
        };
        Self(Arc::new(Inner { state: Mutex::new(state), changes: watch::Sender::new(0), may_double }))
    }

    /// The network as this node sees it.
    pub fn transport(&self, from: u64) -> Arc<dyn Transport> {
        Arc::new(Port { net: self.clone(), from })
    }

    /// From now on `handler` answers for a node, and the node is heard.
    pub fn attach(&self, node: u64, handler: Arc<dyn Handler>) {
        self.state().nodes.insert(node, handler);
        self.changed();
    }

    /// Nothing reaches it any more, nor comes from it, as if its process had ended.
    pub fn detach(&self, node: u64) {
        self.state().nodes.remove(&node);
        self.changed();
    }

    /// How it is from now on between two nodes, one way.
    pub fn set(&self, from: u64, to: u64, weather: Weather) {
        self.state().links.insert((from, to), weather);
        self.changed();
    }

    /// Nothing passes between these two groups, either way.
    pub fn part(&self, one: &[u64], other: &[u64]) {
        for from in one {
            for to in other {
                self.cut(*from, *to);
                self.cut(*to, *from);
            }
        }
    }

    /// Nothing passes this way.
    pub fn cut(&self, from: u64, to: u64) {
        let weather = self.weather(from, to);
        self.set(from, to, Weather { is_cut: true, ..weather });
    }

    /// A node neither says nor hears anything; all of it comes when the weather is good again, if somebody still waits then.
    pub fn pause(&self, node: u64) {
        self.state().paused.insert(node);
        self.changed();
    }

    /// Everything passes again.
    pub fn heal(&self) {
        let mut state = self.state();
        state.links.clear();
        state.paused.clear();
        drop(state);
        self.changed();
    }

    /// How many calls of a service have arrived.
    pub fn delivered(&self, service: u16) -> u64 {
        self.state().delivered.get(&service).copied().unwrap_or(0)
    }

    fn changed(&self) {
        self.0.changes.send_modify(|count| *count += 1);
    }

    fn weather(&self, from: u64, to: u64) -> Weather {
        self.state().links.get(&(from, to)).copied().unwrap_or_default()
    }

    fn is_paused(&self, one: u64, other: u64) -> bool {
        let state = self.state();
        state.paused.contains(&one) || state.paused.contains(&other)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chance(&self, of_hundred: u64) -> bool {
        of_hundred > 0 && self.state().random.below(100) < of_hundred
    }

    /// Ends when what was sent arrives; `false`: it is lost, which nobody tells.
    async fn pass(&self, from: u64, to: u64) -> bool {
        let delay = self.weather(from, to).delay;
        if delay > 0 {
            let delay = self.state().random.below(delay + 1);
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        if self.weather(from, to).is_cut && self.chance(50) {
            return false;
        }
        let mut changes = self.0.changes.subscribe();
        // What comes after all comes late.
        while self.weather(from, to).is_cut || self.is_paused(from, to) {
            let _ = changes.changed().await;
        }
        true
    }

    fn handler(&self, node: u64) -> Option<Arc<dyn Handler>> {
        self.state().nodes.get(&node).cloned()
    }

    async fn deliver(self, from: u64, to: u64, call: Call) -> Result<Bytes, CallError> {
        let unreachable = || CallError::Unreachable { address: to.to_string().into(), reason: "nobody listens".into() };
        let is_over = from != OUTSIDE && self.handler(from).is_none();
        if is_over || !self.pass(from, to).await {
            return std::future::pending().await;
        }
        let Some(handler) = self.handler(to) else { return Err(unreachable()) };
        *self.state().delivered.entry(call.service).or_default() += 1;
        let is_doubled = (self.0.may_double)(&call) && self.chance(self.weather(from, to).doubled);
        let Call { class, service, group, payload, .. } = call;
        let request = Request { from: format!("node-{from}").into(), class, service, group, payload };
        if is_doubled {
            let (net, request) = (self.clone(), request.clone());
            tokio::spawn(async move {
                net.pass(from, to).await;
                // By now it may be another process.
                if let Some(handler) = net.handler(to) {
                    let _ = handler.handle(request).await;
                }
            });
        }
        // Whoever asked may stop waiting: it is done all the same.
        let answerer = Arc::clone(&handler);
        let handled = tokio::spawn(async move { answerer.handle(request).await });
        let reply = handled.await.map_err(|_| unreachable())?;
        let is_same = self.handler(to).is_some_and(|now| Arc::ptr_eq(&now, &handler));
        if !is_same || self.chance(self.weather(to, from).lost_replies) || !self.pass(to, from).await {
            return std::future::pending().await;
        }
        let reply = reply.map_err(|refusal| CallError::Refused { reason: refusal.reason().to_owned() })?;
        if reply.len() > PAYLOAD_BYTES {
            let reason = format!("the reply has {} bytes; a frame holds {PAYLOAD_BYTES}", reply.len());
            return Err(CallError::Refused { reason });
        }
        Ok(reply)
    }
}

impl Transport for Port {
    fn call(&self, to: &Member, call: Call) -> Reply {
        let (net, from) = (self.net.clone(), self.from);
        let to: u64 = to.address.parse().unwrap();
        Box::pin(async move {
            // As a real peer does, at once.
            if call.payload.len() > PAYLOAD_BYTES {
                return Err(CallError::TooLarge { bytes: call.payload.len(), bound: PAYLOAD_BYTES });
            }
            let limit = call.timeout;
            let late = |_| Err(CallError::TimedOut { address: to.to_string().into(), limit });
            timeout(limit, net.deliver(from, to, call)).await.unwrap_or_else(late)
        })
    }
}

#[cfg(test)]
mod tests {
    use sutra_peer::Class;

    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_into_a_frame_is_refused_as_by_a_real_peer() {
        let net = Net::new(1);
        // It answers with as many bytes as it was sent, and one more if the first is a one.
        let echo = |request: Request| async move {
            let ones = request.payload.iter().take(1).filter(|byte| **byte == 1).count();
            Ok(Bytes::from(vec![0; request.payload.len() + ones]))
        };
        net.attach(1, Arc::new(|_: Request| async { Ok(Bytes::new()) }));
        net.attach(2, Arc::new(echo));
        let call = |payload: Vec<u8>| {
            let (payload, timeout) = (payload.into(), Duration::from_secs(10));
            net.transport(1).call(&member(2), Call { class: Class::Bulk, service: 7, group: 1, payload, timeout })
        };
        assert_eq!(call(vec![0; PAYLOAD_BYTES]).await.map(|reply| reply.len()), Ok(PAYLOAD_BYTES));
        let too_large = CallError::TooLarge { bytes: PAYLOAD_BYTES + 1, bound: PAYLOAD_BYTES };
        assert_eq!(call(vec![0; PAYLOAD_BYTES + 1]).await, Err(too_large));
        let reply = call(vec![1; PAYLOAD_BYTES]).await;
        assert!(matches!(&reply, Err(CallError::Refused { reason }) if reason.contains("a frame holds")), "{reply:?}");
        assert_eq!(net.delivered(7), 2, "what was never sent has arrived");
    }
}
