//! The autoscaler, and where pods find room.

use serde_json::json;

use super::{reason, status};
use crate::sim::cluster::json::{int, set, text};
use crate::sim::cluster::kinds::Kind;
use crate::sim::world::tests::{Stage, play};

fn replicas(stage: &Stage, name: &str) -> i64 {
    int(&stage.tree(Kind::Deployment, name), "/spec/replicas").unwrap()
}

#[test]
fn an_autoscaler_keeps_to_its_bounds_and_is_off_at_zero() {
    let mut stage = play("calm");
    let scaler = Kind::HorizontalPodAutoscaler;
    stage.edit(Kind::Deployment, "web", |tree| tree["spec"]["replicas"] = 40.into());
    let mut seen = false;
    stage.watch(30, |stage| seen |= replicas(stage, "web") == 30);
    assert!(seen, "{}", replicas(&stage, "web"));
    assert!(stage.told("web", "SuccessfulRescale")[0].contains("above Spec.MaxReplicas"));
    stage.edit(Kind::Deployment, "web", |tree| tree["spec"]["replicas"] = 12.into());
    stage.watch(30, |_| {});
    assert!(replicas(&stage, "web") >= 20);
    stage.edit(scaler, "web", |tree| {
        tree["spec"]["minReplicas"] = 2.into();
        tree["spec"]["maxReplicas"] = 22.into();
        tree["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] = 10.into();
    });
    stage.minutes(2);
    assert_eq!(replicas(&stage, "web"), 22);
    assert_eq!(reason(&stage.tree(scaler, "web"), "ScalingLimited"), "TooManyReplicas");
    stage.edit(Kind::Deployment, "web", |tree| tree["spec"]["replicas"] = 0.into());
    stage.minutes(7);
    assert_eq!(replicas(&stage, "web"), 0);
    assert_eq!(reason(&stage.tree(scaler, "web"), "ScalingActive"), "ScalingDisabled");
    assert_eq!(status(&stage, scaler, "web", "desiredReplicas"), 0);
}

#[test]
fn an_autoscaler_follows_the_load_at_its_pace_and_comes_down_slowly() {
    let mut stage = play("calm");
    let scaler = Kind::HorizontalPodAutoscaler;
    stage.edit(scaler, "web", |tree| {
        tree["spec"]["maxReplicas"] = 100.into();
        tree["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] = 5.into();
    });
    let mut seen = vec![20];
    stage.watch(60, |stage| {
        let now = replicas(stage, "web");
        if seen.last() != Some(&now) {
            seen.push(now);
        }
    });
    assert_eq!(seen[..3], [20, 40, 80], "doubled at most: {seen:?}");
    stage.edit(scaler, "web", |tree| {
        tree["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] = 70.into();
    });
    stage.minutes(3);
    assert!(replicas(&stage, "web") >= 80, "what was needed five minutes ago still counts");
    stage.minutes(10);
    assert!(replicas(&stage, "web") < 40, "{}", replicas(&stage, "web"));
}

#[test]
fn a_pod_that_fits_nowhere_waits_and_says_why() {
    let mut stage = play("calm");
    let template = |needs: serde_json::Value, selector: serde_json::Value| {
        json!({"containers": [{"name": "main", "image": "registry.example.com/shop/task:1.0.0",
            "resources": {"requests": needs}}], "nodeSelector": selector})
    };
    let create = |stage: &Stage, name: &str, spec: serde_json::Value| {
        let tree = json!({"metadata": {"name": name, "namespace": "shop"}, "spec": spec});
        stage.parts.store.create(Kind::Pod, tree, stage.world.now_ms()).unwrap();
    };
    create(&stage, "huge", template(json!({"cpu": "64"}), json!({})));
    create(&stage, "picky", template(json!({}), json!({"disk": "ssd"})));
    stage.minutes(1);
    for (name, why) in [
        ("huge", "0/12 nodes are available: 12 Insufficient cpu."),
        ("picky", "0/12 nodes are available: 12 node(s) didn't match Pod's node affinity/selector."),
    ] {
        assert!(
            stage.told(name, "FailedScheduling")[0].starts_with(why),
            "{:?}",
            stage.told(name, "FailedScheduling")
        );
        let tree = stage.tree(Kind::Pod, name);
        assert_eq!(text(&tree, "/status/phase"), "Pending");
        assert!(text(&tree, "/status/conditions/0/message").starts_with(why));
    }
    let label = |tree: &mut serde_json::Value| {
        set(tree, "/metadata/labels", "disk", "ssd");
        Ok(())
    };
    stage.parts.store.edit(Kind::Node, "", "node-05", label).unwrap();
    stage.minutes(1);
    assert_eq!(text(&stage.tree(Kind::Pod, "picky"), "/spec/nodeName"), "node-05");
}

#[test]
fn a_cordoned_node_takes_no_new_pods() {
    let mut stage = play("calm");
    for i in 1..=11 {
        let cordon = |tree: &mut serde_json::Value| {
            set(tree, "/spec", "unschedulable", true);
            Ok(())
        };
        stage.parts.store.edit(Kind::Node, "", &format!("node-{i:02}"), cordon).unwrap();
    }
    let before = stage.parts.store.list(Kind::Pod, Some("shop")).len();
    stage.edit(Kind::Deployment, "worker", |tree| tree["spec"]["replicas"] = 12.into());
    stage.minutes(1);
    let pods = stage.parts.store.list(Kind::Pod, Some("shop"));
    assert_eq!(pods.len(), before + 6);
    let newest = pods.iter().map(|p| p.tree()).filter(|t| text(t, "/metadata/name").starts_with("worker-"));
    assert!(newest.filter(|t| text(t, "/spec/nodeName") == "node-12").count() >= 6);
}
