//! What all tests share: clients, the operator of the whole cluster.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, Result};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use crate::environment::Environment;
use crate::operator;

/// How long a node may take for an answer.
const ANSWER: Duration = Duration::from_secs(10);

/// What all tests share.
#[derive(Clone)]
pub struct World {
    /// What the stage handed over.
    pub environment: Environment,
    /// Of a user who may do everything.
    pub client: Client,
    /// For nodes.
    pub http: reqwest::Client,
}

/// One for all tests: connections are shared between them and die with the runtime that made them.
pub(crate) fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let made = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("make a runtime")?;
    Ok(RUNTIME.get_or_init(|| made))
}

/// The world, with the operator of the whole cluster in it.
pub(crate) async fn world() -> Result<&'static World> {
    static WORLD: OnceCell<World> = OnceCell::const_new();
    static OPERATOR: OnceCell<()> = OnceCell::const_new();
    let world = WORLD.get_or_try_init(World::connect).await?;
    OPERATOR.get_or_try_init(|| operator::install_for_everybody(world)).await?;
    Ok(world)
}

impl World {
    async fn connect() -> Result<Self> {
        // Another may have been installed before: any does.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let environment = Environment::read()?;
        let kubeconfig = Kubeconfig::read_from(&environment.kubeconfig).context("read the kubeconfig")?;
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        // The cluster is on this machine; no proxy knows the way to it.
        config.proxy_url = None;
        let client = Client::try_from(config).context("make a client of the API server")?;
        // A connection that is kept would go on to a pod that is gone.
        let http = reqwest::Client::builder().no_proxy().timeout(ANSWER).pool_max_idle_per_host(0).build()?;
        Ok(Self { environment, client, http })
    }
}
