//! An autoscaler's bounds; where there is none, one is made as `kubectl autoscale` makes it.

use serde_json::{Value, json};

use super::ask::Asked;
use super::plan::{Body, KubeWrite};
use super::scale::{MOST, replicas, targets};
use super::{Plan, Reader, Stop, Write};
use crate::model::action::{ActionId, Answers, Check, ObjectKind, Subject};

/// kubectl leaves it to the controller, which takes 80 % (`autoscaling/v2` defaults).
const CPU_PERCENT: u32 = 80;

pub async fn plan(read: &Reader<'_>, subject: &Subject, answers: &Answers) -> Result<Plan, Stop> {
    let object = read.subject(subject).await?;
    let all = read.list("autoscaling", "horizontalpodautoscalers", &subject.namespace).await?;
    match all.iter().find(|a| targets(a, subject)) {
        Some(autoscaler) if answers.get("remove").is_some_and(|a| a == "yes") => {
            Ok(remove(subject, autoscaler))
        }
        Some(autoscaler) => change(subject, autoscaler, answers),
        None => create(subject, &object, answers),
    }
}

fn itself(autoscaler: &Value, subject: &Subject) -> Subject {
    let text = |k: &str| autoscaler["metadata"][k].as_str().unwrap_or_default().into();
    let namespace = subject.namespace.clone();
    Subject { kind: ObjectKind::Autoscaler, namespace, name: text("name"), uid: text("uid") }
}

/// The bounds, both of them asked for.
fn bounds(answers: &Answers, (min, max): (u32, u32), hint: &str) -> Result<(u32, u32), Stop> {
    let least = Asked { key: "min", label: "at least", hint }.number(answers, min, MOST)?;
    let most = Asked { key: "max", label: "at most", hint }.number(answers, max, MOST)?;
    Ok((least, most))
}

fn bound_checks(min: u32, max: u32, now: u32) -> Vec<Check> {
    let mut checks = Vec::new();
    if min == 0 {
        let words = "at least 0 needs the alpha feature HPAScaleToZero; the API server refuses it elsewhere";
        checks.push(Check::warning("bounds", words));
    }
    if max < min || max == 0 {
        checks.push(Check::blocks("bounds", &format!("at most {max} is below at least {min}")));
    } else if now < min {
        checks.push(Check::warning("bounds", &format!("{now} pods now: it scales up to {min} at once")));
    } else if now > max {
        checks.push(Check::warning("bounds", &format!("{now} pods now: it scales down to {max} at once")));
    }
    checks
}

fn change(subject: &Subject, autoscaler: &Value, answers: &Answers) -> Result<Plan, Stop> {
    let itself = itself(autoscaler, subject);
    let spec = &autoscaler["spec"];
    let number = |v: &Value, or: u32| v.as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(or);
    let (old_min, old_max) = (number(&spec["minReplicas"], 1), number(&spec["maxReplicas"], 0));
    let now = number(&autoscaler["status"]["currentReplicas"], 0);
    let hint = format!("{} is in charge: {old_min} to {old_max}, {now} pods now", itself.name);
    let (min, max) = bounds(answers, (old_min, old_max), &hint)?;
    let operations = json!([
        {"op": "test", "path": "/metadata/uid", "value": itself.uid.as_str()},
        {"op": "test", "path": "/spec/maxReplicas", "value": old_max},
        {"op": "test", "path": "/spec/minReplicas", "value": spec["minReplicas"]},
        {"op": "add", "path": "/spec/minReplicas", "value": min},
        {"op": "replace", "path": "/spec/maxReplicas", "value": max},
    ]);
    let write = Write::Kube(KubeWrite::of(&itself, Body::JsonPatch(operations)));
    let mut checks = bound_checks(min, max, now);
    if (min, max) == (old_min, old_max) {
        checks.push(Check::blocks("bounds", "they are so already"));
    }
    let (back_min, back_max) = (old_min.to_string(), old_max.to_string());
    Ok(Plan {
        touches: touches(now, min, max),
        replicas: Some(max),
        checks,
        ..Plan::new(ActionId::Autoscale, subject, vec![write])
            .changing("at least", old_min, min)
            .changing("at most", old_max, max)
            .undone_by(
                &format!("back to {old_min} to {old_max}"),
                ActionId::Autoscale,
                &[("min", &back_min), ("max", &back_max)],
            )
    })
}

fn touches(now: u32, min: u32, max: u32) -> String {
    match now.clamp(min, max.max(min)) {
        n if n > now => format!("{} pods more at once; after that its metrics decide", n - now),
        n if n < now => format!("{} of {now} pods end; after that its metrics decide", now - n),
        _ => "no pod at once; its metrics decide".to_owned(),
    }
}

fn create(subject: &Subject, object: &Value, answers: &Answers) -> Result<Plan, Stop> {
    let now = replicas(object);
    let hint = format!("it has no autoscaler, and {now} pods; one would be made");
    let (min, max) = bounds(answers, (now.max(1), now.max(1) * 2), &hint)?;
    let hint = "of what its pods request; it can't scale by CPU where they request none";
    let percent =
        Asked { key: "cpu", label: "CPU target, percent", hint }.number(answers, CPU_PERCENT, 1_000)?;
    let kind = if subject.kind == ObjectKind::StatefulSet { "StatefulSet" } else { "Deployment" };
    let made = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": subject.name.as_str(), "namespace": subject.namespace.as_str()},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind, "name": subject.name.as_str()},
            "minReplicas": min, "maxReplicas": max,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu",
                "target": {"type": "Utilization", "averageUtilization": percent}}}]}});
    let resource = ObjectKind::Autoscaler.into();
    let write = Write::Kube(KubeWrite { resource, ..KubeWrite::of(subject, Body::Create(made)) });
    let mut checks = bound_checks(min, max, now);
    if percent == 0 {
        checks.push(Check::blocks("target", "a target of 0 % can't be kept"));
    }
    let containers = object["spec"]["template"]["spec"]["containers"].as_array();
    let silent = |c: &Value| c["resources"]["requests"]["cpu"].is_null();
    if let Some(c) = containers.into_iter().flatten().find(|c| silent(c)) {
        let name = c["name"].as_str().unwrap_or_default();
        checks.push(Check::warning("requests", &format!("{name} requests no CPU: it can't scale by CPU")));
    }
    Ok(Plan {
        touches: touches(now, min, max),
        replicas: Some(max),
        checks,
        ..Plan::new(ActionId::Autoscale, subject, vec![write])
            .changing("autoscaler", "none", format!("{min} to {max} at {percent} % CPU"))
            .undone_by("remove the autoscaler", ActionId::Autoscale, &[("remove", "yes")])
    })
}

fn remove(subject: &Subject, autoscaler: &Value) -> Plan {
    let itself = itself(autoscaler, subject);
    let spec = &autoscaler["spec"];
    let bounds = format!("{} to {}", spec["minReplicas"].as_u64().unwrap_or(1), spec["maxReplicas"]);
    let write = KubeWrite::of(&itself, Body::Delete { uid: itself.uid.to_string() });
    Plan {
        touches: "no pod: as many stay as there are now".to_owned(),
        undo: format!("by making it anew, {bounds}"),
        high_risk: true,
        ..Plan::new(ActionId::Autoscale, subject, vec![Write::Kube(write)]).changing(
            "autoscaler",
            bounds,
            "none",
        )
    }
}
