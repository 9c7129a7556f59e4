//! Streams as clients see them: kube's over WebSocket, kubectl's over WebSocket and SPDY,
//! and what hostile ones send.

use std::process::Stdio;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::Api;
use kube::api::AttachParams;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use secrecy::ExposeSecret;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio_tungstenite::tungstenite::Message;

use super::headers::Writer;
use super::spdy::Frame;
use super::spdy_session::carry;
use crate::sim::{Fault, Options, Scenario, Sim, start};

async fn sim(scenario: &str) -> Sim {
    let origin = "2026-11-20T03:12:00Z".parse().unwrap();
    let scenario = Scenario::named(scenario).unwrap();
    start(Options { scenario, seed: 3, speed: 0.0, pods: None, origin }).await.unwrap()
}

async fn pods(sim: &Sim, context: Option<&str>) -> Api<Pod> {
    let config = kube::config::Kubeconfig::from_yaml(&sim.kubeconfig_yaml()).unwrap();
    let options =
        kube::config::KubeConfigOptions { context: context.map(str::to_owned), ..Default::default() };
    let config = kube::Config::from_custom_kubeconfig(config, &options).await.unwrap();
    Api::default_namespaced(kube::Client::try_from(config).unwrap())
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work).await.expect("half a minute is over")
}

/// Runs a command by kube's client; what it wrote, and how it ended.
async fn exec(pods: &Api<Pod>, pod: &str, command: &[&str], input: Option<&str>) -> (String, String, Status) {
    let params = AttachParams::default().stdin(input.is_some()).stdout(true).stderr(true);
    let mut process = pods.exec(pod, command.to_vec(), &params).await.unwrap();
    let (mut out, mut err) = (process.stdout().unwrap(), process.stderr().unwrap());
    let status = process.take_status().unwrap();
    let stdin = process.stdin();
    let feed = async {
        if let (Some(mut stdin), Some(input)) = (stdin, input) {
            stdin.write_all(input.as_bytes()).await.unwrap();
            stdin.shutdown().await.unwrap();
        }
    };
    let (mut text, mut errors) = (String::new(), String::new());
    let read = async { tokio::try_join!(out.read_to_string(&mut text), err.read_to_string(&mut errors)) };
    within(async { tokio::join!(feed, read).1.unwrap() }).await;
    (text, errors, within(status).await.unwrap())
}

#[tokio::test]
async fn kube_runs_commands() {
    let sim = sim("poisoned-cache").await;
    let pods = pods(&sim, None).await;
    let (out, _, status) = exec(&pods, "cache-0", &["redis-cli", "get", "product:1042"], None).await;
    assert!(out.contains("catalog-batch"), "{out}");
    assert_eq!(status.status.as_deref(), Some("Success"));
    let (out, _, _) = exec(&pods, "cache-1", &["redis-cli"], Some("PING\nFLUSHALL\n")).await;
    assert_eq!(out, "PONG\nREADONLY You can't write against a read only replica.\n\n");
    let (_, errors, status) = exec(&pods, "cache-0", &["sh", "-c", "nosuch; exit 7"], None).await;
    assert_eq!(errors, "sh: 1: nosuch: not found\n");
    assert_eq!(status.reason.as_deref(), Some("NonZeroExitCode"));
    assert_eq!(status.details.unwrap().causes.unwrap()[0].message.as_deref(), Some("7"));
    let (_, _, status) = exec(&pods, "cache-0", &["nosuch"], None).await;
    assert!(status.message.unwrap().contains("exec: \"nosuch\": executable file not found in $PATH"));
    let scan = exec(&pods, "cache-0", &["redis-cli", "--scan"], None).await.0;
    assert!(scan.lines().count() > 10_000);
    let asked = sim.requests();
    let seen = asked.iter().find(|r| r.resource == "pods/exec").unwrap();
    assert_eq!((seen.verb.as_str(), seen.code), ("get", 101));
}

#[tokio::test]
async fn who_may_not_and_what_is_not_there() {
    let sim = sim("bad-deploy").await;
    let all = pods(&sim, None).await;
    let code = |result: Result<(), kube::Error>| match result.err().unwrap() {
        kube::Error::Api(status) => status.code,
        other => panic!("{other}"),
    };
    let plain = AttachParams::default();
    assert_eq!(code(all.exec("nobody", ["env"], &plain).await.map(|_| ())), 404);
    assert_eq!(
        code(all.exec("cache-0", ["env"], &AttachParams::default().container("x")).await.map(|_| ())),
        400
    );
    let crashed = all.list(&Default::default()).await.unwrap().items.into_iter().find(|p| {
        let statuses = p.status.as_ref().and_then(|s| s.container_statuses.as_ref());
        statuses.is_some_and(|s| s[0].state.as_ref().is_some_and(|s| s.waiting.is_some()))
    });
    let crashed = crashed.unwrap().metadata.name.unwrap();
    assert_eq!(code(all.exec(&crashed, ["env"], &plain).await.map(|_| ())), 500);
    assert_eq!(code(all.portforward(&crashed, &[8080]).await.map(|_| ())), 500);
    let viewer = pods(&sim, Some("prod-eu-1-viewer")).await;
    assert_eq!(code(viewer.exec("cache-0", ["env"], &plain).await.map(|_| ())), 403);
    assert_eq!(code(viewer.portforward("cache-0", &[6379]).await.map(|_| ())), 403);
}

#[tokio::test]
async fn kube_forwards_ports() {
    let sim = sim("calm").await;
    let pods = pods(&sim, None).await;
    let mut forwarder = pods.portforward("cache-0", &[6379, 1]).await.unwrap();
    let mut redis = forwarder.take_stream(6379).unwrap();
    redis.write_all(b"PING\r\n").await.unwrap();
    let mut answer = vec![0; 64];
    let n = within(redis.read(&mut answer)).await.unwrap();
    assert_eq!(&answer[..n], b"-NOAUTH Authentication required.\r\n");
    let error = within(forwarder.take_error(1).unwrap()).await.unwrap();
    assert!(error.contains("dial tcp4 127.0.0.1:1: connect: connection refused"), "{error}");
    let api = pods.list(&kube::api::ListParams::default().labels("app=api")).await.unwrap();
    let mut forwarder =
        pods.portforward(api.items[0].metadata.name.as_ref().unwrap(), &[8080]).await.unwrap();
    let mut web = forwarder.take_stream(8080).unwrap();
    web.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    within(web.read_to_string(&mut text)).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200") && text.contains("\"status\":\"ok\""), "{text}");
}

#[tokio::test]
async fn faults_and_the_death_of_the_pod_end_streams() {
    let sim = sim("calm").await;
    let pods = pods(&sim, None).await;
    let params = AttachParams::default().stdin(true).stderr(false);
    let mut dies = pods.exec("cache-3", ["sh"], &params).await.unwrap();
    let mut cut = pods.exec("cache-1", ["sh"], &params).await.unwrap();
    let status = dies.take_status().unwrap();
    pods.delete("cache-3", &Default::default()).await.unwrap();
    sim.advance(Duration::from_secs(60)).await;
    let cause = within(status).await.unwrap().details.unwrap().causes.unwrap();
    assert_eq!(cause[0].message.as_deref(), Some("137"));
    let status = cut.take_status().unwrap();
    sim.set_fault(Fault { down: true, ..Fault::default() });
    // Cut, not ended: nobody says how.
    assert_eq!(within(status).await, None);
}

/// kubectl, where there is one, with its configuration.
struct Kubectl {
    directory: tempfile::TempDir,
    /// Whether streams are to go over WebSocket; kubectl before 1.30 knows SPDY only.
    websocket: bool,
}

impl Kubectl {
    fn new(sim: &Sim, websocket: bool) -> Option<Self> {
        if std::process::Command::new("kubectl").args(["version", "--client"]).output().is_err() {
            let required = std::env::var("MIDWATCH_REQUIRE_SERVERS").is_ok_and(|v| v == "1");
            assert!(!required, "kubectl is required and not on the path");
            eprintln!("skipped: kubectl is not on the path");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("kubeconfig"), sim.kubeconfig_yaml()).unwrap();
        Some(Self { directory, websocket })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command
            .env("KUBECONFIG", self.directory.path().join("kubeconfig"))
            .env("HOME", self.directory.path())
            .env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", self.websocket.to_string())
            .env("KUBECTL_PORT_FORWARD_WEBSOCKETS", self.websocket.to_string())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs it to its end: both outputs together, and its exit code.
    async fn run(&self, args: &[&str], input: &str) -> (String, i32) {
        let mut child = self.command(args).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        let out = within(child.wait_with_output()).await.unwrap();
        let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        (text, out.status.code().unwrap_or(-1))
    }
}

async fn kubectl_runs_commands(websocket: bool) {
    let sim = sim("poisoned-cache").await;
    let Some(kubectl) = Kubectl::new(&sim, websocket) else { return };
    let (text, code) = kubectl.run(&["exec", "deploy/api", "--", "env"], "").await;
    assert!(text.contains("CACHE_URL=redis://cache-0.cache:6379/0") && code == 0, "{text}");
    let (text, _) = kubectl.run(&["exec", "cache-0", "--", "printenv", "REDISCLI_AUTH"], "").await;
    assert!(sim.redis_url().expose_secret().contains(text.trim()) && text.len() > 10);
    let (text, _) = kubectl.run(&["exec", "-i", "cache-0", "--", "cat"], "there\nand back\n").await;
    assert_eq!(text, "there\nand back\n");
    let (text, code) = kubectl.run(&["exec", "cache-0", "--", "sh", "-c", "nosuch"], "").await;
    assert!(text.contains("sh: 1: nosuch: not found\ncommand terminated with exit code 127"), "{text}");
    assert_eq!(code, 127);
    let (text, code) = kubectl.run(&["exec", "cache-0", "--", "nosuch"], "").await;
    assert!(text.contains("executable file not found in $PATH: unknown") && code == 1, "{text}");
    let (text, _) = kubectl.run(&["exec", "cache-0", "-c", "x", "--", "env"], "").await;
    assert!(text.contains("container x is not valid for pod cache-0"), "{text}");
    let (text, _) = kubectl.run(&["--context", "prod-eu-1-viewer", "exec", "cache-0", "--", "env"], "").await;
    assert!(
        text.contains("User \"viewer\" cannot create resource \"pods/exec\"")
            || text.contains("User \"viewer\" cannot get resource \"pods/exec\""),
        "{text}"
    );
    let (text, _) = kubectl.run(&["exec", "cache-0", "--", "redis-cli", "FLUSHALL"], "").await;
    assert_eq!(text, "OK\n");
    sim.advance(Duration::from_secs(600)).await;
    let hits = sim.api.world().flow().hits;
    assert!(hits > 0.92, "{hits}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_runs_commands_over_websocket() {
    kubectl_runs_commands(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_runs_commands_over_spdy() {
    kubectl_runs_commands(false).await;
}

async fn kubectl_forwards_ports(websocket: bool) {
    let sim = sim("calm").await;
    let Some(kubectl) = Kubectl::new(&sim, websocket) else { return };
    let mut child = kubectl.command(&["port-forward", "pod/cache-1", ":6379"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = within(lines.next_line()).await.unwrap().unwrap();
    let address = line.strip_prefix("Forwarding from ").unwrap().split(' ').next().unwrap();
    let url = sim.redis_url().expose_secret().to_owned();
    let password = url.split(['@', ':']).nth(2).unwrap();
    // Each connection takes streams of its own.
    for _ in 0..3 {
        let mut redis = tokio::net::TcpStream::connect(address).await.unwrap();
        redis.write_all(format!("AUTH {password}\r\nROLE\r\nKEYS *\r\nQUIT\r\n").as_bytes()).await.unwrap();
        let mut text = String::new();
        within(redis.read_to_string(&mut text)).await.unwrap();
        assert!(text.starts_with("+OK\r\n*5\r\n$5\r\nslave\r\n") && text.ends_with("+OK\r\n"), "{text}");
        assert!(text.len() > 200_000);
    }
    child.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_forwards_ports_over_websocket() {
    kubectl_forwards_ports(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_forwards_ports_over_spdy() {
    kubectl_forwards_ports(false).await;
}

/// A connection whose streams are sent back as they come.
async fn echo(bytes: &[u8]) -> Vec<u8> {
    let (mut client, server) = tokio::io::duplex(1 << 20);
    let serve = carry(server, |mut streams| async move {
        while let Some(mut stream) = streams.recv().await {
            while let Some(data) = stream.data.recv().await {
                stream.out.write(&data).await;
            }
            stream.out.close().await;
        }
    });
    let talk = async {
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let mut out = Vec::new();
        client.read_to_end(&mut out).await.unwrap();
        out
    };
    within(async { tokio::join!(serve, talk).1 }).await
}

#[tokio::test]
async fn spdy_streams_are_answered_and_hostile_bytes_end_the_connection() {
    let block = Writer::new().unwrap().write(&[("streamtype".into(), "data".into())]).unwrap();
    let mut good = Frame::Open { id: 1, fin: false, block: block.into() }.bytes();
    good.extend(Frame::Data { id: 1, fin: true, bytes: "hello".into() }.bytes());
    good.extend(Frame::Ping(7).bytes());
    let out = echo(&good).await;
    let has = |frame: Frame| out.windows(frame.bytes().len()).any(|w| w == frame.bytes());
    assert!(has(Frame::Data { id: 1, fin: false, bytes: "hello".into() }));
    assert!(has(Frame::Data { id: 1, fin: true, bytes: "".into() }));
    assert!(has(Frame::Ping(7)) && has(Frame::GoAway { last: 1 }));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let noise = proptest::collection::vec(any::<u8>(), 0..200);
    for _ in 0..100 {
        let noise = noise.new_tree(&mut runner).unwrap().current();
        let mut bytes = good.clone();
        bytes.splice(noise.len() % good.len().., noise.iter().copied());
        echo(&bytes).await;
        let control: Vec<u8> = [0x80, 3, 0].into_iter().chain(noise).collect();
        echo(&control).await;
    }
}

#[tokio::test]
async fn requests_that_cannot_become_streams() {
    let sim = sim("calm").await;
    let ca = reqwest::Certificate::from_pem(sim.ca_pem().as_bytes()).unwrap();
    let http = reqwest::Client::builder().tls_certs_only([ca]).build().unwrap();
    let base = format!("{}/api/v1/namespaces/shop/pods/cache-0", sim.kube_url());
    let ask = |path: &str, headers: &[(&'static str, &'static str)]| {
        let mut request = http.get(format!("{base}/{path}")).bearer_auth(sim.token().expose_secret());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send()
    };
    let upgrade = [("connection", "Upgrade"), ("upgrade", "SPDY/3.1")];
    let exec = "exec?command=env&stdout=true";
    let plain = ask(exec, &[]).await.unwrap();
    assert_eq!(plain.status(), 400);
    assert_eq!(plain.json::<serde_json::Value>().await.unwrap()["message"], "Upgrade request required");
    assert_eq!(ask(exec, &upgrade).await.unwrap().status(), 403);
    assert_eq!(ask("exec?command=env", &upgrade).await.unwrap().status(), 400);
    assert_eq!(ask("exec?stdout=true", &upgrade).await.unwrap().status(), 400);
    assert_eq!(ask("exec?command=env&stderr=1&tty=1", &upgrade).await.unwrap().status(), 400);
    assert_eq!(ask("portforward?ports=70000", &upgrade).await.unwrap().status(), 400);
    let odd = [("connection", "Upgrade"), ("upgrade", "h2c")];
    assert_eq!(ask("portforward", &odd).await.unwrap().status(), 400);
}

#[tokio::test]
async fn hostile_messages_end_no_more_than_their_own_stream() {
    let sim = sim("calm").await;
    let pods = pods(&sim, None).await;
    let base = "/api/v1/namespaces/shop/pods/cache-0";
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let message = (0_u8..8, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..300));
    for round in 0..30 {
        let path = match round % 2 {
            0 => format!("{base}/exec?command=cat&stdin=true&stdout=true&stderr=true"),
            _ => format!("{base}/portforward?ports=6379,1"),
        };
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        let mut socket = pods.clone().into_client().connect(request).await.unwrap().into_stream();
        for _ in 0..20 {
            let (channel, small, mut bytes) = message.new_tree(&mut runner).unwrap().current();
            // Half of them are for channels that there are.
            bytes.insert(0, if small { channel } else { 255 - channel });
            if socket.send(Message::Binary(bytes.into())).await.is_err() {
                break;
            }
        }
        let _ = socket.send(Message::Close(None)).await;
        within(async { while let Some(Ok(_)) = socket.next().await {} }).await;
    }
    assert_eq!(exec(&pods, "cache-0", &["echo", "well"], None).await.0, "well\n");
}
