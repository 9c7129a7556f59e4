//! After each action the object is as kubectl's own command would have left it: both are done, in
//! two clusters that are alike, and what came of it is compared.

use std::process::{Command, Stdio};

use midwatch::config::Config;
use midwatch::model::action::ActionId;
use serde_json::Value;

use crate::bench::{Bench, EVERY};
use crate::kubectl;

/// The action, kubectl's command (`POD` and `JOB` stand for names), and the object that is compared.
const TABLE: &[(ActionId, &str, &str)] = &[
    (
        ActionId::Scale,
        "scale deployment/worker --replicas=8",
        "/apis/apps/v1/namespaces/shop/deployments/worker",
    ),
    (
        ActionId::Restart,
        "rollout restart deployment/worker",
        "/apis/apps/v1/namespaces/shop/deployments/worker",
    ),
    (
        ActionId::RollBack,
        "rollout undo deployment/api --to-revision=16",
        "/apis/apps/v1/namespaces/shop/deployments/api",
    ),
    (ActionId::Pause, "rollout pause deployment/worker", "/apis/apps/v1/namespaces/shop/deployments/worker"),
    (
        ActionId::Resume,
        "rollout resume deployment/paused",
        "/apis/apps/v1/namespaces/shop/deployments/paused",
    ),
    (ActionId::DeletePod, "delete pod POD --wait=false", "/api/v1/namespaces/shop/pods/POD"),
    (
        ActionId::SetResources,
        "set resources deployment/worker -c worker --requests=cpu=300m,memory=300Mi --limits=cpu=1,memory=1Gi",
        "/apis/apps/v1/namespaces/shop/deployments/worker",
    ),
    (
        ActionId::Autoscale,
        "autoscale deployment/worker --min=4 --max=12 --cpu-percent=70",
        "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/worker",
    ),
    (
        ActionId::Switch,
        "set selector service front app=front,color=green",
        "/api/v1/namespaces/shop/services/front",
    ),
    (
        ActionId::BackUp,
        "create job JOB --from=cronjob/backup-full",
        "/apis/batch/v1/namespaces/shop/jobs/JOB",
    ),
    (
        ActionId::Apply,
        "apply --server-side --field-manager=midwatch -f FILE",
        "/api/v1/namespaces/shop/configmaps/web-config",
    ),
    (
        ActionId::Suspend,
        "patch cronjob backup-full -p {\"spec\":{\"suspend\":true}}",
        "/apis/batch/v1/namespaces/shop/cronjobs/backup-full",
    ),
    (
        ActionId::Unsuspend,
        "patch cronjob suspended -p {\"spec\":{\"suspend\":false}}",
        "/apis/batch/v1/namespaces/shop/cronjobs/suspended",
    ),
];

fn run_kubectl(bench: &Bench, args: &str) {
    let home = bench.directory.path();
    let mut command = Command::new("kubectl");
    command.env("KUBECONFIG", home.join("kubeconfig")).env("HOME", home).env_remove("HTTPS_PROXY");
    let done = command.args(args.split(' ')).stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "kubectl {args}: {}", String::from_utf8_lossy(&done.stderr));
}

/// What the two must have in common: not what the server hands out, and not what moves by itself.
fn comparable(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for own in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "deletionTimestamp"] {
            metadata.remove(own);
        }
        for owner in metadata.get_mut("ownerReferences").and_then(Value::as_array_mut).into_iter().flatten() {
            owner.as_object_mut().unwrap().remove("uid");
        }
    }
    // What the backup itself has to say when it is done.
    if let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove("midwatch.io/backup-size-bytes");
    }
    let at = "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt";
    if let Some(restarted) = object.pointer_mut(at) {
        *restarted = "then".into();
    }
    // Labels and selectors that the Job controller makes of the Job's UID.
    for path in ["/spec/selector/matchLabels", "/spec/template/metadata/labels", "/metadata/labels"] {
        if let Some(labels) = object.pointer_mut(path).and_then(Value::as_object_mut) {
            labels.retain(|key, _| !key.ends_with("controller-uid"));
        }
    }
    object.as_object_mut().unwrap().remove("status");
    without_nulls(object)
}

/// kubectl writes `creationTimestamp: null` into templates, which says nothing.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            map.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect()
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_action_leaves_the_object_as_kubectl_would() {
    if !kubectl::is_there() {
        return;
    }
    for (action, args, path) in TABLE {
        let line = EVERY.iter().position(|(a, ..)| a == action).unwrap();
        let mut ours = Bench::furnished(Config::default(), false).await;
        let theirs = Bench::furnished(Config::default(), false).await;
        let request = ours.case(line).await;
        let preview = ours.preview(&request).await;
        let (job, pod) =
            (preview.after.get("run").cloned().unwrap_or_default(), request.subject.name.to_string());
        let named = |text: &str| text.replace("JOB", &job).replace("POD", &pod);
        let before = comparable(theirs.object(&named(path)).await);
        ours.confirm(&preview).await;
        let file = theirs.directory.path().join("maintenance.yaml").display().to_string();
        run_kubectl(&theirs, &format!("-n shop {}", named(args).replace("FILE", &file)));
        for _ in 0..12 {
            theirs.sim.advance(std::time::Duration::from_secs(5)).await;
        }
        let (left, right) = (ours.object(&named(path)).await, theirs.object(&named(path)).await);
        let managers = left["metadata"]["managedFields"].to_string();
        // What is taken away has no manager.
        let gone = matches!(action, ActionId::DeletePod | ActionId::Resume);
        assert!(gone || managers.contains("midwatch"), "{action:?}: {managers}");
        let (left, right) = (comparable(left), comparable(right));
        assert_ne!(right, before, "{action:?}: kubectl has changed nothing");
        assert_eq!(left, right, "{action:?}");
    }
}
