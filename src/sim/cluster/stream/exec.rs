//! A command in a container, whatever transport its input and output take.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::super::http::Api;
use super::super::json::{list, text};
use super::super::logs::find;
use super::super::request::{Request, Target};
use super::super::status::ApiError;
use super::{Refusal, attach};
use crate::sim::container::{Container, Ended, Io, run};
use crate::sim::world::pod::PodRun;

/// Chunks that wait in a pipe.
const PIPE: usize = 16;
/// How often it is looked whether the pod still runs.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Longer command lines are refused by the kernel, too.
const COMMAND_BYTES: usize = 128 * 1024;

/// What is asked for.
pub struct Exec {
    pub container: Arc<Container>,
    command: Vec<String>,
    pub stdin: bool,
    pub stdout: bool,
    pub stderr: bool,
    pub tty: bool,
    /// Not a new command, but the container's own process.
    attach: bool,
}

/// The ends of a running command's pipes.
pub struct Process {
    /// Dropped when the client closes its end; `None` when it asked for none.
    pub stdin: Option<mpsc::Sender<Bytes>>,
    /// `true`: the second output.
    pub out: mpsc::Receiver<(bool, Bytes)>,
    pub ended: oneshot::Receiver<Ended>,
}

/// The container that is meant.
fn container_name(request: &Request, pod: &Value, name: &str) -> Result<String, ApiError> {
    let containers = list(pod, "/spec/containers").iter().chain(list(pod, "/spec/initContainers"));
    let names: Vec<&str> = containers.map(|c| text(c, "/name")).collect();
    match (request.param("container"), names.as_slice()) {
        ("", [only]) => Ok((*only).to_owned()),
        ("", all) => {
            let all = all.join(" ");
            Err(ApiError::bad_request(format!(
                "a container name must be specified for pod {name}, choose one of: [{all}]"
            )))
        }
        (asked, all) if all.contains(&asked) => Ok(asked.to_owned()),
        (asked, _) => Err(ApiError::bad_request(format!("container {asked} is not valid for pod {name}"))),
    }
}

impl Exec {
    /// Reads what is asked for.
    ///
    /// # Errors
    /// In the API server's words for a container that is not in the pod, in the kubelet's
    /// for one that does not run.
    pub fn of(
        api: &Arc<Api>,
        request: &Request,
        target: &Target,
        pod: &Arc<Value>,
        attach: bool,
    ) -> Result<Self, Refusal> {
        let name = container_name(request, pod, &target.name)?;
        if text(pod, "/spec/nodeName").is_empty() {
            return Err(
                ApiError::bad_request(format!("pod {} does not have a host assigned", target.name)).into()
            );
        }
        let pairs = form_urlencoded::parse(request.raw_query.as_bytes());
        let command: Vec<String> =
            pairs.filter(|(k, _)| k == "command").map(|(_, v)| v.into_owned()).collect();
        if command.iter().map(String::len).sum::<usize>() > COMMAND_BYTES {
            return Err(Refusal::Kubelet(400, "the command is too long".to_owned()));
        }
        let flag = |n: &str| request.flag(n);
        let (stdin, stdout, stderr, tty) = (flag("stdin"), flag("stdout"), flag("stderr"), flag("tty"));
        let refused = |code, text: &str| Err(Refusal::Kubelet(code, text.to_owned()));
        if !(stdin || stdout || stderr) {
            return refused(400, "you must specify at least 1 of stdin, stdout, stderr");
        }
        if tty && stderr {
            return refused(400, "tty and stderr cannot both be true");
        }
        if command.is_empty() && !attach {
            return refused(400, "you must specify at least 1 command");
        }
        let run = find(api, &api.world(), target)?;
        if run.running_since().is_none() {
            return Err(Refusal::Kubelet(500, format!("container not found (\"{name}\")")));
        }
        let container = Arc::new(Container::new(api, run, &name, pod.clone(), tty));
        Ok(Self { container, command, stdin, stdout, stderr, tty, attach })
    }

    /// Starts the command.
    pub fn start(&self) -> Process {
        let (stdin, input) = mpsc::channel(PIPE);
        let (output, out) = mpsc::channel(PIPE);
        let (end, ended) = oneshot::channel();
        let (container, command, attach) = (self.container.clone(), self.command.clone(), self.attach);
        let io = Io { stdin: self.stdin.then_some(input), out: output };
        tokio::spawn(async move {
            let (api, seen) = (container.api.clone(), container.run.clone());
            let work = async {
                if attach {
                    attach::follow(&container, io).await
                } else {
                    run(container.clone(), &command, io).await
                }
            };
            let how = tokio::select! {
                how = work => how,
                // What runs in a container dies with it.
                () = gone(&api, &seen) => Ended::Exit(137),
            };
            let _ = end.send(how);
        });
        Process { stdin: self.stdin.then_some(stdin), out, ended }
    }
}

/// Ends when the container that was seen no longer runs.
async fn gone(api: &Api, seen: &PodRun) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let world = api.world();
        let now = world.pod(&seen.namespace, &seen.name);
        // The quiet ones that fill the cluster are not played: they do not die by themselves.
        let played = now.is_some() || !seen.restarts_allowed || seen.cpu_seconds > 0.0;
        let same = now.is_some_and(|n| n.uid == seen.uid && n.running_since() == seen.running_since());
        if played && !same {
            return;
        }
    }
}

/// The `Status` that tells how a command ended.
pub fn status(ended: &Ended) -> Value {
    match ended {
        Ended::Exit(0) => json!({"metadata": {}, "status": "Success"}),
        Ended::Exit(code) => json!({
            "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
            "message": format!("command terminated with non-zero exit code: command terminated with exit code {code}"),
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
        }),
        Ended::NotStarted(why) => json!({
            "metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
            "message": format!("Internal error occurred: error executing command in container: {why}"),
            "details": {"causes": [{"message": format!("error executing command in container: {why}")}]},
        }),
    }
}

/// The same in plain words, for protocols before version 4; nothing when all went well.
pub fn words(ended: &Ended) -> String {
    match ended {
        Ended::Exit(0) => String::new(),
        Ended::Exit(code) => format!("command terminated with non-zero exit code: exit status {code}"),
        Ended::NotStarted(why) => format!("error executing command in container: {why}"),
    }
}
