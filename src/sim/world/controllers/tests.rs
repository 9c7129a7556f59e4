//! The controllers as a user sees them: what is asked for through the store, and what comes
//! of it.

mod jobs;
mod scaling;

use serde_json::{Value, json};

use crate::sim::cluster::json::{int, text};
use crate::sim::cluster::kinds::Kind;
use crate::sim::world::tests::{Stage, play};

/// A new image for the first container of a workload.
fn image(stage: &mut Stage, kind: Kind, name: &str, image: &str) {
    stage.edit(kind, name, |tree| tree["spec"]["template"]["spec"]["containers"][0]["image"] = image.into());
}

fn status(stage: &Stage, kind: Kind, name: &str, field: &str) -> i64 {
    int(&stage.tree(kind, name), &format!("/status/{field}")).unwrap_or(0)
}

/// The reason of a condition.
fn reason(tree: &Value, condition: &str) -> String {
    let conditions = tree["status"]["conditions"].as_array().unwrap();
    let found = conditions.iter().find(|c| c["type"] == condition);
    found.map_or(String::new(), |c| text(c, "/reason").to_owned())
}

const WORKER: &str = "registry.example.com/shop/worker:1.15.0";
const CACHE: &str = "docker.io/library/redis:8.2.4";
const NONE: &str = "registry.example.com/shop/worker:nope";

/// The images that the pods of an app run, with how many of each.
fn images(stage: &Stage, prefix: &str) -> Vec<(String, usize)> {
    let pods = stage.parts.store.list(Kind::Pod, Some("shop"));
    let own = pods.iter().filter(|p| p.name.starts_with(prefix)).map(|p| p.tree());
    let mut all: Vec<String> =
        own.map(|t| text(&t, "/spec/containers/0/image").rsplit(':').next().unwrap().to_owned()).collect();
    all.sort();
    let mut counted: Vec<(String, usize)> = Vec::new();
    for image in all {
        match counted.last_mut() {
            Some((last, n)) if *last == image => *n += 1,
            _ => counted.push((image, 1)),
        }
    }
    counted
}

#[test]
fn a_rolling_update_keeps_to_surge_and_unavailable() {
    let mut stage = play("calm");
    stage.edit(Kind::Deployment, "worker", |tree| {
        tree["spec"]["strategy"] = json!({"type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
    });
    image(&mut stage, Kind::Deployment, "worker", WORKER);
    let (mut most, mut least) = (0, i64::MAX);
    stage.watch(240, |stage| {
        let sets = stage.parts.store.list(Kind::ReplicaSet, Some("shop"));
        let own = sets.iter().filter(|s| s.name.starts_with("worker-")).map(|s| s.tree());
        most = most.max(own.map(|s| int(&s, "/spec/replicas").unwrap_or(0)).sum());
        least = least.min(status(stage, Kind::Deployment, "worker", "availableReplicas"));
    });
    assert_eq!((most, least), (7, 6));
    assert_eq!(images(&stage, "worker"), [("1.15.0".to_owned(), 6)]);
    assert_eq!(reason(&stage.tree(Kind::Deployment, "worker"), "Progressing"), "NewReplicaSetAvailable");
}

#[test]
fn recreate_ends_the_old_pods_before_it_makes_new_ones() {
    let mut stage = play("calm");
    stage.edit(Kind::Deployment, "worker", |tree| tree["spec"]["strategy"] = json!({"type": "Recreate"}));
    image(&mut stage, Kind::Deployment, "worker", WORKER);
    let mut none = false;
    stage.watch(120, |stage| {
        let images = images(stage, "worker");
        assert!(images.len() < 2, "{images:?}");
        none |= images.is_empty() || status(stage, Kind::Deployment, "worker", "availableReplicas") == 0;
    });
    assert!(none, "there was a time without any");
    assert_eq!(images(&stage, "worker"), [("1.15.0".to_owned(), 6)]);
}

#[test]
fn a_pod_is_available_only_after_its_min_ready_seconds() {
    let mut stage = play("calm");
    stage.edit(Kind::Deployment, "worker", |tree| tree["spec"]["minReadySeconds"] = 60.into());
    image(&mut stage, Kind::Deployment, "worker", WORKER);
    let mut waited = 0;
    stage.watch(400, |stage| {
        let of = |field| status(stage, Kind::Deployment, "worker", field);
        waited += i64::from(of("readyReplicas") > of("availableReplicas"));
    });
    assert!(waited >= 10, "{waited} ticks of five seconds");
    assert_eq!(status(&stage, Kind::Deployment, "worker", "availableReplicas"), 6);
    assert_eq!(images(&stage, "worker"), [("1.15.0".to_owned(), 6)]);
}

#[test]
fn old_revisions_are_forgotten_beyond_the_limit() {
    let mut stage = play("calm");
    stage.edit(Kind::Deployment, "worker", |tree| tree["spec"]["revisionHistoryLimit"] = 2.into());
    for kind in [Kind::StatefulSet, Kind::Deployment] {
        let name = if kind == Kind::Deployment { "worker" } else { "cache" };
        stage.edit(kind, name, |tree| tree["spec"]["revisionHistoryLimit"] = 2.into());
        for patch in 5..9 {
            image(&mut stage, kind, name, &format!("registry.example.com/shop/{name}:1.15.{patch}"));
            stage.minutes(4);
        }
    }
    let count = |kind: Kind, prefix: &str| {
        stage.parts.store.list(kind, Some("shop")).iter().filter(|o| o.name.starts_with(prefix)).count()
    };
    assert_eq!(count(Kind::ReplicaSet, "worker-"), 3, "the one in use and two old ones");
    assert_eq!(count(Kind::ControllerRevision, "cache-"), 3);
}

#[test]
fn a_paused_rollout_scales_and_waits() {
    let mut stage = play("calm");
    stage.edit(Kind::Deployment, "worker", |tree| tree["spec"]["paused"] = true.into());
    image(&mut stage, Kind::Deployment, "worker", WORKER);
    stage.edit(Kind::Deployment, "worker", |tree| tree["spec"]["replicas"] = 8.into());
    stage.minutes(2);
    assert_eq!(images(&stage, "worker"), [("1.14.0".to_owned(), 8)]);
    assert_eq!(reason(&stage.tree(Kind::Deployment, "worker"), "Progressing"), "DeploymentPaused");
    stage.edit(Kind::Deployment, "worker", |tree| tree["spec"]["paused"] = false.into());
    stage.minutes(4);
    assert_eq!(images(&stage, "worker"), [("1.15.0".to_owned(), 8)]);
}

#[test]
fn an_ordered_stateful_set_stays_stuck_on_a_broken_pod_until_it_is_deleted() {
    let mut stage = play("calm");
    let good =
        text(&stage.tree(Kind::StatefulSet, "cache"), "/spec/template/spec/containers/0/image").to_owned();
    image(&mut stage, Kind::StatefulSet, "cache", NONE);
    stage.minutes(3);
    assert_eq!(stage.statuses("cache-").get("ImagePullBackOff"), Some(&1));
    assert_eq!(status(&stage, Kind::StatefulSet, "cache", "updatedReplicas"), 1);
    image(&mut stage, Kind::StatefulSet, "cache", &good);
    stage.minutes(10);
    assert_eq!(stage.statuses("cache-").get("ImagePullBackOff"), Some(&1), "rolling back does not help");
    stage.parts.store.remove(Kind::Pod, "shop", "cache-3").unwrap();
    stage.minutes(2);
    assert_eq!(stage.statuses("cache-").get("Running"), Some(&4));
    assert_eq!(status(&stage, Kind::StatefulSet, "cache", "readyReplicas"), 4);
}

#[test]
fn a_partition_holds_the_lower_ordinals_back() {
    let mut stage = play("calm");
    let old = text(&stage.tree(Kind::Pod, "cache-0"), "/spec/containers/0/image").to_owned();
    stage.edit(Kind::StatefulSet, "cache", |tree| {
        tree["spec"]["updateStrategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}});
    });
    image(&mut stage, Kind::StatefulSet, "cache", CACHE);
    stage.minutes(4);
    let image_of =
        |stage: &Stage, name: &str| text(&stage.tree(Kind::Pod, name), "/spec/containers/0/image").to_owned();
    assert_eq!((image_of(&stage, "cache-1"), image_of(&stage, "cache-2")), (old.clone(), CACHE.to_owned()));
    // One below the partition is made anew as it was.
    stage.parts.store.remove(Kind::Pod, "shop", "cache-0").unwrap();
    stage.minutes(2);
    assert_eq!(image_of(&stage, "cache-0"), old);
    let tree = stage.tree(Kind::StatefulSet, "cache");
    assert_ne!(tree["status"]["currentRevision"], tree["status"]["updateRevision"]);
    assert_eq!(
        (tree["status"]["currentReplicas"].as_i64(), tree["status"]["updatedReplicas"].as_i64()),
        (Some(2), Some(2))
    );
}

#[test]
fn a_daemon_set_rolls_node_by_node_and_an_undo_replaces_what_is_broken() {
    let mut stage = play("calm");
    let sets = stage.parts.store.list(Kind::DaemonSet, None);
    let (namespace, name) = (sets[0].namespace.to_string(), sets[0].name.to_string());
    let template = sets[0].tree()["spec"]["template"].clone();
    let edit = |stage: &Stage, template: Value| {
        let change = |tree: &mut Value| {
            tree["spec"]["template"] = template;
            Ok(())
        };
        stage.parts.store.edit(Kind::DaemonSet, &namespace, &name, change).unwrap();
    };
    let number = |stage: &Stage, field: &str| {
        let tree = stage.parts.store.get(Kind::DaemonSet, &namespace, &name).unwrap().tree();
        int(&tree, &format!("/status/{field}")).unwrap()
    };
    let mut broken = template.clone();
    broken["spec"]["containers"][0]["image"] = NONE.into();
    edit(&stage, broken);
    stage.minutes(3);
    assert_eq!((number(&stage, "updatedNumberScheduled"), number(&stage, "numberReady")), (1, 11));
    edit(&stage, template.clone());
    stage.minutes(2);
    assert_eq!((number(&stage, "updatedNumberScheduled"), number(&stage, "numberReady")), (12, 12));
    let mut good = template;
    good["spec"]["containers"][0]["env"] = json!([{"name": "A", "value": "b"}]);
    edit(&stage, good);
    let mut most = 0;
    stage.watch(300, |stage| most = most.max(number(stage, "numberUnavailable")));
    assert_eq!((most, number(&stage, "updatedNumberScheduled")), (1, 12));
}
