//! Silence an alert for a while, and expire a silence before its time: Alertmanager's API v2.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ask::{Asked, choice};
use super::gateway::user;
use super::{Plan, Reader, Stop, Write};
use crate::config::units::{parse_duration, show_duration};
use crate::model::action::{ActionId, Answers, Check, Difference, Subject};
use crate::model::{Clean, Failure, FailureKind};

const USUAL: &str = "2h";
/// Beyond that it is no silence any more but a rule that should be changed.
const LONG: SignedDuration = SignedDuration::from_hours(24);
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 90);
/// Alerts that are named in the dialog; more are counted.
const MOST_NAMED: usize = 8;

/// One change of Alertmanager's silences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SilenceWrite {
    /// The silence as the API takes it.
    Make(Value),
    Expire {
        id: String,
    },
}

impl SilenceWrite {
    pub fn words(&self) -> String {
        match self {
            Self::Make(_) => "make a silence".to_owned(),
            Self::Expire { id } => format!("expire silence {id}"),
        }
    }
}

pub async fn plan(read: &Reader<'_>, subject: &Subject, answers: &Answers) -> Result<Plan, Stop> {
    let alerts: Vec<Value> = read.alertmanager().await?.get_json("/api/v2/alerts", &[]).await?;
    let alert =
        alerts.iter().find(|a| a["fingerprint"] == subject.uid.as_str()).ok_or_else(|| over(subject))?;
    let scopes = scopes(&alert["labels"]);
    let options = scopes.iter().map(|(value, label, labels)| {
        let covered = alerts.iter().filter(|a| covers(labels, a)).count();
        choice(value, &format!("{label:<50} {covered} firing now"))
    });
    let asked = Asked { key: "scope", label: "silence", hint: "" };
    let scope = asked.pick(answers, options.collect(), 0)?;
    let Some((_, label, labels)) = scopes.into_iter().find(|(value, ..)| *value == scope) else {
        return Err(over(subject).into());
    };
    let hint = "as 30m, 2h or 1d";
    let lasts = Asked { key: "for", label: "for", hint }.text(answers, USUAL, duration)?;
    let comment =
        Asked { key: "comment", label: "comment", hint: "what others see: why, and what is being done" }
            .text(answers, "", |text| {
                if text.is_empty() {
                    Err("Alertmanager wants a comment".to_owned())
                } else {
                    Ok(text.to_owned())
                }
            })?;
    let until = second(read.at + lasts);
    let matchers: Vec<Value> = labels
        .iter()
        .map(|(k, v)| json!({"name": k, "value": v, "isRegex": false, "isEqual": true}))
        .collect();
    let made = json!({"matchers": matchers, "startsAt": second(read.at), "endsAt": until,
        "createdBy": user(read.session).await, "comment": comment});
    let covered: Vec<&Value> = alerts.iter().filter(|a| covers(&labels, a)).collect();
    let mut checks = Vec::new();
    if lasts > LONG {
        let words = "longer than a day: it will be forgotten; change the rule, or renew it day by day";
        checks.push(Check::warning("duration", words));
    }
    if covered.len() > 1 {
        let words = format!("it covers {} alerts, and others like them that begin later", covered.len());
        checks.push(Check::warning("covers", &words));
    }
    Ok(Plan {
        change: covered.iter().take(MOST_NAMED).map(|a| Difference::Same(Clean::new(&named(a)))).collect(),
        touches: format!("notifications of {} firing alerts ({label})", covered.len()),
        checks,
        ..Plan::new(ActionId::Silence, subject, vec![Write::Silence(SilenceWrite::Make(made))])
            .changing("silenced", "no", format!("until {until} ({})", show_duration(lasts)))
            .undone_by("expire the silence", ActionId::Expire, &[])
    })
}

/// Ends one of the silences that mute the alert.
pub async fn expire(read: &Reader<'_>, subject: &Subject, answers: &Answers) -> Result<Plan, Stop> {
    let endpoint = read.alertmanager().await?;
    let alerts: Vec<Value> = endpoint.get_json("/api/v2/alerts", &[]).await?;
    let alert =
        alerts.iter().find(|a| a["fingerprint"] == subject.uid.as_str()).ok_or_else(|| over(subject))?;
    let ids: Vec<&str> =
        alert["status"]["silencedBy"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let silences: Vec<Value> = endpoint.get_json("/api/v2/silences", &[]).await?;
    let text = |s: &Value, k: &str| s[k].as_str().unwrap_or_default().to_owned();
    let muting: Vec<&Value> = silences.iter().filter(|s| ids.contains(&text(s, "id").as_str())).collect();
    if muting.is_empty() {
        return Err(Failure { happened: Clean::new("no silence mutes it now"), ..over(subject) }.into());
    }
    let options = muting.iter().map(|s| {
        let label = format!("{} until {}  {}", text(s, "createdBy"), text(s, "endsAt"), text(s, "comment"));
        choice(&text(s, "id"), &label)
    });
    let id = match muting.as_slice() {
        [only] => text(only, "id"),
        _ => Asked { key: "silence", label: "expire", hint: "" }.pick(answers, options.collect(), 0)?,
    };
    let Some(silence) = muting.iter().find(|s| text(s, "id") == id) else {
        return Err(Failure { happened: Clean::new("that silence is over already"), ..over(subject) }.into());
    };
    let muted = |a: &&Value| {
        a["status"]["silencedBy"].as_array().is_some_and(|all| all.iter().any(|i| *i == id.as_str()))
    };
    let covered: Vec<&Value> = alerts.iter().filter(muted).collect();
    let mut checks = Vec::new();
    let (author, me) = (text(silence, "createdBy"), user(read.session).await);
    if author != me {
        let words = format!("{author} made it: '{}'", text(silence, "comment"));
        checks.push(Check::warning("author", &words));
    }
    let until = text(silence, "endsAt");
    Ok(Plan {
        change: covered.iter().take(MOST_NAMED).map(|a| Difference::Same(Clean::new(&named(a)))).collect(),
        touches: format!("{} alerts notify again", covered.len()),
        undo: "by silencing anew".to_owned(),
        checks,
        ..Plan::new(ActionId::Expire, subject, vec![Write::Silence(SilenceWrite::Expire { id })]).changing(
            "silenced",
            format!("until {until}"),
            "no",
        )
    })
}

type Labels = Vec<(String, String)>;

/// What can be silenced, from the one alert to all of its name: value, words, and labels.
fn scopes(labels: &Value) -> Vec<(String, String, Labels)> {
    let all: Labels = labels
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
        .collect();
    let only = |keys: &[&str]| -> Labels {
        all.iter().filter(|(k, _)| keys.contains(&k.as_str())).cloned().collect()
    };
    let words =
        |labels: &Labels| labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ");
    let (named, name) = (only(&["alertname", "namespace"]), only(&["alertname"]));
    let mut found = vec![("alert".to_owned(), "this alert alone".to_owned(), all.clone())];
    if named.len() == 2 && named != all {
        found.push(("namespace".to_owned(), words(&named), named));
    }
    if name != all {
        found.push(("name".to_owned(), words(&name), name));
    }
    found
}

fn covers(labels: &Labels, alert: &Value) -> bool {
    labels.iter().all(|(k, v)| alert["labels"][k] == v.as_str())
}

fn named(alert: &Value) -> String {
    let labels = alert["labels"].as_object();
    let rest = labels.into_iter().flatten().filter(|(k, _)| *k != "alertname");
    let rest = rest.map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect::<Vec<_>>();
    format!("{}  {}", alert["labels"]["alertname"].as_str().unwrap_or_default(), rest.join(" "))
}

pub fn duration(text: &str) -> Result<SignedDuration, String> {
    let lasts = parse_duration(text)?;
    match lasts {
        d if d < SignedDuration::from_mins(1) => Err("less than a minute".to_owned()),
        d if d > LONGEST => Err(format!("more than {}", show_duration(LONGEST))),
        d => Ok(d),
    }
}

/// Whole seconds, as Alertmanager gives them back.
fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn over(subject: &Subject) -> Failure {
    Failure {
        kind: FailureKind::Absent,
        tried: Clean::new(&format!("find {} in Alertmanager", subject.words())),
        happened: Clean::new("it is not firing any more"),
        next: Clean::new("nothing is to be done about it; what it was about may still be wrong"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_go_from_one_alert_to_all_of_its_name() {
        let labels = json!({"alertname": "PodCrashLooping", "namespace": "shop", "pod": "api-1"});
        let values: Vec<String> = scopes(&labels).into_iter().map(|(value, ..)| value).collect();
        assert_eq!(values, ["alert", "namespace", "name"]);
        let alone = scopes(&json!({"alertname": "Watchdog"}));
        assert_eq!(alone.len(), 1, "all scopes would be the same");
        let other = json!({"labels": {"alertname": "PodCrashLooping", "namespace": "shop", "pod": "api-2"}});
        let covered: Vec<bool> = scopes(&labels).iter().map(|(_, _, l)| covers(l, &other)).collect();
        assert_eq!(covered, [false, true, true]);
    }

    #[test]
    fn durations_are_bounded() {
        assert_eq!(duration("2h").unwrap(), SignedDuration::from_hours(2));
        assert!(duration("10s").unwrap_err().contains("less than a minute"));
        assert!(duration("1000d").unwrap_err().contains("more than"));
        assert!(duration("soon").is_err());
    }
}
