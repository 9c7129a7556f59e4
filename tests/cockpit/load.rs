//! What the cockpit asks of a cluster: how many bytes a list costs, and how few requests a quiet
//! cluster sees. All is counted, nothing is timed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use midwatch::config::Config;
use midwatch::model::{Change, FeedId};
use midwatch::sim::Sim;
use midwatch::sim::cluster::http::RequestRecord;
use midwatch::sim::fault::Fault;
use midwatch::sources::session::{NamespaceChoice, connect};
use midwatch::sources::{Context, SOURCES, Target, Wants};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::support::{Cockpit, PATIENCE, stage, stage_with};

/// Passes connections on, and counts what comes back.
async fn counting_proxy(to: String) -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let received = Arc::new(AtomicU64::new(0));
    let count = received.clone();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let (to, count) = (to.clone(), count.clone());
            tokio::spawn(async move {
                let far = TcpStream::connect(to).await.unwrap();
                let ((mut near_in, mut near_out), (mut far_in, mut far_out)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(async move { tokio::io::copy(&mut near_in, &mut far_out).await });
                let mut piece = vec![0; 1 << 16];
                while let Ok(read @ 1..) = far_in.read(&mut piece).await {
                    count.fetch_add(read as u64, Ordering::SeqCst);
                    if near_out.write_all(&piece[..read]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, received)
}

/// Lists all pods as the cockpit does, from a server on another port than the simulation's.
async fn pods_through(sim: &Sim, port: u16) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = dir.path().join("config");
    let text = sim.kubeconfig_yaml().replace(&sim.kube_url(), &format!("https://127.0.0.1:{port}"));
    std::fs::write(&kubeconfig, text).unwrap();
    let target =
        Target { kubeconfig: Some(kubeconfig), namespace: NamespaceChoice::All, ..Target::default() };
    let (out, mut batches) = mpsc::channel(64);
    let (_want, wants) = watch::channel(Wants { window: PATIENCE, refresh: 0 });
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
    let source = SOURCES.iter().find(|source| source.feeds() == [FeedId::Pods]).unwrap();
    tokio::spawn(source.run(context));
    let mut pods = 0;
    let listed = async {
        loop {
            for change in batches.recv().await.unwrap().changes {
                match change {
                    Change::Upsert(_) => pods += 1,
                    Change::Ready => return,
                    Change::Failed(failure) => panic!("{failure:?}"),
                    _ => {}
                }
            }
        }
    };
    tokio::time::timeout(PATIENCE * 3, listed).await.unwrap();
    stop.cancel();
    pods
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_10_000_pods_costs_what_its_download_costs() {
    let scenario = midwatch::sim::Scenario::named("calm").unwrap();
    let sim = stage_with(scenario, Some(10_000)).await;
    let address = sim.kube_url().replace("https://", "");

    let (port, plain) = counting_proxy(address.clone()).await;
    let certificate = reqwest::Certificate::from_pem(sim.ca_pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([certificate]).build().unwrap();
    let answer = client
        .get(format!("https://127.0.0.1:{port}/api/v1/pods?resourceVersion=0"))
        .bearer_auth(secrecy::ExposeSecret::expose_secret(&sim.token()))
        .header("accept", "application/vnd.kubernetes.protobuf, application/json")
        .send()
        .await
        .unwrap();
    let unpacked = answer.bytes().await.unwrap().len() as u64;
    let plain = plain.load(Ordering::SeqCst);
    assert!(plain * 5 < unpacked, "{plain} of {unpacked}: the answer was not compressed");

    let (port, ours) = counting_proxy(address).await;
    assert!(pods_through(&sim, port).await >= 10_000);
    let ours = ours.load(Ordering::SeqCst);
    println!("10,000 pods: {ours} bytes received, {plain} by a plain GET, {unpacked} unpacked");
    assert!(ours * 10 <= plain * 12, "{ours} bytes, and a plain GET takes {plain}");
    let lists = sim.requests().into_iter().filter(|r| r.verb == "list").count();
    assert_eq!(lists, 2, "one list each");
}

/// Requests by verb and resource.
fn counted(requests: &[RequestRecord]) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for request in requests {
        let key = match request.resource.as_str() {
            "" => (String::new(), request.path.clone()),
            resource => (request.verb.clone(), resource.to_owned()),
        };
        *counts.entry(key).or_default() += 1;
    }
    counts
}

/// Waits until every kind that is watched was watched so many times after the first `seen` requests.
async fn until_renewed(sim: &Sim, seen: usize, times: usize) {
    let watched = |from| {
        let requests = sim.requests();
        counted(&requests[from..])
            .into_iter()
            .filter(|((verb, _), _)| verb == "watch")
            .collect::<BTreeMap<_, _>>()
    };
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let now = watched(seen);
        if watched(0).keys().all(|kind| now.get(kind).is_some_and(|count| *count >= times)) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{now:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Kinds that were listed, and how often; what can't be watched aside.
fn lists(requests: &[RequestRecord]) -> BTreeMap<String, usize> {
    let counts = counted(requests).into_iter();
    let lists = counts.filter(|((verb, resource), _)| verb == "list" && !resource.contains("metrics.k8s.io"));
    lists.map(|((_, resource), count)| (resource, count)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_quiet_minutes_are_watches_and_no_list() {
    let mut cockpit = Cockpit::open("calm", (120, 40)).await;
    let seen = cockpit.sim.requests().len();
    let ranges = cockpit.sim.requests().iter().filter(|r| r.path.ends_with("/query_range")).count();
    assert!((1..=2).contains(&ranges), "the charts are asked for together: {ranges} requests");
    // Watches end in order, as they do after 25 s, but sooner.
    cockpit.sim.set_fault(Fault { drop_watches_s: 1, ..Fault::default() });
    for _ in 0..10 {
        cockpit.sim.advance(Duration::from_secs(60)).await;
        cockpit.drained().await;
    }
    until_renewed(&cockpit.sim, seen, 3).await;
    let requests = cockpit.sim.requests();
    let after = counted(&requests[seen..]);
    assert_eq!(lists(&requests[seen..]), BTreeMap::new());
    assert!(after.keys().filter(|(verb, _)| verb == "watch").count() >= 12, "{after:?}");
    let others =
        after.keys().filter(|(verb, resource)| verb != "watch" && !resource.contains("metrics.k8s.io"));
    // Prometheus and Alertmanager are asked through the API server's proxy.
    let unexpected = others.filter(|(_, resource)| resource != "services/proxy").collect::<Vec<_>>();
    assert_eq!(unexpected, Vec::<&(String, String)>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_sessions_ask_three_times_as_much_as_one() {
    let first = Cockpit::open("calm", (120, 40)).await;
    let alone = lists(&first.sim.requests());
    assert!(alone.values().all(|count| *count == 1) && alone.len() >= 12, "{alone:?}");
    drop(first);

    let sim = stage("calm").await;
    let kubeconfig = sim.kubeconfig_yaml();
    let mut cockpits = Vec::new();
    for _ in 0..2 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        std::fs::write(&path, &kubeconfig).unwrap();
        let mut other =
            Cockpit::over(stage("calm").await, (120, 40), |flags| flags.kubeconfig = Some(path)).await;
        other.settled().await;
        cockpits.push((dir, other));
    }
    let mut third = Cockpit::over(sim, (120, 40), |_| {}).await;
    third.settled().await;
    let together = lists(&third.sim.requests());
    assert_eq!(together, alone.into_iter().map(|(kind, count)| (kind, 3 * count)).collect());
}
