//! Prometheus and Alertmanager found in the simulated cluster and asked through its API server:
//! what the scenario promises is what is measured, and what may not be asked is told as that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use midwatch::config::Config;
use midwatch::model::alert::Alert;
use midwatch::model::signal::{BreakdownId, BurnWindow, Outcome, Signal, SignalId};
use midwatch::model::{Batch, Change, Clean, Failure, FailureKind, FeedId, Observation};
use midwatch::sim::Sim;
use midwatch::sources::session::connect;
use midwatch::sources::{Context, SOURCES, Target, Wants};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::{PATIENCE, stage};

/// A feed of one source, running.
struct Feed {
    batches: mpsc::Receiver<Batch>,
    wants: watch::Sender<Wants>,
    _stop: DropGuard,
    _directory: tempfile::TempDir,
}

/// What one round of a feed told.
#[derive(Default)]
struct Round {
    signals: BTreeMap<SignalId, Signal>,
    breakdowns: BTreeMap<BreakdownId, Vec<(Clean, f64)>>,
    alerts: Vec<Alert>,
}

impl Feed {
    async fn of(sim: &Sim, feed: FeedId, kube_context: Option<&str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let kubeconfig = directory.path().join("config");
        std::fs::write(&kubeconfig, sim.kubeconfig_yaml()).unwrap();
        let target = Target {
            kubeconfig: Some(kubeconfig),
            context: kube_context.map(str::to_owned),
            ..Target::default()
        };
        let (out, batches) = mpsc::channel(64);
        let (want, wants) = watch::channel(Wants { window: Duration::from_secs(3600), refresh: 0 });
        let stop = CancellationToken::new();
        let context = Context {
            epoch: 0,
            session: Arc::new(connect(&target).await.unwrap()),
            config: Arc::new(Config::default()),
            out,
            stop: stop.clone(),
            wants,
            found: Default::default(),
        };
        let source = SOURCES.iter().find(|source| source.feeds() == [feed]).unwrap();
        tokio::spawn(source.run(context));
        Self { batches, wants: want, _stop: stop.drop_guard(), _directory: directory }
    }

    /// Everything up to the next Ready, or the failure.
    async fn round(&mut self) -> Result<Round, Failure> {
        let mut round = Round::default();
        loop {
            let batch = tokio::time::timeout(PATIENCE, self.batches.recv()).await.unwrap().unwrap();
            for change in batch.changes {
                match change {
                    Change::Ready => return Ok(round),
                    Change::Failed(failure) => return Err(failure),
                    Change::Upsert(Observation::Signal(s)) => _ = round.signals.insert(s.id, *s),
                    Change::Upsert(Observation::Breakdown(b)) => _ = round.breakdowns.insert(b.id, b.rows),
                    Change::Upsert(Observation::Alert(alert)) => round.alerts.push(*alert),
                    _ => {}
                }
            }
        }
    }
}

impl Round {
    fn latest(&self, id: SignalId) -> f64 {
        let signal = &self.signals[&id];
        signal.latest().unwrap_or_else(|| panic!("{signal:#?}")).v
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_deploy_is_measured_as_it_is() {
    let sim = stage("bad-deploy").await;
    let mut feed = Feed::of(&sim, FeedId::Signals, None).await;
    let round = feed.round().await.unwrap();
    for (id, range) in [
        (SignalId::ErrorRatio, 0.07..0.09),
        (SignalId::LatencyP95, 0.5..1.5),
        (SignalId::CacheHitRatio, 0.85..1.0),
        (SignalId::CpuRatio, 0.2..0.9),
        (SignalId::MemoryRatio, 0.2..0.9),
        (SignalId::PoolRatio, 0.2..0.6),
        (SignalId::ThrottledRatio, 0.0..0.1),
        (SignalId::DiskRatio, 0.3..0.9),
        (SignalId::CertificateDays, 55.0..65.0),
        (SignalId::Availability, 0.998..0.9999),
        (SignalId::ErrorRatioOver(BurnWindow::M5), 0.07..0.09),
        (SignalId::ErrorRatioOver(BurnWindow::H1), 0.005..0.03),
        (SignalId::ErrorRatioOver(BurnWindow::D30), 0.0001..0.001),
    ] {
        assert!(range.contains(&round.latest(id)), "{id:?}: {}", round.latest(id));
    }
    let p50_to_p99 =
        [SignalId::LatencyP50, SignalId::LatencyP95, SignalId::LatencyP99].map(|id| round.latest(id));
    assert!(p50_to_p99.is_sorted(), "{p50_to_p99:?}");
    for signal in round.signals.values() {
        assert!(matches!(signal.outcome, Outcome::Points { .. }), "{signal:#?}");
    }
    assert_eq!(round.breakdowns[&BreakdownId::SlowestRoutes][0].0.as_str(), "POST /pay");
    let codes: Vec<&str> =
        round.breakdowns[&BreakdownId::ErrorsByCode].iter().map(|(code, _)| code.as_str()).collect();
    assert_eq!(codes, ["500", "502"]);

    // A whole day: the coarse chart still ends with what is now.
    feed.wants.send_replace(Wants { window: Duration::from_secs(86_400), refresh: 0 });
    let day = feed.round().await.unwrap();
    let Outcome::Points { step_s, points } = &day.signals[&SignalId::ErrorRatio].outcome else { panic!() };
    assert!(*step_s == 360 && points.len() > 200, "{step_s} {}", points.len());
    assert!((0.07..0.09).contains(&points.last().unwrap().v), "{:?}", points.last());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_of_the_namespace_come_through_the_proxy() {
    let sim = stage("bad-deploy").await;
    let round = Feed::of(&sim, FeedId::Alerts, None).await.round().await.unwrap();
    let names: Vec<&str> = round.alerts.iter().map(|a| a.name.as_str()).collect();
    assert!(names.contains(&"HighErrorRate") && names.contains(&"PodCrashLooping"), "{names:?}");
    assert!(round.alerts.iter().all(|a| a.runbook.is_some() && a.summary.is_some()), "{:?}", round.alerts);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_use_the_proxy_is_told_which_verb_is_missing() {
    let sim = stage("calm").await;
    for feed in [FeedId::Signals, FeedId::Alerts] {
        let Err(failure) = Feed::of(&sim, feed, Some("prod-eu-1-viewer")).await.round().await else {
            panic!("{feed:?} may be read")
        };
        assert_eq!(failure.kind, FailureKind::Denied);
        assert!(
            failure.next.contains("get services/proxy") && failure.next.contains("monitoring"),
            "{failure:?}"
        );
    }
}
