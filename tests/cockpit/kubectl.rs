//! kubectl can't tell: the commands of an on-call engineer's day against the simulated cluster,
//! each with the effect that a real cluster would show. Simulated time flows sixtyfold, so that
//! commands that wait see things happen.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use midwatch::sim::{self, Scenario, Sim};
use serde_json::Value;

use crate::commands::skip;
use crate::support::{PATIENCE, origin};
use crate::terminal::spawning;

/// It has `events`, `auth whoami`, and reads OpenAPI v3.
const OLDEST_MINOR: u32 = 28;

/// A cluster and a kubectl that is pointed at it.
struct Stage {
    _sim: Sim,
    home: tempfile::TempDir,
}

/// What a command printed, and how it ended.
struct Output {
    text: String,
    code: Option<i32>,
}

impl Output {
    #[track_caller]
    fn says(self, words: &str) -> Self {
        assert!(self.text.contains(words), "'{words}' in\n{}", self.text);
        self
    }

    #[track_caller]
    fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.text);
        self
    }
}

/// Whether there is a kubectl that has all of the commands; else it is said why not.
pub fn is_there() -> bool {
    let Ok(version) = Command::new("kubectl").args(["version", "--client", "-o", "json"]).output() else {
        skip("kubectl");
        return false;
    };
    let version: Value = serde_json::from_slice(&version.stdout).unwrap_or_default();
    let minor = version["clientVersion"]["minor"].as_str().unwrap_or_default();
    if minor.trim_end_matches('+').parse::<u32>().is_ok_and(|minor| minor < OLDEST_MINOR) {
        eprintln!("skipped: kubectl 1.{minor} does not have all of these commands, 1.{OLDEST_MINOR} has");
        return false;
    }
    true
}

impl Stage {
    /// `None` where there is no kubectl.
    async fn open(scenario: &str) -> Option<Self> {
        if !is_there() {
            return None;
        }
        let scenario = Scenario::named(scenario).unwrap();
        let options = sim::Options { scenario, seed: 7, speed: 60.0, pods: None, origin: origin() };
        let sim = sim::start(options).await.unwrap();
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("config"), sim.kubeconfig_yaml()).unwrap();
        Some(Self { _sim: sim, home })
    }

    fn command(&self, args: &str) -> Command {
        let mut command = Command::new("kubectl");
        command
            .env("KUBECONFIG", self.home.path().join("config"))
            .env("HOME", self.home.path())
            .env_remove("HTTPS_PROXY")
            .args(words(args))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn spawn(&self, args: &str) -> Child {
        let _alone = spawning();
        self.command(args).spawn().unwrap()
    }

    /// Runs a command to its end; single quotes hold words together.
    fn kubectl(&self, args: &str) -> Output {
        finished(self.spawn(args))
    }

    /// One that must succeed.
    #[track_caller]
    fn ok(&self, args: &str) -> Output {
        self.kubectl(args).ends(0)
    }

    /// One field of an object.
    #[track_caller]
    fn field(&self, object: &str, path: &str) -> String {
        self.ok(&format!("get {object} -o jsonpath={{{path}}}")).text
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    #[track_caller]
    fn until(&self, args: &str, holds: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let text = self.kubectl(args).text;
            if holds(&text) {
                return text;
            }
            assert!(start.elapsed() < PATIENCE, "kubectl {args}:\n{text}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

fn finished(child: Child) -> Output {
    let out = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    Output { text, code: out.status.code() }
}

/// Words as a shell splits them, with single quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (i, part) in line.split('\'').enumerate() {
        if i % 2 == 1 {
            match words.last_mut() {
                Some(last) if !line_ends_with_space(line, i) => *last = format!("{last}{part}"),
                _ => words.push(part.to_owned()),
            }
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// Whether the `i`th quoted part stands alone rather than behind a `--flag=`.
fn line_ends_with_space(line: &str, i: usize) -> bool {
    line.split('\'').nth(i - 1).is_none_or(|before| before.ends_with(' '))
}

/// The lines of a command that goes on, until one holds; the command is ended.
#[track_caller]
fn lines_until(mut child: Child, mut holds: impl FnMut(&str) -> bool) -> Vec<String> {
    let (sender, lines) = std::sync::mpsc::channel();
    let out = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        BufReader::new(out)
            .lines()
            .map_while(Result::ok)
            .take_while(|l| sender.send(l.clone()).is_ok())
            .count()
    });
    let mut seen: Vec<String> = Vec::new();
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                let done = holds(&line);
                seen.push(line);
                if done {
                    break;
                }
            }
            Err(_) => {
                let _ = child.kill();
                panic!("{}\n{}", seen.join("\n"), finished(child).text);
            }
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    drop(lines);
    let _ = reader.join();
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn get_and_describe() {
    let Some(stage) = Stage::open("bad-deploy").await else { return };
    assert_eq!(stage.ok("get pods --no-headers").text.matches("CrashLoopBackOff").count(), 6);
    stage.ok("get pods -A -o wide").says("node-12").says("NOMINATED NODE");
    stage.ok("get all").says("deployment.apps/api").says("cronjob.batch/");
    for (what, column) in [
        ("nodes", "VERSION"),
        ("deployments", "UP-TO-DATE"),
        ("replicasets", "DESIRED"),
        ("statefulsets", "READY"),
        ("daemonsets -n kube-system", "NODE SELECTOR"),
        ("jobs", "COMPLETIONS"),
        ("cronjobs", "LAST SCHEDULE"),
        ("services", "EXTERNAL-IP"),
        ("endpointslices", "ADDRESSTYPE"),
        ("hpa", "MINPODS"),
        ("pdb", "ALLOWED DISRUPTIONS"),
        ("configmaps", "DATA"),
        ("secrets", "TYPE"),
        ("events", "LAST SEEN"),
        ("leases -n kube-node-lease", "HOLDER"),
        ("controllerrevisions", "REVISION"),
        ("certificates -A", "READY"),
        ("schedules.velero.io -n velero", "STATUS"),
        ("namespaces", "STATUS"),
    ] {
        stage.ok(&format!("get {what}")).says(column);
    }
    for what in
        ["deployment api", "statefulset cache", "cronjob", "hpa", "pdb", "service api", "node node-01"]
    {
        stage.ok(&format!("describe {what}")).says("Name:");
    }
    stage.ok("describe deployment api").says("ScalingReplicaSet").says("NewReplicaSet:");
    stage.ok("describe pods -l app=api").says("Last State:").says("Back-off restarting failed container");
    stage.ok("get deployment api -o yaml").says("progressDeadlineSeconds: 600");
    stage.ok("get pods -l app=cache -o name").says("pod/cache-0");
    stage.ok("get pods --field-selector status.phase=Running,metadata.name=cache-1").says("cache-1");
    stage.ok("get events --field-selector type=Warning --sort-by=.lastTimestamp").says("BackOff");
    stage.ok("events --for deployment/api").says("ScalingReplicaSet");
    stage.ok("top pods -l app=api --sort-by=cpu").says("CPU(cores)");
    stage.ok("top nodes").says("node-03");
    stage.ok("api-resources").says("certificates");
    stage.ok("version").says("v1.36");
    stage.ok("cluster-info").says("is running at");
    stage.ok("get --raw /readyz?verbose").says("readyz check passed");
    stage.kubectl("get pods nobody").ends(1).says("pods \"nobody\" not found");
    stage.kubectl("get foos").ends(1).says("the server doesn't have a resource type \"foos\"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_may() {
    let Some(stage) = Stage::open("calm").await else { return };
    let viewer = "--context prod-eu-1-viewer";
    stage.ok("auth can-i delete pods").says("yes");
    stage.kubectl(&format!("{viewer} auth can-i delete pods")).ends(1).says("no");
    stage.ok(&format!("{viewer} auth can-i get pods --subresource=log")).says("yes");
    stage.ok(&format!("{viewer} auth can-i --list")).says("controllerrevisions");
    stage.ok("auth whoami").says("oncall");
    stage.kubectl(&format!("{viewer} get nodes")).ends(1).says("cannot list resource \"nodes\"");
    stage.kubectl(&format!("{viewer} scale deployment/api --replicas=3")).ends(1).says("forbidden");
    assert_eq!(stage.field("deployment api", ".spec.replicas"), "20");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watching_waiting_and_scaling() {
    let Some(stage) = Stage::open("calm").await else { return };
    let watch = stage.spawn("get pods -l app=worker -w --no-headers");
    let mut watched = 0;
    let mut states = Vec::new();
    let lines = lines_until(watch, |line| {
        watched += 1;
        if watched == 6 {
            stage.ok("scale deployment/worker --current-replicas=6 --replicas=8").says("scaled");
        }
        states.push(line.split_whitespace().nth(2).unwrap_or_default().to_owned());
        states.iter().filter(|s| *s == "Running").count() == 8
    });
    assert!(lines.iter().any(|l| l.contains("Pending")), "{lines:?}");
    assert!(lines.iter().any(|l| l.contains("ContainerCreating")), "{lines:?}");
    stage
        .kubectl("scale deployment/worker --current-replicas=6 --replicas=9")
        .ends(1)
        .says("Expected replicas");
    stage
        .ok("wait --for=jsonpath={.status.readyReplicas}=8 deployment/worker --timeout=60s")
        .says("condition met");
    stage.ok("wait --for=condition=Available deployment/worker --timeout=60s").says("condition met");
    stage.ok("scale statefulset/cache --replicas=5");
    stage.ok("wait --for=condition=Ready pod/cache-4 --timeout=60s");
    stage.ok("scale statefulset/cache --replicas=4");
    stage.ok("wait --for=delete pod/cache-4 --timeout=60s");
    stage.kubectl("wait --for=condition=Ready pod/cache-9 --timeout=1s").ends(1).says("not found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollouts() {
    let Some(stage) = Stage::open("bad-deploy").await else { return };
    stage.ok("rollout history deployment/api").says("REVISION");
    let bad = stage.field("deployment api", ".spec.template.spec.containers[0].image");
    stage.ok("rollout undo deployment/api").says("rolled back");
    stage.ok("rollout status deployment/api --timeout=60s").says("successfully rolled out");
    assert_ne!(stage.field("deployment api", ".spec.template.spec.containers[0].image"), bad);
    assert_eq!(stage.ok("get pods -l app=api").text.matches("1/1     Running").count(), 20);

    let good = "registry.example.com/shop/worker:9.9.9";
    stage.ok("rollout pause deployment/worker").says("paused");
    stage.ok(&format!("set image deployment/worker worker={good}")).says("image updated");
    stage.kubectl("rollout restart deployment/worker").ends(1).says("paused");
    assert_eq!(
        stage.field("pods -l app=worker", ".items[*].spec.containers[0].image").matches(good).count(),
        0
    );
    stage.ok("rollout resume deployment/worker").says("resumed");
    stage.ok("rollout status deployment/worker --timeout=60s").says("successfully rolled out");
    let images = stage.field(
        "pods -l app=worker --field-selector status.phase=Running",
        ".items[*].spec.containers[0].image",
    );
    assert_eq!(images.matches(good).count(), 6, "{images}");
    stage.ok("set resources deployment/worker --limits=memory=640Mi").says("resource requirements updated");
    stage.ok("rollout status deployment/worker --timeout=60s");
    let limits = "get pods -l app=worker -o jsonpath={.items[*].spec.containers[0].resources.limits.memory}";
    stage.until(limits, |text| text == ["640Mi"; 6].join(" "));

    stage.ok("rollout restart statefulset/cache").says("restarted");
    stage.ok("rollout status statefulset/cache --timeout=60s").says("roll out complete");
    stage.ok("rollout history statefulset/cache").says("REVISION");
    stage.ok("rollout undo statefulset/cache").says("rolled back");
    stage.ok("rollout status statefulset/cache --timeout=60s");
    stage.ok("-n kube-system rollout restart daemonset/node-agent").says("restarted");
    stage
        .ok("-n kube-system rollout status daemonset/node-agent --timeout=60s")
        .says("successfully rolled out");
    stage.ok("-n kube-system rollout undo daemonset/node-agent").says("rolled back");

    stage.ok("set image deployment/web web=registry.example.com/shop/web:no-such-tag");
    stage.until("get pods -l app=web", |text| text.contains("ImagePullBackOff"));
    stage.kubectl("rollout status deployment/web --timeout=1s").ends(1).says("timed out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting() {
    let Some(stage) = Stage::open("calm").await else { return };
    let before = stage.field("pod cache-2", ".metadata.uid");
    stage.ok("delete pod cache-2").says("pod \"cache-2\" deleted");
    stage.until("get pod cache-2 -o jsonpath={.metadata.uid}/{.status.phase}", |text| {
        text.ends_with("/Running") && !text.starts_with(&before)
    });
    stage.ok("delete pod cache-1 --dry-run=server").says("server dry run");
    stage.ok("delete pod cache-1 --force --grace-period=0");
    stage.ok("delete deployment worker --cascade=orphan");
    assert_eq!(stage.ok("get pods -l app=worker --no-headers").text.lines().count(), 6, "orphans live on");
    stage.ok("delete replicaset -l app=worker --cascade=foreground");
    let left = stage.kubectl("get pods -l app=worker --no-headers").text;
    assert!(left.contains("No resources found"), "foreground deletion ends when the pods are gone: {left}");
    stage.ok("delete deployment web");
    stage.until("get pods -l app=web", |text| text.contains("No resources found"));
    stage.kubectl("delete deployment web").ends(1).says("not found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draining_keeps_to_the_budgets() {
    let Some(stage) = Stage::open("calm").await else { return };
    let budget = "pdb api";
    let wanted: i64 = stage.field(budget, ".status.desiredHealthy").parse().unwrap();
    stage.ok("cordon node-02").says("cordoned");
    stage.ok("get node node-02").says("SchedulingDisabled");
    stage.ok("uncordon node-02").says("uncordoned");
    let drain = "drain node-03 --ignore-daemonsets --delete-emptydir-data --timeout=90s";
    stage.ok(drain).says("evicting pod shop/").says("drained");
    let left = stage.ok("get pods -n shop --field-selector spec.nodeName=node-03 --no-headers").text;
    assert!(left.lines().all(|l| l.contains("Completed") || l.contains("No resources")), "{left}");
    let healthy: i64 = stage.field(budget, ".status.currentHealthy").parse().unwrap();
    assert!(healthy >= wanted, "{healthy} of {wanted}");
    // A budget that allows nothing holds the drain up.
    stage.ok("patch pdb cache --type=merge -p '{\"spec\":{\"maxUnavailable\":0}}'");
    let node = stage.field("pod cache-0", ".spec.nodeName");
    let held = format!("drain {node} --ignore-daemonsets --delete-emptydir-data --timeout=2s");
    stage.kubectl(&held).ends(1).says("violate the pod's disruption budget");
    stage.ok("get pod cache-0").says("Running");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creating_and_applying() {
    let Some(stage) = Stage::open("calm").await else { return };
    stage.ok("create job probe --from=cronjob/backup-hourly").says("created");
    assert_eq!(stage.field("job probe", ".metadata.ownerReferences[0].name"), "backup-hourly");
    stage.ok("wait --for=condition=Complete job/probe --timeout=90s").says("condition met");
    stage.ok("autoscale deployment worker --min=2 --max=9 --cpu-percent=60").says("autoscaled");
    assert_eq!(stage.field("hpa worker", ".spec.maxReplicas"), "9");
    // 6 at first; a while later it has brought them down.
    stage.until("get hpa worker -o jsonpath={.status.currentReplicas}", |n| {
        n.parse().is_ok_and(|n: u32| (2..=6).contains(&n))
    });
    stage.ok("create configmap flags --from-literal=dark=on").says("created");
    stage.ok("create namespace lab").says("created");
    stage.ok("create deployment lab -n lab --image=registry.example.com/lab:1 --replicas=2").says("created");
    stage.ok("rollout status deployment/lab -n lab --timeout=60s").says("successfully rolled out");
    stage.ok("delete namespace lab");
    stage.ok("label deployment api tier=front").says("labeled");
    stage.ok("annotate deployment api note=seen").says("annotated");
    stage.ok("get deployment -l tier=front").says("api");
    let manifest = stage.file("flags.yaml", FLAGS).display().to_string();
    stage.ok(&format!("apply -f {manifest}")).says("configured");
    assert_eq!(stage.field("configmap flags", ".data.dark"), "off");
    stage.ok(&format!("apply -f {manifest}")).says("unchanged");
    let app = stage.file("app.yaml", APP).display().to_string();
    stage.ok(&format!("apply --server-side --field-manager=ops -f {app}")).says("serverside-applied");
    stage.ok("rollout status deployment/pinger --timeout=60s").says("successfully rolled out");
    stage.ok("scale deployment/pinger --replicas=3");
    let conflict = stage.kubectl(&format!("apply --server-side --field-manager=ops -f {app}"));
    conflict.ends(1).says("conflict").says(".spec.replicas");
    stage.ok(&format!("apply --server-side --field-manager=ops --force-conflicts -f {app}"));
    assert_eq!(stage.field("deployment pinger", ".spec.replicas"), "1");
    stage.file("wrong.yaml", &APP.replace("replicas", "replica"));
    let wrong = stage.home.path().join("wrong.yaml").display().to_string();
    stage.kubectl(&format!("apply -f {wrong}")).ends(1).says("unknown field \"spec.replica\"");
    stage.ok("explain deployment.spec.replicas").says("<integer>");
    stage.ok("explain pods.spec.containers.resources").says("FIELDS:");
    stage.ok(&format!("delete -f {app}")).says("deleted");
}

const FLAGS: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: flags, namespace: shop}
data: {dark: 'off'}
";

const APP: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: pinger, namespace: shop, labels: {app: pinger}}
spec:
  replicas: 1
  selector: {matchLabels: {app: pinger}}
  template:
    metadata: {labels: {app: pinger}}
    spec:
      containers:
      - name: pinger
        image: registry.example.com/shop/pinger:1.0.0
        ports: [{containerPort: 8080}]
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_and_commands_in_containers() {
    let Some(stage) = Stage::open("bad-deploy").await else { return };
    stage.ok("logs deployment/web --tail=2").says("route=");
    let pods: Value = serde_json::from_str(&stage.ok("get pods -l app=api -o json").text).unwrap();
    let failing = pods["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["status"]["containerStatuses"][0]["restartCount"].as_i64().is_some_and(|n| n > 0));
    let failing = failing.unwrap()["metadata"]["name"].as_str().unwrap().to_owned();
    let previous = stage.ok(&format!("logs {failing} --previous --timestamps")).text;
    assert!(previous.lines().all(|l| l.starts_with("2026-11-")), "{previous}");
    let mut seen = 0;
    lines_until(stage.spawn("logs -f deployment/worker --tail=1"), |_| {
        seen += 1;
        seen == 4
    });
    stage.ok("exec cache-0 -- redis-cli ping").says("PONG");
    stage.ok("exec deploy/worker -- env").says("PATH=");
    stage.kubectl("exec cache-0 -- nonsense").says("executable file not found in $PATH");
    stage.kubectl("exec cache-0 -c nobody -- env").ends(1).says("nobody");
    let mut child = {
        let _alone = spawning();
        stage.command("exec -i cache-0 -- redis-cli").stdin(Stdio::piped()).spawn().unwrap()
    };
    child.stdin.take().unwrap().write_all(b"SET mark 1\nGET mark\n").unwrap();
    finished(child).ends(0).says("OK").says("1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn port_forwards() {
    let Some(stage) = Stage::open("calm").await else { return };
    let mut forward = stage.spawn("port-forward pod/cache-0 :6379");
    let mut first = String::new();
    let mut out = BufReader::new(forward.stdout.take().unwrap());
    out.read_line(&mut first).unwrap();
    // Forwarding from 127.0.0.1:40123 -> 6379
    let port: u16 = first
        .split(['>', ' ', ':'])
        .find_map(|w| w.parse().ok().filter(|p| *p != 6379))
        .unwrap_or_else(|| {
            panic!("{first}{}", {
                let mut err = String::new();
                let _ = forward.kill();
                let _ = forward.stderr.take().unwrap().read_to_string(&mut err);
                err
            })
        });
    for _ in 0..2 {
        let mut redis = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        redis.set_read_timeout(Some(PATIENCE)).unwrap();
        redis.write_all(b"*1\r\n$4\r\nPING\r\n").unwrap();
        let mut answer = [0; 5];
        redis.read_exact(&mut answer).unwrap();
        assert!(answer[0] == b'+' || answer[0] == b'-', "{answer:?}");
    }
    forward.kill().unwrap();
    forward.wait().unwrap();
}
