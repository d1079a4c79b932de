//! What stands between the nodes: proxies that cut and delay the links.
//!
//! A proxy has the address that its node advertises. Who connects says in its hello which node it is, so that each link can be treated
//! by itself, and each direction of it: bytes from A to B are held back whether A or B has connected, as packets would be.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::fixture::runtime;

/// What befalls the bytes on their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Weather {
    #[default]
    Fine,
    /// They come so much later.
    Slow(Duration),
    /// They are held back, and come when it is over.
    Cut,
    /// One more connection is as if it were fine; the others are cut.
    Once,
}

/// From whom to whom; the first may be somebody without a name: who founds a grid.
type Way = (String, String);

/// The proxies of a grid. Cheap to clone.
#[derive(Clone)]
pub(super) struct Proxies(Arc<watch::Sender<HashMap<Way, Weather>>>);

impl Default for Proxies {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(HashMap::new())))
    }
}

impl Proxies {
    /// Opens a port at `outside` that leads to the port of the same number at `inside`, where node `name` listens.
    pub(super) fn open(&mut self, name: &str, outside: IpAddr, inside: IpAddr) -> SocketAddr {
        let listener = runtime().block_on(TcpListener::bind((outside, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let (proxies, name) = (self.clone(), name.to_owned());
        runtime().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(carry(stream, SocketAddr::new(inside, address.port()), name.clone(), proxies.clone()));
            }
        });
        address
    }

    /// Changes what befalls the bytes from one node to another.
    pub(super) fn set(&self, from: &str, to: &str, weather: Weather) {
        self.0.send_modify(|ways| {
            ways.insert((from.into(), to.into()), weather);
        });
    }

    /// What befalls a new connection on this way.
    fn ways_of(&self, way: &Way) -> watch::Receiver<HashMap<Way, Weather>> {
        let is_first = self.0.send_if_modified(|ways| match ways.get_mut(way) {
            Some(weather @ Weather::Once) => {
                *weather = Weather::Cut;
                true
            }
            _ => false,
        });
        // Whose sender is gone stays as it is.
        if is_first { watch::Sender::new(HashMap::new()).subscribe() } else { self.0.subscribe() }
    }

    /// Makes all links whole.
    pub(super) fn heal(&self) {
        self.0.send_modify(HashMap::clear);
    }
}

async fn carry(mut outer: TcpStream, to: SocketAddr, callee: String, proxies: Proxies) -> io::Result<()> {
    let mut inner = TcpStream::connect(to).await?;
    outer.set_nodelay(true)?;
    inner.set_nodelay(true)?;
    // Four bytes of magic, two of version, the length of the rest, and at the end of the rest the caller's name.
    let mut hello = vec![0; 8];
    outer.read_exact(&mut hello).await?;
    let length = u16::from_be_bytes([hello[6], hello[7]]);
    hello.resize(8 + usize::from(length), 0);
    outer.read_exact(&mut hello[8..]).await?;
    let text = String::from_utf8_lossy(&hello);
    let caller = text.rfind("node-").map(|at| text[at..].to_owned()).unwrap_or_default();
    let (there, back) = ((caller.clone(), callee.clone()), (callee, caller));
    let ways = proxies.ways_of(&there);
    pass(&there, &mut ways.clone()).await;
    inner.write_all(&hello).await?;
    let (outer_read, outer_write) = outer.into_split();
    let (inner_read, inner_write) = inner.into_split();
    // When one direction ends, the connection does: half a connection is of no use to a node.
    tokio::select! {
        copied = copy(outer_read, inner_write, there, ways.clone()) => copied,
        copied = copy(inner_read, outer_write, back, ways) => copied,
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    way: Way,
    mut ways: watch::Receiver<HashMap<Way, Weather>>,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        pass(&way, &mut ways).await;
        to.write_all(&buffer[..read]).await?;
    }
}

/// Ends when bytes may go on this way.
async fn pass(way: &Way, ways: &mut watch::Receiver<HashMap<Way, Weather>>) {
    let weather = |ways: &HashMap<Way, Weather>| ways.get(way).copied().unwrap_or_default();
    let is_open = ways.wait_for(|ways| !matches!(weather(ways), Weather::Cut | Weather::Once)).await;
    let now = is_open.map_or(Weather::Fine, |ways| weather(&ways));
    if let Weather::Slow(delay) = now {
        tokio::time::sleep(delay).await;
    }
}
