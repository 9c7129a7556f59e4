//! Scale: how many pods a workload has. A JSON Patch of `/scale` that tests UID and number: who
//! else has scaled in the meantime is not overruled.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::ask::Asked;
use super::plan::{Body, KubeWrite};
use super::{Expect, Plan, Reader, Stop, Write, restart};
use crate::model::action::{ActionId, Answers, Check, Subject};
use crate::model::{Clean, Failure};

/// Nothing that one types by accident at night is this large.
pub const MOST: u32 = 10_000;

pub async fn plan(read: &Reader<'_>, subject: &Subject, answers: &Answers) -> Result<Plan, Stop> {
    let object = read.subject(subject).await?;
    let now = replicas(&object);
    let autoscalers = read.list("autoscaling", "horizontalpodautoscalers", &subject.namespace).await;
    let unknown = autoscalers.as_ref().err().map(|f| format!("not known: {}: {}", f.tried, f.happened));
    let autoscaler = in_charge(subject, autoscalers);
    let hint = autoscaler.as_ref().map(|a| a.words.to_string()).unwrap_or_default();
    let asked = Asked { key: "replicas", label: "replicas", hint: &hint };
    let wanted = asked.number(answers, now, MOST)?;
    let mut checks: Vec<Check> = autoscaler.iter().map(|a| a.check(wanted)).collect();
    if wanted == now {
        checks.push(Check::blocks("replicas", &format!("it has {now} already")));
    }
    if let Some(owner) = owner(&object) {
        let words = format!("{owner} owns it, and would reset the number at once: scale that");
        checks.push(Check::blocks("owner", &words));
    }
    let workload = read.workload(subject.kind, &object);
    // A paused Deployment can be scaled.
    checks.extend(workload.iter().flat_map(restart::rollout_checks).filter(|c| c.about.as_str() != "paused"));
    checks.extend(unknown.map(|words| Check::warning("autoscaler", &words)));
    let touches = match wanted.checked_sub(now) {
        Some(0) => "nothing: it has as many already".to_owned(),
        Some(more) => format!("{more} pods more"),
        None if wanted == 0 => format!("all {now} pods: nothing is left to serve"),
        None => format!("{} of {now} pods end", now - wanted),
    };
    let back = now.to_string();
    Ok(Plan {
        touches,
        high_risk: wanted == 0,
        replicas: Some(wanted),
        checks,
        expect: Expect::Rollout,
        deadline_s: restart::deadline_s(&object),
        ..Plan::new(ActionId::Scale, subject, vec![write(subject, now, wanted)])
            .changing("replicas", now, wanted)
            .undone_by(&format!("scale to {now}"), ActionId::Scale, &[("replicas", &back)])
    })
}

/// How many pods are wanted.
pub fn replicas(object: &Value) -> u32 {
    u32::try_from(object["spec"]["replicas"].as_u64().unwrap_or(1)).unwrap_or(u32::MAX)
}

/// What sets the number instead: a Deployment over its ReplicaSet, an operator over its workload.
fn owner(object: &Value) -> Option<String> {
    let owners = object["metadata"]["ownerReferences"].as_array()?;
    let owner = owners.iter().find(|o| o["controller"] == true)?;
    let text = |k: &str| owner[k].as_str().unwrap_or_default();
    Some(format!("{}/{}", text("kind").to_lowercase(), text("name")))
}

/// The number through `/scale`, which holds only while it is `now`.
pub fn write(subject: &Subject, now: u32, wanted: u32) -> Write {
    let operations = json!([
        {"op": "test", "path": "/metadata/uid", "value": subject.uid.as_str()},
        {"op": "test", "path": "/spec/replicas", "value": now},
        {"op": "replace", "path": "/spec/replicas", "value": wanted},
    ]);
    let write = KubeWrite::of(subject, Body::JsonPatch(operations));
    Write::Kube(KubeWrite { subresource: Cow::Borrowed("scale"), ..write })
}

/// Whether an autoscaler's target is this.
pub fn targets(autoscaler: &Value, subject: &Subject) -> bool {
    let target = &autoscaler["spec"]["scaleTargetRef"];
    target["name"] == subject.name.as_str()
        && target["kind"].as_str().is_some_and(|k| k.eq_ignore_ascii_case(subject.kind.noun()))
}

/// An autoscaler that sets the same number.
struct InCharge {
    name: String,
    min: u64,
    max: u64,
    words: Clean,
}

impl InCharge {
    fn check(&self, wanted: u32) -> Check {
        let Self { name, min, max, .. } = self;
        let about = "autoscaler";
        match u64::from(wanted) {
            0 => Check::warning(about, &format!("0 replicas turn {name} off until someone scales up again")),
            n if n < *min || n > *max => Check::blocks(
                about,
                &format!(
                    "{name} keeps it between {min} and {max} and would reset it at once: change its bounds instead (autoscale)"
                ),
            ),
            _ => Check::warning(
                about,
                &format!("{name} ({min} to {max}) decides by its metrics, and may set it anew"),
            ),
        }
    }
}

fn in_charge(subject: &Subject, autoscalers: Result<Vec<Value>, Failure>) -> Option<InCharge> {
    autoscalers.ok()?.into_iter().find(|a| targets(a, subject)).map(|a| {
        let (name, spec) = (a["metadata"]["name"].as_str().unwrap_or_default().to_owned(), &a["spec"]);
        let (min, max) =
            (spec["minReplicas"].as_u64().unwrap_or(1), spec["maxReplicas"].as_u64().unwrap_or(0));
        let words = Clean::new(&format!("the autoscaler {name} keeps it between {min} and {max}"));
        InCharge { name, min, max, words }
    })
}
