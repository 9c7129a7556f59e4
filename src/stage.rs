//! The simulated cluster that a command plays on, and what is prepared for it in place of the real
//! one's. Part of the program, not of the library: nothing else knows of the simulation.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use color_eyre::eyre::{Context as _, Result};
use midwatch::cli::{Global, Play};
use midwatch::clock::Clock;
use midwatch::config::Config;
use midwatch::sim::{self, Scenario, Sim};
use secrecy::ExposeSecret as _;

/// A simulated cluster with the kubeconfig that leads to it. Only here and in `sim` is it known.
pub struct Stage {
    pub sim: Sim,
    pub kubeconfig: PathBuf,
    /// Removed when the stage is left.
    pub directory: tempfile::TempDir,
}

impl Stage {
    pub async fn start(scenario: &str, play: &Play, pods: Option<usize>) -> Result<Self> {
        let scenario = Scenario::named(scenario)?;
        let origin = play.at.unwrap_or_else(jiff::Timestamp::now);
        let options = sim::Options { scenario, seed: play.seed, speed: play.speed, pods, origin };
        let sim = sim::start(options).await.wrap_err("could not start the simulated cluster")?;
        let directory =
            tempfile::Builder::new().prefix("midwatch-").tempdir().wrap_err("no temporary directory")?;
        let kubeconfig = directory.path().join("kubeconfig");
        write_private(&kubeconfig, &sim.kubeconfig_yaml())?;
        Ok(Self { sim, kubeconfig, directory })
    }

    pub fn clock(&self) -> Clock {
        let clock = *self.sim.clock();
        Clock::new(move || clock.now())
    }
}

/// The kubeconfig carries a token: only we may read it.
fn write_private(path: &std::path::Path, text: &str) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .wrap_err_with(|| format!("could not write {}", path.display()))
}

/// Flags and configuration for a real cluster, or for the stage.
pub fn prepare(global: &Global, stage: Option<&Stage>) -> Result<(Global, Arc<Config>, Clock)> {
    let mut global = global.clone();
    match stage {
        Some(stage) => {
            // Practice must not need, nor be changed by, what was configured for real clusters.
            global.kubeconfig = Some(stage.kubeconfig.clone());
            let config = match &global.config {
                Some(path) => Config::load(Some(path))?,
                None => Config::default(),
            };
            Ok((global, Arc::new(config), stage.clock()))
        }
        None => {
            let config = Config::load(global.config.as_deref())?;
            Ok((global, Arc::new(config), Clock::wall()))
        }
    }
}

/// Only the simulated cluster, until it is stopped.
pub async fn simulate(scenario: &str, out: Option<PathBuf>, pods: Option<usize>, play: &Play) -> Result<()> {
    let stage = Stage::start(scenario, play, pods).await?;
    let kubeconfig = match out {
        Some(path) => {
            write_private(&path, &stage.sim.kubeconfig_yaml())?;
            path
        }
        None => stage.kubeconfig.clone(),
    };
    println!("kubeconfig    {}", kubeconfig.display());
    println!("kubernetes    {}", stage.sim.kube_url());
    println!("prometheus    {}", stage.sim.prometheus_url());
    println!("alertmanager  {}", stage.sim.alertmanager_url());
    println!("redis         {}", stage.sim.redis_url().expose_secret());
    println!("try           kubectl --kubeconfig {} get pods", kubeconfig.display());
    println!("stop          ctrl-c");
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    stage.sim.stop().await;
    Ok(())
}
