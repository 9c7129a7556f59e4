//! `midwatch sim` as a process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub struct Simulation {
    process: Child,
    pub directory: TempDir,
}

impl Simulation {
    pub fn start(pods: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let kubeconfig = directory.path().join("kubeconfig");
        let mut process = Command::new(super::PROGRAM)
            .args(["sim", "calm", "--pods", &pods.to_string(), "--kubeconfig-out"])
            .arg(kubeconfig)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let started = lines.map_while(Result::ok).any(|line| line.starts_with("stop "));
        assert!(started, "the simulation did not start");
        Self { process, directory }
    }

    pub fn kubeconfig(&self) -> String {
        self.directory.path().join("kubeconfig").display().to_string()
    }

    /// Puts a fault in force: JSON.
    pub fn fault(&self, fault: &'static str) {
        let config: Value =
            serde_saphyr::from_str(&std::fs::read_to_string(self.kubeconfig()).unwrap()).unwrap();
        let server = config["clusters"][0]["cluster"]["server"].as_str().unwrap();
        let token = config["users"][0]["user"]["token"].as_str().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
        let request = client.post(format!("{server}/_sim/fault")).bearer_auth(token).body(fault);
        let answer = runtime.block_on(request.send()).unwrap();
        assert!(answer.status().is_success(), "{fault}: {}", answer.status());
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
