//! The gateway alone over a simulated cluster, without keys and screens: a request in, what came
//! of it out. Simulated time is moved while an operation runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use midwatch::actions::gateway::{Gateway, Given, Pace};
use midwatch::clock::Clock;
use midwatch::config::Config;
use midwatch::journal::{Journal, Phase, Record};
use midwatch::model::action::{
    ActionId, Confirmed, ObjectKind, Planned, Preview, Progress, Request, Subject,
};
use midwatch::model::command::ManifestSpec;
use midwatch::model::scope::Target;
use midwatch::model::{Clean, Failure};
use midwatch::msg::Msg;
use midwatch::sim::{Sim, WriteFault};
use midwatch::sources::Session;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::{PATIENCE, stage};

/// What a team's maintenance mode may look like.
const MAINTENANCE: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: web-config
data:
  MAINTENANCE: \"on\"
";

pub struct Bench {
    pub sim: Sim,
    pub gateway: Gateway,
    pub session: Arc<Session>,
    pub directory: tempfile::TempDir,
    /// Simulated time is left alone: nothing comes to its end meanwhile.
    pub stands_still: bool,
    messages: mpsc::Receiver<Msg>,
    client: reqwest::Client,
}

/// What came of a confirmation.
#[derive(Debug)]
pub enum Came {
    Over(Progress),
    Not(Confirmed),
}

impl Bench {
    pub async fn over(sim: Sim, mut config: Config, read_only: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let kubeconfig = directory.path().join("kubeconfig");
        std::fs::write(&kubeconfig, sim.kubeconfig_yaml()).unwrap();
        let (name, file) = ("maintenance".to_owned(), directory.path().join("maintenance.yaml"));
        std::fs::write(&file, MAINTENANCE).unwrap();
        config.manifests.push(ManifestSpec { name, title: None, file });
        let target = Target { kubeconfig: Some(kubeconfig), ..Target::default() };
        let session = Arc::new(midwatch::sources::session::connect(&target).await.unwrap());
        let (out, messages) = mpsc::channel(256);
        let gateway = gateway(&sim, config, read_only, directory.path(), out);
        let client = client(&sim);
        Self { sim, gateway, session, directory, stands_still: false, messages, client }
    }

    /// An object as it stands.
    pub async fn object(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.sim.kube_url());
        self.client.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// Makes an object.
    pub async fn make(&self, path: &str, object: Value) -> Value {
        let url = format!("{}{path}", self.sim.kube_url());
        let reply = self.client.post(url).json(&object).send().await.unwrap();
        assert!(reply.status().is_success(), "{}", reply.text().await.unwrap());
        reply.json().await.unwrap()
    }

    pub async fn patch(&self, path: &str, merge: Value) {
        let url = format!("{}{path}", self.sim.kube_url());
        let request = self.client.patch(url).header("content-type", "application/strategic-merge-patch+json");
        let reply = request.body(merge.to_string()).send().await.unwrap();
        assert!(reply.status().is_success(), "{}", reply.text().await.unwrap());
    }

    pub async fn subject(&self, kind: ObjectKind, name: &str) -> Subject {
        let namespace = if kind == ObjectKind::VeleroSchedule { "velero" } else { "shop" };
        let uid = match kind {
            ObjectKind::Alert => self.fingerprint(name).await,
            ObjectKind::Manifest | ObjectKind::Cache | ObjectKind::Command | ObjectKind::Step => {
                String::new()
            }
            _ => {
                let object = self.object(&path(kind, namespace, name)).await;
                object["metadata"]["uid"].as_str().unwrap_or_else(|| panic!("{name}: {object}")).to_owned()
            }
        };
        Subject { kind, namespace: namespace.into(), name: name.into(), uid: Clean::new(&uid) }
    }

    async fn fingerprint(&self, name: &str) -> String {
        let url = format!("{}/api/v2/alerts", self.sim.alertmanager_url());
        let alerts: Vec<Value> = self.client.get(url).send().await.unwrap().json().await.unwrap();
        let named = |a: &&Value| a["labels"]["alertname"] == name && a["labels"]["namespace"] == "shop";
        alerts.iter().find(named).expect("the alert fires")["fingerprint"].as_str().unwrap().to_owned()
    }

    /// A pod of a workload.
    pub async fn pod_of(&self, app: &str) -> String {
        let pods = self.object(&format!("/api/v1/namespaces/shop/pods?labelSelector=app%3D{app}")).await;
        pods["items"][0]["metadata"]["name"].as_str().unwrap().to_owned()
    }

    pub async fn plan(&self, request: &Request) -> Result<Planned, Failure> {
        self.gateway.plan(&self.session, request).await
    }

    /// The plan of an action with all that it asks for.
    pub async fn preview(&self, request: &Request) -> Preview {
        match self.plan(request).await.unwrap() {
            Planned::Preview(preview) => *preview,
            Planned::Ask(question) => panic!("{:?} still asks {question:?}", request.action),
        }
    }

    /// Confirms a plan as its dialog asks for it, and follows it to its end.
    pub async fn confirm(&mut self, preview: &Preview) -> Came {
        self.begin(preview);
        self.until_over().await
    }

    pub fn begin(&self, preview: &Preview) {
        let typed_name = preview.type_name.as_ref().map(ToString::to_string).unwrap_or_default();
        let given = Given { typed_name, reason: "a test".into() };
        let confirming = self.gateway.clone().confirm(self.session.clone(), 1, preview.plan.clone(), given);
        tokio::spawn(confirming);
    }

    /// The next word of the gateway.
    pub async fn heard(&mut self) -> Msg {
        let heard = tokio::time::timeout(PATIENCE, self.messages.recv()).await;
        heard.expect("the gateway says nothing").expect("the gateway is gone")
    }

    /// Lets simulated time pass until an operation is over.
    pub async fn until_over(&mut self) -> Came {
        self.until(|progress| progress.is_over()).await
    }

    /// Lets simulated time pass until an operation is so.
    pub async fn until(&mut self, is: impl Fn(&Progress) -> bool) -> Came {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            assert!(tokio::time::Instant::now() < deadline, "it did not end");
            match tokio::time::timeout(Duration::from_millis(20), self.messages.recv()).await {
                Ok(Some(Msg::Confirmed { answer, .. })) if !matches!(*answer, Confirmed::Started(_)) => {
                    return Came::Not(*answer);
                }
                Ok(Some(Msg::Operation { progress, .. })) if is(&progress) => {
                    return Came::Over(progress);
                }
                Ok(Some(_)) => {}
                Ok(None) => panic!("the gateway is gone"),
                Err(_) if self.stands_still => {}
                Err(_) => self.sim.advance(Duration::from_secs(5)).await,
            }
        }
    }

    /// Plans, confirms, and follows to the end.
    pub async fn act(&mut self, request: &Request) -> Progress {
        let preview = self.preview(request).await;
        assert_eq!(preview.blocked(), None, "{request:?}");
        match self.confirm(&preview).await {
            Came::Over(progress) => progress,
            Came::Not(answer) => panic!("{:?}: {answer:?}", request.action),
        }
    }

    /// How many requests have changed something.
    pub fn acts(&self) -> usize {
        let changing = |verb: &str| matches!(verb, "patch" | "update" | "create" | "delete");
        let requests = self.sim.requests();
        let done = requests.iter().filter(|r| changing(&r.verb) && !r.dry_run && !r.resource.is_empty());
        done.filter(|r| (200..300).contains(&r.code)).count()
    }

    pub fn set_write_fault(&self, fault: Option<WriteFault>) {
        self.sim.set_fault(midwatch::sim::Fault { writes: fault, ..Default::default() });
    }

    /// The audit log, whole and in order.
    pub fn audit(&self) -> Vec<Record> {
        let directory = self.directory.path().join("audit");
        assert_eq!(midwatch::journal::verify(&directory, &[]).unwrap().findings, []);
        midwatch::journal::show::read(&directory, &Default::default()).unwrap()
    }

    pub fn phases(&self) -> Vec<Phase> {
        self.audit().into_iter().map(|r| r.entry.phase).collect()
    }

    /// From now on the audit log can't be written, for this reason.
    pub fn lose_the_log(&mut self, why: &str) {
        let ticking = *self.sim.clock();
        let (out, messages) = mpsc::channel(256);
        self.messages = messages;
        let clock = Clock::new(move || ticking.now());
        self.gateway = Gateway::new(Arc::new(Config::default()), false, clock, Err(why.to_owned()), out);
    }

    /// Another process's gateway over the same log.
    pub fn another(&mut self) -> Gateway {
        let (out, messages) = mpsc::channel(256);
        self.messages = messages;
        gateway(&self.sim, Config::default(), false, self.directory.path(), out)
    }
}

fn gateway(
    sim: &Sim,
    config: Config,
    read_only: bool,
    directory: &std::path::Path,
    out: mpsc::Sender<Msg>,
) -> Gateway {
    let ticking = *sim.clock();
    let clock = Clock::new(move || ticking.now());
    let journal = Journal::open(directory.join("audit")).map_err(|e| e.to_string());
    let pace = Pace {
        look_every: Duration::from_millis(50),
        look_for: Duration::from_secs(3),
        answer_within: Duration::from_secs(8),
    };
    Gateway::new(Arc::new(config), read_only, clock, journal, out).paced(pace)
}

fn client(sim: &Sim) -> reqwest::Client {
    use secrecy::ExposeSecret;
    let ca = reqwest::Certificate::from_pem(sim.ca_pem().as_bytes()).unwrap();
    let mut headers = http::HeaderMap::new();
    let token = format!("Bearer {}", sim.token().expose_secret());
    headers.insert("authorization", token.parse().unwrap());
    reqwest::Client::builder().tls_certs_only([ca]).default_headers(headers).build().unwrap()
}

pub fn path(kind: ObjectKind, namespace: &str, name: &str) -> String {
    let root = match kind.group() {
        "" => format!("/api/{}", kind.version()),
        group => format!("/apis/{group}/{}", kind.version()),
    };
    format!("{root}/namespaces/{namespace}/{}/{name}", kind.plural())
}

pub fn request(action: ActionId, subject: Subject, answers: &[(&str, &str)]) -> Request {
    let answers: BTreeMap<String, String> =
        answers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Request { action, subject, answers }
}

/// An action, what it is done to (of a pod: its app), and what is answered.
type Line = (ActionId, ObjectKind, &'static str, &'static [(&'static str, &'static str)]);

/// Every action there is, with a subject that it can be done to, each in a cluster of its own.
pub const EVERY: &[Line] = &[
    (ActionId::Scale, ObjectKind::Deployment, "worker", &[("replicas", "8")]),
    (ActionId::Restart, ObjectKind::Deployment, "worker", &[]),
    (ActionId::RollBack, ObjectKind::Deployment, "api", &[("revision", "16")]),
    (ActionId::Pause, ObjectKind::Deployment, "worker", &[]),
    (ActionId::Resume, ObjectKind::Deployment, "paused", &[]),
    (ActionId::DeletePod, ObjectKind::Pod, "worker", &[]),
    (ActionId::Evict, ObjectKind::Pod, "worker", &[]),
    (
        ActionId::SetResources,
        ObjectKind::Deployment,
        "worker",
        &[("container", "worker"), ("requests", "cpu=300m,memory=300Mi"), ("limits", "cpu=1,memory=1Gi")],
    ),
    (ActionId::Autoscale, ObjectKind::Deployment, "worker", &[("min", "4"), ("max", "12"), ("cpu", "70")]),
    (ActionId::Switch, ObjectKind::Service, "front", &[("to", "color=green")]),
    (ActionId::Canary, ObjectKind::Deployment, "front-green", &[("stable", "front-blue"), ("percent", "75")]),
    (ActionId::FlushCache, ObjectKind::Cache, "cache", &[("what", "all")]),
    (ActionId::BackUp, ObjectKind::CronJob, "backup-full", &[]),
    (ActionId::Suspend, ObjectKind::CronJob, "backup-full", &[]),
    (ActionId::Unsuspend, ObjectKind::CronJob, "suspended", &[]),
    (
        ActionId::Silence,
        ObjectKind::Alert,
        "HighErrorRate",
        &[("scope", "alert"), ("for", "1h"), ("comment", "rolling back")],
    ),
    (ActionId::Expire, ObjectKind::Alert, "PodCrashLooping", &[]),
    (ActionId::Acknowledge, ObjectKind::Alert, "HighErrorRate", &[("for", "30m")]),
    (ActionId::Release, ObjectKind::Alert, "PodCrashLooping", &[]),
    (ActionId::Apply, ObjectKind::Manifest, "maintenance", &[]),
];

impl Bench {
    /// The bad deploy, with two colours of a front, a paused workload, a suspended CronJob, and an
    /// alert that is silenced and acknowledged.
    pub async fn furnished(config: Config, read_only: bool) -> Self {
        let mut bench = Self::over(stage("bad-deploy").await, config, read_only).await;
        let deployment = |name: &str, labels: Value, paused: bool| {
            json!({"apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": name, "namespace": "shop"},
                "spec": {"replicas": 2, "paused": paused, "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels},
                        "spec": {"containers": [{"name": "main", "image": "registry.example.com/shop/web:2.9.1"}]}}}})
        };
        let deployments = "/apis/apps/v1/namespaces/shop/deployments";
        bench
            .make(deployments, deployment("front-blue", json!({"app": "front", "color": "blue"}), false))
            .await;
        bench
            .make(deployments, deployment("front-green", json!({"app": "front", "color": "green"}), false))
            .await;
        bench.make(deployments, deployment("paused", json!({"app": "paused"}), true)).await;
        let service = |name: &str, selector: Value| {
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop"},
                "spec": {"selector": selector, "ports": [{"port": 80}]}})
        };
        let services = "/api/v1/namespaces/shop/services";
        bench.make(services, service("front", json!({"app": "front", "color": "blue"}))).await;
        bench.make(services, service("front-all", json!({"app": "front"}))).await;
        let cronjob = json!({"apiVersion": "batch/v1", "kind": "CronJob",
            "metadata": {"name": "suspended", "namespace": "shop"},
            "spec": {"schedule": "0 4 * * *", "suspend": true, "jobTemplate": {"spec": {"template": {"spec":
                {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox:1"}]}}}}}});
        bench.make("/apis/batch/v1/namespaces/shop/cronjobs", cronjob).await;
        for _ in 0..24 {
            bench.sim.advance(Duration::from_secs(5)).await;
        }
        let crash = bench.subject(ObjectKind::Alert, "PodCrashLooping").await;
        if !read_only {
            let silence = [("scope", "alert"), ("for", "1h"), ("comment", "known")];
            bench.act(&request(ActionId::Silence, crash.clone(), &silence)).await;
            bench.act(&request(ActionId::Acknowledge, crash, &[("for", "30m")])).await;
        }
        bench
    }

    /// The request of a line of [`EVERY`].
    pub async fn case(&self, line: usize) -> Request {
        let (action, kind, name, answers) = EVERY[line];
        let name = if kind == ObjectKind::Pod { self.pod_of(name).await } else { name.to_owned() };
        request(action, self.subject(kind, &name).await, answers)
    }
}
