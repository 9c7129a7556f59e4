//! Approvals: what a guardrail allows only with somebody else's consent. The plan and the consent
//! travel as ConfigMaps in the subject's namespace, bound to the plan's hash, for half an hour.
//!
//! Who is who comes from the API server. An approval is as good as the right to write ConfigMaps
//! there: it keeps tired people from acting alone, not thieves from forging.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::act::kube::once;
use super::check::Checked;
use super::record::Scribe;
use super::review::happened;
use super::{failure, user};
use crate::actions::Plan;
use crate::actions::plan::{Body, KubeWrite, Resource};
use crate::actions::reader::list_in;
use crate::journal::{Phase, sha256};
use crate::model::{Clean, Failure, FailureKind};
use crate::sources::Session;

/// Long enough to find somebody, too short to be forgotten.
const LASTS: SignedDuration = SignedDuration::from_mins(30);
const LABEL: &str = "midwatch.dev/kind";
/// Digits of the hash in names: no two open plans share them by chance.
const DIGITS: usize = 16;

/// Somebody's consent, to be used once.
pub struct Approval {
    pub by: String,
    pub until: Timestamp,
    consume: KubeWrite,
}

/// What is known of a plan's approval.
pub enum Standing {
    Given(Approval),
    /// Asked for by this user, until then.
    Asked(Timestamp),
    None,
    /// It can't be looked at.
    Unknown(String),
}

/// A plan that waits for somebody's consent.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenPlan {
    pub hash: String,
    pub asked_by: Clean,
    pub until: Timestamp,
    pub namespace: String,
    /// 'scale deployment/worker in shop'.
    pub title: Clean,
    pub name: Clean,
    /// What would be done, line by line.
    pub lines: Vec<Clean>,
    pub why: Clean,
}

fn config_map(namespace: &str, name: String, body: Body) -> KubeWrite {
    let resource = Resource { group: "".into(), version: "v1".into(), plural: "configmaps".into() };
    KubeWrite { resource, namespace: namespace.to_owned(), name, subresource: "".into(), body }
}

fn name(kind: &str, hash: &str) -> String {
    format!("midwatch-{kind}-{}", &hash[..hash.len().min(DIGITS)])
}

async fn read(session: &Session, namespace: &str) -> Result<Vec<Value>, Failure> {
    let all = list_in(session, "", "configmaps", Some(namespace)).await?;
    Ok(all.into_iter().filter(|m| m["metadata"]["labels"][LABEL].is_string()).collect())
}

fn text<'a>(map: &'a Value, key: &str) -> &'a str {
    map["data"][key].as_str().unwrap_or_default()
}

fn until(map: &Value) -> Timestamp {
    text(map, "until").parse().unwrap_or(Timestamp::UNIX_EPOCH)
}

fn of_kind<'a>(all: &'a [Value], kind: &str, hash: &str) -> Option<&'a Value> {
    all.iter().find(|m| m["metadata"]["labels"][LABEL] == kind && text(m, "plan-hash") == hash)
}

/// Whether the plan was approved by somebody else.
pub async fn standing(session: &Session, plan: &Plan, now: Timestamp) -> Standing {
    let (hash, namespace) = (plan.hash(), plan.subject.namespace.to_string());
    let all = match read(session, &namespace).await {
        Ok(all) => all,
        Err(f) => return Standing::Unknown(format!("{}: {}", f.tried, f.happened)),
    };
    let me = user(session).await;
    if let Some(map) = of_kind(&all, "approval", &hash).filter(|m| until(m) > now) {
        let by = text(map, "approved-by").to_owned();
        if !by.is_empty() && by != me && !me.is_empty() {
            let uid = map["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
            let consume = config_map(&namespace, name("approval", &hash), Body::Delete { uid });
            return Standing::Given(Approval { by, until: until(map), consume });
        }
    }
    match of_kind(&all, "plan", &hash).filter(|m| until(m) > now) {
        Some(map) => Standing::Asked(until(map)),
        None => Standing::None,
    }
}

impl Approval {
    /// Takes the consent out of the cluster: it counts once.
    ///
    /// # Errors
    /// When somebody else was quicker, or it can't be taken.
    pub async fn consume(&self, session: &Session) -> Result<String, String> {
        match once(session, &self.consume).await {
            Ok(_) => Ok(self.by.clone()),
            Err(trouble) => Err(format!("the approval could not be used: {}", happened(&trouble))),
        }
    }
}

/// Puts the plan where others can see it.
///
/// # Errors
/// When it can't be written there.
pub async fn ask(
    session: &Session,
    scribe: &Scribe,
    checked: &Checked,
    why: &str,
    now: Timestamp,
) -> Result<String, Failure> {
    let plan = checked.plan();
    let (hash, namespace) = (plan.hash(), plan.subject.namespace.to_string());
    let refused = |what: &str| failure(FailureKind::Denied, "ask for an approval", what, "nothing was done");
    let me = user(session).await;
    if me.is_empty() {
        return Err(refused("the API server does not say who you are"));
    }
    let short = &hash[..hash.len().min(DIGITS)];
    let next = format!("another user runs: midwatch approve {short} -n {namespace}");
    let all = read(session, &namespace).await?;
    if let Some(map) = of_kind(&all, "plan", &hash) {
        if until(map) > now {
            return Ok(format!("it was asked for already; {next}"));
        }
        let uid = map["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let old = config_map(&namespace, name("plan", &hash), Body::Delete { uid });
        once(session, &old).await.map_err(|t| refused(&happened(&t)))?;
    }
    let made = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name("plan", &hash), "namespace": namespace, "labels": {LABEL: "plan"}},
        "data": {"plan-hash": hash, "plan": plan.text(), "why": why, "asked-by": me,
            "until": (now + LASTS).to_string()}});
    let write = config_map(&namespace, name("plan", &hash), Body::Create(made));
    scribe.note(session, checked, Phase::Refused, &format!("{why}: an approval was asked for")).await;
    once(session, &write).await.map_err(|t| refused(&happened(&t)))?;
    Ok(next)
}

/// The plans of a namespace that wait for an approval, and are what their hash says.
///
/// # Errors
/// As the API server has it.
pub async fn open_plans(
    session: &Session,
    namespace: &str,
    now: Timestamp,
) -> Result<Vec<OpenPlan>, Failure> {
    let all = read(session, namespace).await?;
    let plans = all.iter().filter(|m| m["metadata"]["labels"][LABEL] == "plan" && until(m) > now);
    Ok(plans.filter_map(open_plan).collect())
}

/// What is shown is read from the very text that the hash is taken over.
fn open_plan(map: &Value) -> Option<OpenPlan> {
    let (hash, plan) = (text(map, "plan-hash"), text(map, "plan"));
    if sha256(plan.as_bytes()) != hash {
        return None;
    }
    let plan: Value = serde_json::from_str(plan).ok()?;
    let subject = &plan["subject"];
    let field = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let (kind, namespace, name) =
        (field(&subject["kind"]), field(&subject["namespace"]), field(&subject["name"]));
    let title = format!("{} {kind}/{name} in {namespace}", field(&plan["action"]).replace('-', " "));
    let mut lines = Vec::new();
    for (key, before) in plan["before"].as_object()? {
        lines.push(Clean::new(&format!("change   {key} {} → {}", field(before), field(&plan["after"][key]))));
    }
    lines.push(Clean::new(&format!("touches  {}", field(&plan["touches"]))));
    lines.push(Clean::new(&format!("undo     {}", field(&plan["undo"]))));
    Some(OpenPlan {
        hash: hash.to_owned(),
        asked_by: Clean::new(text(map, "asked-by")),
        until: until(map),
        namespace,
        title: Clean::new(&title),
        name: Clean::new(&name),
        lines,
        why: Clean::new(text(map, "why")),
    })
}

/// Consents to somebody else's plan.
///
/// # Errors
/// When it is one's own, or can't be written.
pub async fn approve(
    session: &Session,
    scribe: &Scribe,
    plan: &OpenPlan,
    now: Timestamp,
) -> Result<(), Failure> {
    let refused = |what: &str| failure(FailureKind::Denied, "approve the plan", what, "nothing was done");
    let me = user(session).await;
    if me.is_empty() {
        return Err(refused("the API server does not say who you are"));
    }
    if *me == *plan.asked_by {
        return Err(refused("it is your own: somebody else has to look at it"));
    }
    let data = json!({"plan-hash": plan.hash, "approved-by": me, "until": (now + LASTS).to_string()});
    let name = name("approval", &plan.hash);
    let made = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": data,
        "metadata": {"name": name, "namespace": plan.namespace, "labels": {LABEL: "approval"}}});
    let write = config_map(&plan.namespace, name, Body::Create(made));
    scribe.approve(session, plan, Phase::Confirmed, "").await.map_err(|e| super::unrecorded(&e))?;
    let sent = once(session, &write).await;
    let words = match &sent {
        Ok(_) => "approved".to_owned(),
        Err(trouble) => happened(trouble),
    };
    let phase = if sent.is_ok() { Phase::Outcome } else { Phase::Refused };
    drop(scribe.approve(session, plan, phase, &words).await);
    sent.map(drop).map_err(|trouble| refused(&happened(&trouble)))
}
