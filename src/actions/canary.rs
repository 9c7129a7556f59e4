//! Canary: the weights of two workloads behind one service, by how many pods each has. The sum
//! stays as it is; the shares are those of the requests as far as these go to pods alike.

use serde_json::Value;

use super::ask::{Asked, choice};
use super::scale::{replicas, write};
use super::{Expect, Plan, Reader, Stop, restart};
use crate::model::action::{ActionId, Answers, Check, Subject};

/// Steps that are usually taken, percent.
const USUAL: &str = "5, 25, 50, 100";

pub async fn plan(read: &Reader<'_>, subject: &Subject, answers: &Answers) -> Result<Plan, Stop> {
    let canary = read.subject(subject).await?;
    let all = read.list("apps", "deployments", &subject.namespace).await?;
    let others: Vec<&Value> = all.iter().filter(|d| d["metadata"]["uid"] != subject.uid.as_str()).collect();
    let services = read.list("", "services", &subject.namespace).await?;
    // What shares a service with it comes first.
    let (near, far): (Vec<&Value>, Vec<&Value>) =
        others.into_iter().partition(|d| shared(&services, &canary, d).is_some());
    let options = near.iter().chain(&far).map(|d| choice(name(d), &label(&services, &canary, d)));
    let asked = Asked { key: "stable", label: "shares its requests with", hint: "" };
    let stable_name = asked.pick(answers, options.collect(), 0)?;
    let Some(stable) = near.iter().chain(&far).find(|d| name(d) == stable_name) else {
        return Err(Stop::Failed(gone(&stable_name)));
    };
    let (canary_now, stable_now) = (replicas(&canary), replicas(stable));
    let total = canary_now.saturating_add(stable_now);
    let hint = format!("of {total} pods: usual steps are {USUAL}");
    let asked = Asked { key: "percent", label: "percent to it", hint: &hint };
    let percent = asked.number(answers, share(canary_now, total), 100)?;
    let (canary_then, stable_then) = split(total, percent);
    let partner = Subject {
        kind: subject.kind,
        namespace: subject.namespace.clone(),
        name: name(stable).into(),
        uid: stable["metadata"]["uid"].as_str().unwrap_or_default().into(),
    };
    // What grows is asked for first: there is never less than the sum.
    let mut writes = vec![
        (canary_then > canary_now, write(subject, canary_now, canary_then)),
        (stable_then > stable_now, write(&partner, stable_now, stable_then)),
    ];
    writes.sort_by_key(|(grows, _)| !grows);
    let back = share(canary_now, total).to_string();
    let checks = checks(&services, (&canary, canary_now, canary_then), (stable, stable_now, stable_then));
    Ok(Plan {
        touches: format!(
            "{} → {} pods here, {} → {} of {stable_name}; {} % of the requests, if they go to all pods alike",
            canary_now,
            canary_then,
            stable_now,
            stable_then,
            share(canary_then, total)
        ),
        high_risk: stable_then == 0 || canary_then == 0,
        replicas: Some(canary_then.max(stable_then)),
        checks,
        expect: Expect::Rollout,
        deadline_s: restart::deadline_s(&canary).max(restart::deadline_s(stable)),
        ..Plan::new(ActionId::Canary, subject, writes.into_iter().map(|(_, w)| w).collect())
            .changing(&subject.name, canary_now, canary_then)
            .changing(&stable_name, stable_now, stable_then)
            .undone_by(
                &format!("back to {back} %"),
                ActionId::Canary,
                &[("stable", &stable_name), ("percent", &back)],
            )
    })
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn gone(name: &str) -> crate::model::Failure {
    crate::model::Failure {
        kind: crate::model::FailureKind::Absent,
        tried: "plan the weights".into(),
        happened: crate::model::Clean::new(&format!("deployment/{name} is not there any more")),
        next: "begin anew".into(),
    }
}

/// The service whose selector takes the pods of both.
fn shared<'a>(services: &'a [Value], one: &Value, other: &Value) -> Option<&'a str> {
    let takes = |s: &Value, d: &Value| {
        let labels = &d["spec"]["template"]["metadata"]["labels"];
        let wanted = s["spec"]["selector"].as_object();
        wanted.is_some_and(|w| !w.is_empty() && w.iter().all(|(k, v)| labels[k] == *v))
    };
    services.iter().find(|s| takes(s, one) && takes(s, other)).map(name)
}

fn label(services: &[Value], canary: &Value, other: &Value) -> String {
    let by =
        shared(services, canary, other).map_or("no service in common".to_owned(), |s| format!("service {s}"));
    format!("{:<24} {:>4} pods  {by}", name(other), replicas(other))
}

/// Percent, rounded.
fn share(part: u32, total: u32) -> u32 {
    let exact = u64::from(part) * 100 + u64::from(total) / 2;
    u32::try_from(exact.checked_div(u64::from(total)).unwrap_or(0)).unwrap_or(0)
}

/// `percent` of `total`, and the rest; neither of them none unless all or nothing was asked for.
fn split(total: u32, percent: u32) -> (u32, u32) {
    let exact = (u64::from(total) * u64::from(percent) + 50) / 100;
    let part = u32::try_from(exact).unwrap_or(total).min(total);
    let part = match percent {
        0 | 100 => part,
        _ => part.clamp(1.min(total), total.saturating_sub(1).max(1.min(total))),
    };
    (part, total - part)
}

fn checks(services: &[Value], canary: (&Value, u32, u32), stable: (&Value, u32, u32)) -> Vec<Check> {
    let mut checks = Vec::new();
    match shared(services, canary.0, stable.0) {
        Some(service) => checks.push(Check::ok("service", &format!("{service} sends to both"))),
        None => {
            checks.push(Check::warning("service", "no service sends to both: pods alone shift no requests"))
        }
    }
    if (canary.1, stable.1) == (canary.2, stable.2) {
        checks.push(Check::blocks("weights", "they are so already"));
    }
    if canary.2 > canary.1 {
        let ready = canary.0["status"]["readyReplicas"].as_u64().unwrap_or(0);
        if ready < u64::from(canary.1) {
            let words =
                format!("only {ready} of its {} pods are ready: look at them before it gets more", canary.1);
            checks.push(Check::warning("canary", &words));
        }
    }
    if stable.2 == 0 {
        checks
            .push(Check::warning("weights", "nothing of the stable version is left to fall back on at once"));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_stays_and_neither_is_left_without_a_pod_by_rounding() {
        assert_eq!(split(20, 5), (1, 19));
        assert_eq!(split(20, 25), (5, 15));
        assert_eq!(split(20, 100), (20, 0));
        assert_eq!(split(20, 0), (0, 20));
        assert_eq!(split(4, 5), (1, 3), "less than a pod is a pod");
        assert_eq!(split(4, 99), (3, 1));
        assert_eq!(split(1, 50), (1, 0));
        assert_eq!(split(0, 50), (0, 0));
        assert_eq!(share(1, 20), 5);
        assert_eq!(share(0, 0), 0);
    }
}
