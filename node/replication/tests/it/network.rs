//! A network between the nodes of one process, whose weather a test makes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sutra_disk::Random;
use sutra_peer::CallError;
use sutra_replication::{Call, Groups, Member, Reply, Transport};
use tokio::sync::watch;
use tokio::time::timeout;

/// How it is on the way from one node to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weather {
    /// What is sent does not arrive. Some of it is lost; some arrives once the way is free again, if somebody still waits then.
    pub(crate) is_cut: bool,
    /// Longest time on the way, in milliseconds.
    pub(crate) delay: u64,
    /// In how many of a hundred cases the reply is lost on its way back over this link.
    pub(crate) lost_replies: u64,
    /// In how many of a hundred cases a request comes twice.
    pub(crate) doubled: u64,
}

/// The network. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub(crate) struct Net(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// Changes with the weather.
    changes: watch::Sender<u64>,
}

struct State {
    nodes: BTreeMap<u64, Groups>,
    links: BTreeMap<(u64, u64), Weather>,
    random: Random,
    /// Calls that were delivered, by service.
    delivered: BTreeMap<u16, u64>,
}

/// The network as one node sees it.
struct Port {
    net: Net,
    from: u64,
}

/// The member that a node is.
pub(crate) fn member(node: u64) -> Member {
    Member { node: format!("node-{node}"), address: node.to_string() }
}

impl Net {
    pub(crate) fn new(seed: u64) -> Self {
        let state =
            State { nodes: BTreeMap::new(), links: BTreeMap::new(), random: Random::new(seed), delivered: BTreeMap::new() };
        Self(Arc::new(Inner { state: Mutex::new(state), changes: watch::Sender::new(0) }))
    }

    pub(crate) fn transport(&self, from: u64) -> Arc<dyn Transport> {
        Arc::new(Port { net: self.clone(), from })
    }

    pub(crate) fn attach(&self, node: u64, groups: Groups) {
        self.state().nodes.insert(node, groups);
        self.changed();
    }

    /// Nothing reaches it any more, as if its process had ended.
    pub(crate) fn detach(&self, node: u64) {
        self.state().nodes.remove(&node);
        self.changed();
    }

    pub(crate) fn set(&self, from: u64, to: u64, weather: Weather) {
        self.state().links.insert((from, to), weather);
        self.changed();
    }

    /// Nothing passes between these two groups, either way.
    pub(crate) fn part(&self, one: &[u64], other: &[u64]) {
        for from in one {
            for to in other {
                self.cut(*from, *to);
                self.cut(*to, *from);
            }
        }
    }

    /// Nothing passes this way.
    pub(crate) fn cut(&self, from: u64, to: u64) {
        let weather = self.weather(from, to);
        self.set(from, to, Weather { is_cut: true, ..weather });
    }

    /// Everything passes again.
    pub(crate) fn heal(&self) {
        self.state().links.clear();
        self.changed();
    }

    /// How many calls of a service have arrived.
    pub(crate) fn delivered(&self, service: u16) -> u64 {
        self.state().delivered.get(&service).copied().unwrap_or(0)
    }

    fn changed(&self) {
        self.0.changes.send_modify(|count| *count += 1);
    }

    fn weather(&self, from: u64, to: u64) -> Weather {
        self.state().links.get(&(from, to)).copied().unwrap_or_default()
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
        while self.weather(from, to).is_cut {
            let _ = changes.changed().await;
        }
        true
    }

    async fn deliver(self, from: u64, to: u64, call: Call) -> Result<Bytes, CallError> {
        let unreachable = || CallError::Unreachable { address: to.to_string().into(), reason: "nobody listens".into() };
        if !self.pass(from, to).await {
            return std::future::pending().await;
        }
        let Some(groups) = self.state().nodes.get(&to).cloned() else { return Err(unreachable()) };
        *self.state().delivered.entry(call.service).or_default() += 1;
        if self.chance(self.weather(from, to).doubled) {
            let (net, groups, call) = (self.clone(), groups.clone(), call.clone());
            tokio::spawn(async move {
                net.pass(from, to).await;
                let _ = groups.handle(call.service, call.group, &call.payload).await;
            });
        }
        // Whoever asked may stop waiting: it is done all the same.
        let handled = tokio::spawn(async move { groups.handle(call.service, call.group, &call.payload).await });
        let reply = handled.await.map_err(|_| unreachable())?;
        if self.chance(self.weather(to, from).lost_replies) || !self.pass(to, from).await {
            return std::future::pending().await;
        }
        reply.map_err(|reason| CallError::Refused { reason })
    }
}

impl Transport for Port {
    fn call(&self, to: &Member, call: Call) -> Reply {
        let (net, from) = (self.net.clone(), self.from);
        let to: u64 = to.address.parse().unwrap();
        Box::pin(async move {
            let limit = call.timeout;
            let late = |_| Err(CallError::TimedOut { address: to.to_string().into(), limit });
            timeout(limit, net.deliver(from, to, call)).await.unwrap_or_else(late)
        })
    }
}
