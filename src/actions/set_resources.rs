//! Set a container's requests and limits, as `kubectl set resources` writes them: a rollout.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::ask::{Asked, choice};
use super::plan::KubeWrite;
use super::{Expect, Plan, Reader, Stop, Write, restart, template};
use crate::model::action::{ActionId, Answers, Check, Subject};
use crate::sources::kubernetes::quantity::Quantity;

pub async fn plan(read: &Reader<'_>, subject: &Subject, answers: &Answers) -> Result<Plan, Stop> {
    let object = read.subject(subject).await?;
    let spec = &object["spec"]["template"]["spec"];
    let containers: Vec<&Value> = spec["containers"].as_array().into_iter().flatten().collect();
    let name = |c: &Value| c["name"].as_str().unwrap_or_default().to_owned();
    let container = match containers.as_slice() {
        [only] => name(only),
        _ => {
            let options = containers.iter().map(|c| choice(&name(c), &label(c))).collect();
            Asked { key: "container", label: "of the container", hint: "" }.pick(answers, options, 0)?
        }
    };
    let at = containers.iter().position(|c| name(c) == container).unwrap_or(0);
    let old = &containers[at]["resources"];
    let hint = "as cpu=250m,memory=256Mi; empty for none";
    let requests = Asked { key: "requests", label: "requests", hint }.text(
        answers,
        &written(&old["requests"]),
        amounts,
    )?;
    let limits =
        Asked { key: "limits", label: "limits", hint }.text(answers, &written(&old["limits"]), amounts)?;
    let mut new = old.as_object().cloned().unwrap_or_default();
    for (key, amounts) in [("requests", &requests), ("limits", &limits)] {
        if amounts.is_empty() {
            drop(new.remove(key))
        } else {
            drop(new.insert(key.to_owned(), json!(amounts)))
        }
    }
    let operation =
        json!({"op": "add", "path": format!("/spec/template/spec/containers/{at}/resources"), "value": new});
    let workload = read.workload(subject.kind, &object);
    let pods = workload.as_ref().map_or(0, |w| w.wanted);
    let mut after = object["spec"]["template"].clone();
    after["spec"]["containers"][at]["resources"] = Value::Object(new.clone());
    let change = template::difference(&object["spec"]["template"], &after);
    let mut checks = checks(&requests, &limits);
    if change.is_empty() {
        checks.push(Check::blocks("resources", "they are so already"));
    }
    checks.extend(workload.iter().flat_map(restart::rollout_checks));
    let back = [
        ("container", container.as_str()),
        ("requests", &written(&old["requests"])),
        ("limits", &written(&old["limits"])),
    ];
    let show = |v: &Value| format!("requests {} limits {}", or_none(&v["requests"]), or_none(&v["limits"]));
    let write = Write::Kube(KubeWrite::patch(subject, &object, vec![operation]));
    Ok(Plan {
        lasts: template::lasts(read, subject, &object, pods).await,
        touches: format!("{pods} pods, {}", template::at_once(&object, pods)),
        change,
        checks,
        expect: Expect::Rollout,
        deadline_s: restart::deadline_s(&object),
        ..Plan::new(ActionId::SetResources, subject, vec![write])
            .changing(&container, show(old), show(&Value::Object(new)))
            .undone_by("set them back, by another rollout", ActionId::SetResources, &back)
    })
}

fn label(container: &Value) -> String {
    let name = container["name"].as_str().unwrap_or_default();
    let resources = &container["resources"];
    format!(
        "{name:<20} requests {}  limits {}",
        or_none(&resources["requests"]),
        or_none(&resources["limits"])
    )
}

fn or_none(amounts: &Value) -> String {
    let text = written(amounts);
    if text.is_empty() { "none".to_owned() } else { text }
}

/// 'cpu=250m,memory=256Mi'.
fn written(amounts: &Value) -> String {
    let all = amounts.as_object().into_iter().flatten();
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    all.map(|(k, v)| format!("{k}={}", text(v))).collect::<Vec<_>>().join(",")
}

fn amounts(text: &str) -> Result<BTreeMap<String, String>, String> {
    let parts = text.split(',').map(str::trim).filter(|p| !p.is_empty());
    parts
        .map(|part| {
            let (name, amount) =
                part.split_once('=').ok_or_else(|| format!("'{part}' is not written as name=amount"))?;
            let (name, amount) = (name.trim(), amount.trim());
            let positive = Quantity::parse(amount).is_some_and(|q| !q.is_negative());
            match positive && !name.is_empty() {
                true => Ok((name.to_owned(), amount.to_owned())),
                false => Err(format!("'{amount}' is not a quantity such as 250m, 1.5 or 256Mi")),
            }
        })
        .collect()
}

fn checks(requests: &BTreeMap<String, String>, limits: &BTreeMap<String, String>) -> Vec<Check> {
    let mut checks = Vec::new();
    for (name, request) in requests {
        if let Some(limit) = limits.get(name)
            && Quantity::parse(request) > Quantity::parse(limit)
        {
            let words = format!("{name}: the request {request} is above the limit {limit}");
            checks.push(Check::blocks("resources", &words));
        }
    }
    if !limits.contains_key("memory") {
        checks.push(Check::warning("resources", "no memory limit: one pod can use up its node"));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_kubectl_writes_them() {
        let read = amounts("cpu=250m, memory=256Mi").unwrap();
        assert_eq!(read, BTreeMap::from([("cpu".into(), "250m".into()), ("memory".into(), "256Mi".into())]));
        assert_eq!(amounts("").unwrap(), BTreeMap::new());
        assert_eq!(amounts("cpu=lots").unwrap_err(), "'lots' is not a quantity such as 250m, 1.5 or 256Mi");
        assert_eq!(amounts("cpu").unwrap_err(), "'cpu' is not written as name=amount");
        assert!(amounts("cpu=-1").is_err());
    }

    #[test]
    fn a_request_over_its_limit_is_told_before_the_server_does() {
        let of = |text: &str| amounts(text).unwrap();
        let told = checks(&of("cpu=2"), &of("cpu=500m,memory=1Gi"));
        assert_eq!(told[0].words.as_str(), "cpu: the request 2 is above the limit 500m");
        assert_eq!(checks(&of("cpu=500m"), &of("cpu=2,memory=1Gi")), []);
    }
}
