//! What the simulated cluster costs with 50,000 pods: `cargo bench --bench sim`.
//!
//! `midwatch sim --pods 50000` runs as a process of its own; a client lists all pods in pages of 500,
//! then watches while 500 pod statuses a second change. Processor time and memory of the process are
//! the kernel's own figures. Figures are printed, not judged.

#![allow(clippy::unwrap_used, reason = "a measurement that can't be set up has nothing to measure")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const PODS: usize = 50_000;
const WATCHED: Duration = Duration::from_secs(20);

fn simulation(kubeconfig: &str) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_midwatch"))
        .args(["sim", "calm", "--pods", &PODS.to_string(), "--kubeconfig-out", kubeconfig])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let started = lines.map_while(Result::ok).any(|line| line.starts_with("stop "));
    assert!(started, "the simulation did not start");
    child
}

/// A line of /proc/PID/status, in MiB.
fn mib(pid: u32, name: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix(name)).unwrap();
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<f64>().unwrap() / 1024.0
}

/// Processor time used so far, in seconds.
fn processor(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

async fn list(client: &reqwest::Client, server: &str) -> (usize, usize) {
    let (mut pods, mut pages, mut token) = (0, 0, String::new());
    loop {
        let uri = format!("{server}/api/v1/pods?limit=500&continue={token}");
        let page: Value = client.get(uri).send().await.unwrap().json().await.unwrap();
        pods += page["items"].as_array().unwrap().len();
        pages += 1;
        match page["metadata"]["continue"].as_str() {
            Some(next) => token = next.to_owned(),
            None => return (pods, pages),
        }
    }
}

#[tokio::main]
async fn main() {
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = directory.path().join("kubeconfig").display().to_string();
    let begun = Instant::now();
    let mut sim = simulation(&kubeconfig);
    println!("{:<44} {:.2} s", "start of 50,000 pods", begun.elapsed().as_secs_f64());
    let config: Value = serde_saphyr::from_str(&std::fs::read_to_string(&kubeconfig).unwrap()).unwrap();
    let server = config["clusters"][0]["cluster"]["server"].as_str().unwrap().to_owned();
    let token = config["users"][0]["user"]["token"].as_str().unwrap();
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    let client = reqwest::Client::builder()
        .tls_danger_accept_invalid_certs(true)
        .default_headers(headers)
        .build()
        .unwrap();

    let before = Instant::now();
    let (pods, pages) = list(&client, &server).await;
    println!("{:<44} {pods} in {pages} pages, {:.2} s", "list", before.elapsed().as_secs_f64());

    let fault = client.post(format!("{server}/_sim/fault")).body("{\"churn_per_s\": 500}");
    assert!(fault.send().await.unwrap().status().is_success());
    let mut watch = client
        .get(format!("{server}/api/v1/pods?watch=true&resourceVersion=0&limit=1"))
        .send()
        .await
        .unwrap();
    // First what there is, then what changes.
    let mut initial = 0;
    while initial < pods {
        initial += watch.chunk().await.unwrap().unwrap().iter().filter(|b| **b == b'\n').count();
    }
    let (begun, spent) = (Instant::now(), processor(sim.id()));
    let (mut events, mut bytes) = (0, 0);
    while begun.elapsed() < WATCHED {
        let chunk = watch.chunk().await.unwrap().unwrap();
        bytes += chunk.len();
        events += chunk.iter().filter(|b| **b == b'\n').count();
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{:<44} {:.0}/s, {:.0} KiB/s",
        "watched events",
        events as f64 / seconds,
        bytes as f64 / seconds / 1024.0
    );
    println!(
        "{:<44} {:.0} % of a core",
        "processor while watched",
        100.0 * (processor(sim.id()) - spent) / seconds
    );
    println!(
        "{:<44} {:.0} MiB, peak {:.0} MiB",
        "resident memory",
        mib(sim.id(), "VmRSS:"),
        mib(sim.id(), "VmHWM:")
    );
    sim.kill().unwrap();
    sim.wait().unwrap();
}
