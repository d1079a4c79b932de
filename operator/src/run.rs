//! The operator from its start to its end: be elected, control, stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kube::runtime::controller::Action;
use sutra_crds::SutraCluster;
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::client::{ClientError, Server};
use crate::config::Config;
use crate::control::{self, Context, ControlError, Shell};
use crate::events::Events;
use crate::health::Health;
use crate::http::{self, Served};
use crate::lease::{End, Keeper, Leadership, Loss};
use crate::metrics::Metrics;
use crate::signals::Signals;

/// How long giving the lease back may take.
const RELEASE: Duration = Duration::from_secs(8);
/// How long a node may take to be reached, and to answer.
const NODE_CONNECT: Duration = Duration::from_secs(2);
const NODE_ANSWER: Duration = Duration::from_secs(5);

/// Why an operator ended without being told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no way to the API server.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The address is taken, or not this machine's.
    #[error("--listen {address}: the address cannot be listened on")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Signals cannot be caught.
    #[error("catch signals")]
    Signals(#[source] std::io::Error),
    /// Nodes cannot be asked.
    #[error("prepare the questions to nodes")]
    Probe(#[from] reqwest::Error),
    /// The lease was lost: another operator may act.
    #[error("this operator ends, so that it does nothing that another one does")]
    Lost(#[from] Loss),
    /// Control ended.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// A part of the operator failed.
    #[error("{part} failed")]
    Part {
        /// Which.
        part: &'static str,
        /// How.
        #[source]
        source: JoinError,
    },
}

/// Runs until a signal ends it.
///
/// # Errors
/// If it cannot start, loses the lease, or a part of it fails.
pub async fn run<R, F, E>(config: Config, reconcile: R) -> Result<(), RunError>
where
    R: Fn(Arc<SutraCluster>, Arc<Context>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Action, E>> + Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    let mut signals = Signals::catch().map_err(RunError::Signals)?;
    let server = Server::infer().await?;
    let give_back = CancellationToken::new();
    let (keeper, leadership) = Keeper::new(server.for_lease()?, &config.lease_namespace, &config.lease, give_back.clone());
    let (health, metrics) = (Health::new(), Metrics::new());
    serve(&config, Served { health: health.clone(), metrics: metrics.clone(), leadership: leadership.clone() }).await?;
    let client = server.fenced(leadership.clone())?;
    let shell = Shell {
        events: Events::new(client.clone(), &config.lease.identity),
        client,
        leadership: leadership.clone(),
        config,
        metrics,
        probe: probe()?,
        health: health.clone(),
    };
    let mut operator =
        Operator { keeper: tokio::spawn(keeper.run()), control: None, give_back, stop_control: CancellationToken::new(), health };
    let signal = tokio::select! {
        ended = operator.act(shell, leadership, reconcile) => return ended,
        signal = signals.next() => signal,
    };
    info!(signal, "stopping");
    tokio::select! {
        ended = operator.stop() => ended,
        signal = signals.next() => {
            warn!(signal, "ended at once; the lease is free when its time is over");
            Ok(())
        }
    }
}

/// What runs side by side.
struct Operator {
    keeper: JoinHandle<End>,
    /// Once the lease is held.
    control: Option<JoinHandle<Result<(), ControlError>>>,
    give_back: CancellationToken,
    stop_control: CancellationToken,
    health: Health,
}

impl Operator {
    /// Waits for the lease, then controls. Ends only if something fails.
    async fn act<R, F, E>(&mut self, shell: Shell, mut leadership: Leadership, reconcile: R) -> Result<(), RunError>
    where
        R: Fn(Arc<SutraCluster>, Arc<Context>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Action, E>> + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        tokio::select! {
            end = &mut self.keeper => return lost(end),
            () = leadership.acquired() => {}
        }
        let control = self.control.insert(tokio::spawn(control::run(shell, self.stop_control.clone(), reconcile)));
        tokio::select! {
            end = &mut self.keeper => {
                // Before the runtime ends: a controller that sees its reconciliations cancelled by that panics.
                control.abort();
                let _ = control.await;
                lost(end)
            }
            ended = &mut *control => ended.map_err(|source| RunError::Part { part: "control", source })?.map_err(RunError::Control),
        }
    }

    /// Lets what runs end, and gives the lease back only then: until then it is this operator that writes.
    async fn stop(&mut self) -> Result<(), RunError> {
        self.health.stops();
        self.stop_control.cancel();
        if let Some(control) = &mut self.control {
            tokio::select! {
                ended = control => match ended {
                    Ok(Ok(())) => {}
                    Ok(Err(fault)) => error!(%fault, "control did not end as it should"),
                    Err(fault) => error!(%fault, "control failed"),
                },
                end = &mut self.keeper => return lost(end),
            }
        }
        self.give_back.cancel();
        match timeout(RELEASE, &mut self.keeper).await {
            Ok(Ok(End::Released)) => info!("stopped; the lease is free"),
            Ok(Ok(End::Lost(loss))) => info!(%loss, "stopped"),
            Ok(Err(fault)) => error!(%fault, "the keeper of the lease failed"),
            Err(_) => warn!("stopped; the lease could not be given back and is free when its time is over"),
        }
        Ok(())
    }
}

/// The keeper ends by itself only if the lease was lost.
fn lost(end: Result<End, JoinError>) -> Result<(), RunError> {
    match end {
        Ok(End::Lost(loss)) => Err(loss.into()),
        Ok(End::Released) => Ok(()),
        Err(source) => Err(RunError::Part { part: "the keeper of the lease", source }),
    }
}

async fn serve(config: &Config, served: Served) -> Result<(), RunError> {
    let unheard = |source| RunError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).await.map_err(unheard)?;
    let address = listener.local_addr().map_err(unheard)?;
    info!(
        version = env!("CARGO_PKG_VERSION"),
        %address,
        namespace = config.namespace.as_deref().unwrap_or("every"),
        clusters = config.cluster_selector.as_deref().unwrap_or("all"),
        "serving /metrics, /livez, /readyz"
    );
    // To the end of the process: whoever stops is asked, too, whether it is ready.
    tokio::spawn(async move {
        if let Err(fault) = http::serve(listener, served, CancellationToken::new()).await {
            error!(%fault, "/metrics, /livez and /readyz are not served any more");
        }
    });
    Ok(())
}

/// Asks nodes: addresses are pods', which no proxy is for.
fn probe() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .user_agent(concat!("sutra-operator/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(NODE_CONNECT)
        .timeout(NODE_ANSWER)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(1)
        .build()
}
