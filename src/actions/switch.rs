//! Switch blue-green: a Service's selector is turned to the other colour, only when that colour
//! has ready pods. Open connections stay where they are.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::ask::{Asked, choice};
use super::plan::KubeWrite;
use super::{Plan, Reader, Stop, Write};
use crate::model::action::{ActionId, Answers, Check, Subject};
use crate::model::{Clean, Failure, FailureKind};

/// Labels that name a colour, the usual ones first.
const COLOURS: [&str; 8] = [
    "color",
    "colour",
    "version",
    "slot",
    "track",
    "release",
    "app.kubernetes.io/version",
    "app.kubernetes.io/instance",
];

pub async fn plan(read: &Reader<'_>, subject: &Subject, answers: &Answers) -> Result<Plan, Stop> {
    let service = read.subject(subject).await?;
    let selector = service["spec"]["selector"].as_object().cloned().unwrap_or_default();
    if selector.is_empty() {
        return Err(nothing(subject, "it has no selector: its endpoints are set by hand").into());
    }
    let pods = read.list("", "pods", &subject.namespace).await?;
    let options = colours(&selector, &pods);
    if options.is_empty() {
        let what = "no other pods differ from its own in one label of its selector alone";
        return Err(nothing(subject, what).into());
    }
    let labelled = options.iter().map(|(to, pods)| {
        choice(&to.to_string(), &format!("{to:<32} {} of {} pods ready", pods.ready, pods.all))
    });
    let asked = Asked { key: "to", label: "send to the pods with", hint: "" };
    let picked = asked.pick(answers, labelled.collect(), 0)?;
    let Some((to, new)) = options.into_iter().find(|(to, _)| to.to_string() == picked) else {
        return Err(nothing(subject, "that colour is not there any more").into());
    };
    let old_value = selector[&to.label].as_str().unwrap_or_default().to_owned();
    let old = count(&selector, &pods);
    // The whole selector, so that no stale key is left in it.
    let mut after = selector.clone();
    after.insert(to.label.clone(), json!(to.value));
    let operations = vec![
        json!({"op": "test", "path": "/spec/selector", "value": selector}),
        json!({"op": "replace", "path": "/spec/selector", "value": after}),
    ];
    let write = Write::Kube(KubeWrite::patch(subject, &service, operations));
    let back = Colour { label: to.label.clone(), value: old_value.clone() }.to_string();
    Ok(Plan {
        touches: format!(
            "all requests to {}: from {} ready pods to {}; open connections stay on the old ones",
            subject.name, old.ready, new.ready
        ),
        high_risk: true,
        checks: checks(&old, &new, &service),
        ..Plan::new(ActionId::Switch, subject, vec![write])
            .changing(&to.label, &old_value, &to.value)
            .undone_by(&format!("switch back to {back}"), ActionId::Switch, &[("to", &back)])
    })
}

fn nothing(subject: &Subject, what: &str) -> Failure {
    Failure {
        kind: FailureKind::Absent,
        tried: Clean::new(&format!("find what {} could be switched to", subject.words())),
        happened: Clean::new(what),
        next: Clean::new("deploy the other colour with the same labels but one, and wait until it is ready"),
    }
}

/// A label with its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Colour {
    label: String,
    value: String,
}

impl std::fmt::Display for Colour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{}={}", self.label, self.value))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Pods {
    all: usize,
    ready: usize,
    images: BTreeMap<String, usize>,
}

/// Values of one label of the selector that other pods have, which match it in all others.
fn colours(selector: &Map<String, Value>, pods: &[Value]) -> Vec<(Colour, Pods)> {
    let mut found: BTreeMap<Colour, ()> = BTreeMap::new();
    for label in selector.keys() {
        let rest = |pod: &Value| {
            selector.iter().filter(|(k, _)| *k != label).all(|(k, v)| pod["metadata"]["labels"][k] == *v)
        };
        for pod in pods.iter().filter(|p| rest(p)) {
            if let Some(value) = pod["metadata"]["labels"][label].as_str()
                && selector[label] != value
                // A selector of one label says nothing of what belongs together, unless by its name.
                && (selector.len() > 1 || COLOURS.contains(&label.as_str()))
            {
                found.insert(Colour { label: label.clone(), value: value.to_owned() }, ());
            }
        }
    }
    let rank = |c: &Colour| COLOURS.iter().position(|l| *l == c.label).unwrap_or(COLOURS.len());
    let mut all: Vec<(Colour, Pods)> = found
        .into_keys()
        .map(|colour| {
            let mut other = selector.clone();
            other.insert(colour.label.clone(), json!(colour.value));
            let pods = count(&other, pods);
            (colour, pods)
        })
        .collect();
    all.sort_by_key(|(c, pods)| (rank(c), std::cmp::Reverse(pods.ready)));
    all
}

fn count(selector: &Map<String, Value>, pods: &[Value]) -> Pods {
    let mut counted = Pods::default();
    for pod in pods.iter().filter(|p| selector.iter().all(|(k, v)| p["metadata"]["labels"][k] == *v)) {
        counted.all += 1;
        let conditions = pod["status"]["conditions"].as_array();
        let ready =
            conditions.is_some_and(|all| all.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"));
        counted.ready += usize::from(ready && pod["metadata"]["deletionTimestamp"].is_null());
        let containers = pod["spec"]["containers"].as_array();
        for image in containers.into_iter().flatten().filter_map(|c| c["image"].as_str()) {
            *counted.images.entry(image.to_owned()).or_default() += 1;
        }
    }
    counted
}

fn checks(old: &Pods, new: &Pods, service: &Value) -> Vec<Check> {
    let about = "endpoints";
    let mut checks = Vec::new();
    checks.push(match (new.ready, new.all) {
        (0, all) => Check::blocks(about, &format!("none of the {all} pods of the new colour is ready")),
        (ready, all) if ready < all => Check::warning(about, &format!("only {ready} of {all} are ready")),
        (ready, _) if ready < old.ready => {
            Check::warning(about, &format!("{ready} ready pods would carry what {} carry now", old.ready))
        }
        (ready, all) => Check::ok(about, &format!("{ready} of {all} pods of the new colour are ready")),
    });
    let images = |pods: &Pods| pods.images.keys().cloned().collect::<Vec<_>>().join(", ");
    checks.push(Check::ok("images", &format!("{} → {}", images(old), images(new))));
    let manager = service["metadata"]["labels"]["app.kubernetes.io/managed-by"].as_str();
    if let Some(manager) = manager {
        checks.push(Check::warning("managed by", &format!("{manager}: it may revert this change")));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(labels: Value, ready: bool) -> Value {
        let status = if ready { "True" } else { "False" };
        json!({"metadata": {"labels": labels}, "spec": {"containers": [{"image": "web:1"}]},
            "status": {"conditions": [{"type": "Ready", "status": status}]}})
    }

    #[test]
    fn the_other_colour_is_what_differs_in_one_label() {
        let selector = json!({"app": "web", "color": "blue"}).as_object().cloned().unwrap();
        let pods = [
            pod(json!({"app": "web", "color": "blue"}), true),
            pod(json!({"app": "web", "color": "green"}), true),
            pod(json!({"app": "web", "color": "green"}), false),
            pod(json!({"app": "api", "color": "red"}), true),
        ];
        let found = colours(&selector, &pods);
        let green = Colour { label: "color".into(), value: "green".into() };
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((&found[0].0, found[0].1.ready, found[0].1.all), (&green, 1, 2));
        // Another application is no colour of this one.
        let only = json!({"app": "web"}).as_object().cloned().unwrap();
        assert_eq!(colours(&only, &pods), []);
    }

    #[test]
    fn without_a_ready_pod_it_is_not_switched() {
        let none = Pods { all: 3, ready: 0, ..Pods::default() };
        let all = Pods { all: 3, ready: 3, ..Pods::default() };
        use crate::model::action::Verdict;
        assert_eq!(checks(&all, &none, &Value::Null)[0].verdict, Verdict::Blocks);
        assert_eq!(checks(&all, &all, &Value::Null)[0].verdict, Verdict::Ok);
    }
}
