//! What tells two pod templates apart, in lines that a tired person can read, and how many
//! pods a rollout replaces at once.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Reader;
use crate::model::Clean;
use crate::model::action::{Difference, Subject};
use crate::ui::human;

/// At most this many lines of a difference; more are counted.
const MOST_LINES: usize = 24;

/// What changes when `before` becomes `after`: images, environment, resources, and whatever
/// else differs, by its path. What a restart writes is no difference.
pub fn difference(before: &Value, after: &Value) -> Vec<Difference> {
    let (old, new) = (facts(before), facts(after));
    let mut lines = Vec::new();
    for key in old.keys().chain(new.keys().filter(|k| !old.contains_key(*k))) {
        let (was, is) = (old.get(key), new.get(key));
        if was == is {
            continue;
        }
        let line = |value: &String| Clean::new(&format!("{key}  {value}"));
        lines.extend(was.map(|v| Difference::Removed(line(v))));
        lines.extend(is.map(|v| Difference::Added(line(v))));
    }
    if lines.len() > MOST_LINES {
        let more = lines.len() - MOST_LINES;
        lines.truncate(MOST_LINES);
        lines.push(Difference::Same(Clean::new(&format!("and {more} more lines"))));
    }
    lines
}

/// The template as names and values: 'image api', 'env api PAYMENT_URL', 'resources api limits/cpu'.
fn facts(template: &Value) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    flatten(template, &mut Vec::new(), &mut out);
    out
}

fn flatten(at: &Value, path: &mut Vec<String>, out: &mut BTreeMap<String, String>) {
    match at {
        Value::Object(map) => {
            for (key, inner) in map {
                if matches!(
                    key.as_str(),
                    "kubectl.kubernetes.io/restartedAt"
                        | "pod-template-hash"
                        | "$patch"
                        | "creationTimestamp"
                ) {
                    continue;
                }
                path.push(key.clone());
                flatten(inner, path, out);
                path.pop();
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                // Items go by their names where they have one: an insertion is no change of all others.
                let name = item["name"].as_str().map_or_else(|| i.to_string(), str::to_owned);
                let mut rest = item.clone();
                if item["name"].is_string()
                    && let Some(map) = rest.as_object_mut()
                {
                    map.remove("name");
                }
                path.push(name);
                flatten(&rest, path, out);
                path.pop();
            }
        }
        Value::Null => {}
        Value::String(text) => drop(out.insert(words(path), text.clone())),
        other => drop(out.insert(words(path), other.to_string())),
    }
}

/// `spec containers api env PAYMENT_URL value` → 'env api PAYMENT_URL'.
fn words(path: &[String]) -> String {
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["spec", "containers", name, "image"] => format!("image {name}"),
        ["spec", "containers", name, "env", variable, "value"] => format!("env {name} {variable}"),
        ["spec", "containers", name, "env", variable, rest @ ..] => {
            format!("env {name} {variable} {}", rest.join("/"))
        }
        ["spec", "containers", name, "resources", rest @ ..] => {
            format!("resources {name} {}", rest.join("/"))
        }
        ["spec", "containers", name, rest @ ..] => format!("{name} {}", rest.join("/")),
        all => all.join("/"),
    }
}

/// 'about 3 min': as many waves as it takes, each as long as its pods took to become ready.
pub async fn lasts(read: &Reader<'_>, subject: &Subject, object: &Value, pods: u32) -> String {
    let Ok(all) = read.list("", "pods", &subject.namespace).await else { return String::new() };
    let labels = object["spec"]["selector"]["matchLabels"].as_object().cloned().unwrap_or_default();
    let ours =
        |p: &&Value| !labels.is_empty() && labels.iter().all(|(k, v)| p["metadata"]["labels"][k] == *v);
    let mut took: Vec<i64> = all.iter().filter(ours).filter_map(became_ready_s).collect();
    took.sort_unstable();
    let Some(median) = took.get(took.len() / 2) else { return String::new() };
    let ready_for = object["spec"]["minReadySeconds"].as_i64().unwrap_or(0);
    let waves = i64::from(pods.div_ceil(wave(object, pods).max(1)));
    let span = jiff::SignedDuration::from_secs((median + ready_for).saturating_mul(waves).clamp(1, 86_400));
    format!("about {}: its pods took {median} s to become ready, in {waves} waves", human::span(span))
}

/// From its creation to the last time it became ready, seconds; longer than an hour is no start.
fn became_ready_s(pod: &Value) -> Option<i64> {
    let time = |v: &Value| v.as_str()?.parse::<jiff::Timestamp>().ok();
    let conditions = pod["status"]["conditions"].as_array()?;
    let ready = conditions.iter().find(|c| c["type"] == "Ready" && c["status"] == "True")?;
    let took =
        time(&ready["lastTransitionTime"])?.duration_since(time(&pod["metadata"]["creationTimestamp"])?);
    Some(took.as_secs()).filter(|s| (0..3600).contains(s))
}

/// How many pods are replaced at the same time.
fn wave(object: &Value, pods: u32) -> u32 {
    let strategy = &object["spec"]["strategy"];
    if strategy["type"] == "Recreate" {
        return pods;
    }
    let (down, up) = bounds(object, pods);
    (down.unwrap_or(0) + up.unwrap_or(0)).max(1).min(pods.max(1))
}

/// 'at most 5 of 20 at once' by the rolling update's bounds, as the Deployment controller
/// rounds them (surge up, unavailable down).
pub fn at_once(object: &Value, pods: u32) -> String {
    let strategy = &object["spec"]["strategy"];
    if strategy["type"] == "Recreate" {
        return "all at once, with nothing to serve in between (Recreate)".to_owned();
    }
    match bounds(object, pods) {
        (None, None) => "one at a time".to_owned(),
        (down, _) => {
            let most = wave(object, pods);
            let down = down.unwrap_or(0);
            let share = (down * 100).checked_div(pods).unwrap_or(0);
            format!("at most {most} of {pods} at once, {down} unavailable ({share} % of the capacity)")
        }
    }
}

/// The most that may be unavailable, and the most that may be there beyond those that are wanted.
fn bounds(object: &Value, pods: u32) -> (Option<u32>, Option<u32>) {
    let strategy = &object["spec"]["strategy"];
    let bounds = if strategy.is_object() {
        &strategy["rollingUpdate"]
    } else {
        &object["spec"]["updateStrategy"]["rollingUpdate"]
    };
    (share(&bounds["maxUnavailable"], pods, false), share(&bounds["maxSurge"], pods, true))
}

fn share(bound: &Value, of: u32, up: bool) -> Option<u32> {
    if let Some(n) = bound.as_u64() {
        return u32::try_from(n).ok();
    }
    let percent: u32 = bound.as_str()?.strip_suffix('%')?.parse().ok()?;
    let exact = u64::from(of) * u64::from(percent);
    u32::try_from(if up { exact.div_ceil(100) } else { exact / 100 }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_differs_is_told_by_its_name() {
        let before = json!({"metadata": {"labels": {"app": "api", "pod-template-hash": "x"}, "annotations": {"kubectl.kubernetes.io/restartedAt": "a"}},
            "spec": {"containers": [{"name": "api", "image": "api:2", "resources": {"limits": {"cpu": "1"}}}]}});
        let after = json!({"metadata": {"labels": {"app": "api"}},
            "spec": {"containers": [{"name": "api", "image": "api:1", "env": [{"name": "URL", "value": "x"}],
                "resources": {"limits": {"cpu": "1"}}}]}});
        use Difference::{Added, Removed};
        assert_eq!(
            difference(&before, &after),
            [
                Removed("image api  api:2".into()),
                Added("image api  api:1".into()),
                Added("env api URL  x".into()),
            ]
        );
        assert_eq!(difference(&before, &before), []);
    }

    #[test]
    fn bounds_are_rounded_as_the_controller_does() {
        let object = |surge: Value, down: Value| json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": down}}}});
        assert_eq!(
            at_once(&object(json!("25%"), json!("25%")), 6),
            "at most 3 of 6 at once, 1 unavailable (16 % of the capacity)"
        );
        assert_eq!(
            at_once(&object(json!(1), json!(0)), 6),
            "at most 1 of 6 at once, 0 unavailable (0 % of the capacity)"
        );
        assert_eq!(
            at_once(&json!({"spec": {"updateStrategy": {"type": "RollingUpdate"}}}), 4),
            "one at a time"
        );
    }
}
