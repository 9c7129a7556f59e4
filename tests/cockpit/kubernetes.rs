//! The Kubernetes sources against the simulated cluster, judged by kubectl where it is installed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use midwatch::config::Config;
use midwatch::model::{Change, FeedId, Observation};
use midwatch::sources::session::{NamespaceChoice, connect};
use midwatch::sources::{Context, SOURCES, Target, Wants};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::support::{PATIENCE, stage};

/// `namespace/name` → READY, STATUS, RESTARTS.
type Rows = BTreeMap<String, (String, String, String)>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_are_as_kubectl_prints_them() {
    if Command::new("kubectl").arg("version").arg("--client").output().is_err() {
        println!("skipped: kubectl is not installed");
        return;
    }
    for scenario in ["calm", "bad-deploy", "memory-leak"] {
        let sim = stage(scenario).await;
        let dir = tempfile::tempdir().unwrap();
        let kubeconfig = dir.path().join("config");
        std::fs::write(&kubeconfig, sim.kubeconfig_yaml()).unwrap();
        let ours = pods(&kubeconfig).await;
        let home = dir.path().to_owned();
        let theirs = tokio::task::spawn_blocking(move || kubectl(&home, &kubeconfig)).await.unwrap();
        assert!(theirs.len() > 50, "{scenario}: {theirs:?}");
        assert_eq!(ours, theirs, "{scenario}");
    }
}

async fn pods(kubeconfig: &Path) -> Rows {
    let target = Target {
        kubeconfig: Some(kubeconfig.to_owned()),
        namespace: NamespaceChoice::All,
        ..Target::default()
    };
    let session = Arc::new(connect(&target).await.unwrap());
    let (out, mut batches) = mpsc::channel(64);
    let (_want, wants) = watch::channel(Wants { window: PATIENCE, refresh: 0 });
    let stop = CancellationToken::new();
    let context = Context {
        epoch: 0,
        session,
        config: Arc::new(Config::default()),
        out,
        stop: stop.clone(),
        wants,
        found: Default::default(),
    };
    let source = SOURCES.iter().find(|source| source.feeds() == [FeedId::Pods]).unwrap();
    tokio::spawn(source.run(context));
    let mut rows = Rows::new();
    let listed = async {
        loop {
            for change in batches.recv().await.unwrap().changes {
                match change {
                    Change::Upsert(Observation::Pod(pod)) => {
                        let cells = (
                            format!("{}/{}", pod.ready, pod.containers),
                            pod.status.to_string(),
                            pod.restarts.to_string(),
                        );
                        rows.insert(format!("{}/{}", pod.namespace, pod.name), cells);
                    }
                    Change::Ready => return,
                    Change::Failed(failure) => panic!("{failure:?}"),
                    _ => {}
                }
            }
        }
    };
    tokio::time::timeout(PATIENCE, listed).await.unwrap();
    stop.cancel();
    rows
}

fn kubectl(home: &Path, kubeconfig: &Path) -> Rows {
    let out = Command::new("kubectl")
        .args(["get", "pods", "-A", "--no-headers"])
        .env("HOME", home)
        .env("KUBECONFIG", kubeconfig)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    let row = |line: &str| {
        let cells = line.split_whitespace().collect::<Vec<_>>();
        let at = |index: usize| cells[index].to_owned();
        (format!("{}/{}", cells[0], cells[1]), (at(2), at(3), at(4)))
    };
    text.lines().map(row).collect()
}
