//! A pod's page: everything that is shown of one pod, fetched when its page is opened.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::api::{self, escape};
use super::kind::{Intern, NAME_CHARS, bounded, message};
use super::meta::{ConditionWire, or_default};
use super::pods::{ContainerResources, ContainerStatus, State};
use super::trouble::Ask;
use crate::model::pod::{Condition, Container, PodDetail};
use crate::model::{Clean, Failure};
use crate::sources::Session;

/// Labels, containers and conditions that are kept of one pod.
const MAX_ROWS: usize = 64;

/// Asks for one pod.
///
/// # Errors
/// As the API server has them; `Absent` when the pod is gone.
pub async fn describe(session: &Session, namespace: &str, name: &str) -> Result<PodDetail, Failure> {
    let uri = format!("/api/v1/namespaces/{}/pods/{}", escape(namespace), escape(name));
    let ask = Ask { verb: "get", resource: "pods".to_owned(), namespace: Some(namespace.to_owned()) };
    match api::json::<PodWire>(&session.client, &uri).await {
        Ok(wire) => Ok(detail(wire)),
        Err(trouble) => {
            let mut failure = trouble.failure(&ask);
            failure.tried = Clean::new(&format!("get pod {name} in {namespace}"));
            if trouble.code() == Some(404) {
                failure.next = Clean::new("go back: the pod is gone");
            }
            Err(failure)
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PodWire {
    metadata: MetaWire,
    #[serde(deserialize_with = "or_default")]
    spec: Spec,
    #[serde(deserialize_with = "or_default")]
    status: Status,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct MetaWire {
    name: String,
    namespace: String,
    uid: String,
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    #[serde(deserialize_with = "or_default")]
    init_containers: Vec<ContainerWire>,
    #[serde(deserialize_with = "or_default")]
    containers: Vec<ContainerWire>,
    #[serde(deserialize_with = "or_default")]
    ephemeral_containers: Vec<ContainerWire>,
    #[serde(deserialize_with = "or_default")]
    service_account_name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ContainerWire {
    name: String,
    #[serde(deserialize_with = "or_default")]
    image: String,
    #[serde(deserialize_with = "or_default")]
    resources: ContainerResources,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    #[serde(deserialize_with = "or_default")]
    qos_class: String,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<ConditionWire>,
    #[serde(deserialize_with = "or_default")]
    init_container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "or_default")]
    container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "or_default")]
    ephemeral_container_statuses: Vec<ContainerStatus>,
}

fn detail(wire: PodWire) -> PodDetail {
    let PodWire { metadata, spec, status } = wire;
    let text = |raw: &str| bounded(raw, NAME_CHARS);
    let some = |raw: &str| (!raw.is_empty()).then(|| text(raw));
    let groups = [
        (true, &spec.init_containers, &status.init_container_statuses),
        (false, &spec.containers, &status.container_statuses),
        (false, &spec.ephemeral_containers, &status.ephemeral_container_statuses),
    ];
    let containers = groups.into_iter().flat_map(|(init, specs, statuses)| {
        specs.iter().map(move |spec| container(init, spec, statuses.iter().find(|s| s.name == spec.name)))
    });
    PodDetail {
        namespace: text(&metadata.namespace),
        name: text(&metadata.name),
        uid: text(&metadata.uid),
        containers: containers.take(MAX_ROWS).collect(),
        conditions: status.conditions.iter().take(MAX_ROWS).map(condition).collect(),
        labels: metadata.labels.iter().take(MAX_ROWS).map(|(key, value)| (text(key), text(value))).collect(),
        service_account: some(&spec.service_account_name),
        qos: some(&status.qos_class),
    }
}

fn container(init: bool, spec: &ContainerWire, status: Option<&ContainerStatus>) -> Container {
    let nothing = ContainerStatus::default();
    let status = status.unwrap_or(&nothing);
    let (state, since) = state(&status.state);
    let ended = status.last_state.terminated.as_ref().or(status.state.terminated.as_ref());
    Container {
        name: bounded(&spec.name, NAME_CHARS),
        init,
        image: bounded(&spec.image, 512),
        ready: status.ready,
        state,
        since,
        restarts: status.restart_count,
        last_end: ended.map(|end| end.kept(&spec.name, &mut Intern::default())),
        requests: spec.resources.requests.resources(),
        limits: spec.resources.limits.resources(),
    }
}

fn state(state: &State) -> (Clean, Option<Timestamp>) {
    if let Some(running) = &state.running {
        return (Clean::new("Running"), running.started_at);
    }
    if let Some(end) = &state.terminated {
        let reason = if end.reason.is_empty() { "" } else { &format!(": {}", end.reason) };
        let how = if end.signal != 0 {
            format!("signal {}", end.signal)
        } else {
            format!("exit {}", end.exit_code)
        };
        return (bounded(&format!("Terminated{reason} ({how})"), NAME_CHARS), end.finished_at);
    }
    match state.waiting.as_ref().map(|waiting| waiting.reason.as_str()) {
        Some(reason) if !reason.is_empty() => (bounded(&format!("Waiting: {reason}"), NAME_CHARS), None),
        _ => (Clean::new("Waiting"), None),
    }
}

fn condition(wire: &ConditionWire) -> Condition {
    Condition {
        kind: bounded(&wire.kind, NAME_CHARS),
        status: bounded(&wire.status, NAME_CHARS),
        reason: message(&wire.reason),
        message: message(&wire.message),
        since: wire.last_transition_time,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::FailureKind;
    use crate::sources::kubernetes::testing::{Reply, Server};

    #[tokio::test]
    async fn a_pods_page_has_its_containers_in_their_order() {
        let pod = json!({
            "metadata": {"name": "api-1", "namespace": "shop", "uid": "u", "labels": {"app": "api", "tier": "\u{1b}[31mx"}},
            "spec": {"serviceAccountName": "api", "initContainers": [{"name": "migrate", "image": "shop/migrate:1"}],
                "containers": [{"name": "api", "image": "shop/api:4", "resources": {"limits": {"memory": "512Mi"}}}]},
            "status": {"qosClass": "Burstable", "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}],
                "initContainerStatuses": [{"name": "migrate", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}],
                "containerStatuses": [{"name": "api", "restartCount": 5, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "message": "missing PAYMENT_URL"}}}]}});
        let server = Server::start(36, move |asked| match asked.path.as_str() {
            "/api/v1/namespaces/shop/pods/api-1" => Reply::Json(200, pod.clone()),
            _ => Reply::Json(404, json!({"kind": "Status", "code": 404, "message": "pods \"x\" not found"})),
        })
        .await;
        let session = server.session().await;
        let got = describe(&session, "shop", "api-1").await.unwrap();
        let states =
            got.containers.iter().map(|c| (c.name.as_str(), c.init, c.state.as_str())).collect::<Vec<_>>();
        let want = [
            ("migrate", true, "Terminated: Completed (exit 0)"),
            ("api", false, "Waiting: CrashLoopBackOff"),
        ];
        assert_eq!(states, want);
        let end = got.containers[1].last_end.as_ref().unwrap();
        assert_eq!((end.exit_code, end.message.as_deref()), (1, Some("missing PAYMENT_URL")));
        assert_eq!(&*got.labels[1].1, "x");
        let failure = describe(&session, "shop", "x").await.unwrap_err();
        assert_eq!((failure.kind, &*failure.tried), (FailureKind::Absent, "get pod x in shop"));
    }
}
