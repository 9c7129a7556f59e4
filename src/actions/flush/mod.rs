//! Flush a cache: every key of one database, or those that a pattern names, on every master. There
//! is no way back: what was in it has to be computed or loaded again.

pub(super) mod checks;
mod survey;

use serde::{Deserialize, Serialize};

use super::ask::{Asked, choice};
use super::{Plan, Reader, Stop, Write};
use crate::config::CacheKind;
use crate::model::action::{ActionId, Answers, Subject};
use crate::model::{Clean, Failure, FailureKind};
use crate::sources::cache::find::{self, Cache, Instance};
use crate::sources::cache::inspect::Inspected;
use crate::sources::cache::{Login, Reach};
use survey::{Survey, survey};

/// Longest pattern; keys are shorter.
const LONGEST: usize = 256;

/// One flush, as the gateway sends it. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlushWrite {
    pub cache: String,
    pub kind: CacheKind,
    pub database: u32,
    /// None: every key.
    pub pattern: Option<String>,
    pub masters: Vec<Master>,
}

/// One instance that is written to, as it was when it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Master {
    pub reach: Reach,
    /// The process: another after each start. None where it may not be asked.
    pub run_id: Option<String>,
    /// How often it was flushed before; None where that is not told, or nothing to go by.
    pub flushes: Option<u64>,
    /// The pod's UID; empty outside of the cluster.
    pub pod_uid: String,
}

impl FlushWrite {
    /// What it would do, in words.
    pub fn words(&self) -> String {
        let masters: Vec<String> = self.masters.iter().map(|m| m.reach.to_string()).collect();
        format!("flush {} on {}", self.what(), masters.join(", "))
    }

    /// 'every key of database 0'.
    fn what(&self) -> String {
        match (&self.pattern, self.kind) {
            (Some(pattern), _) => format!("keys like '{pattern}' of database {}", self.database),
            (None, CacheKind::Redis) => format!("every key of database {}", self.database),
            (None, CacheKind::Memcached) => "every item".to_owned(),
        }
    }
}

pub async fn plan(read: &Reader<'_>, subject: &Subject, answers: &Answers) -> Result<Plan, Stop> {
    let client = &read.session.client;
    let cache = find::cache(client, read.config, &subject.namespace, &subject.name).await?;
    let pattern = what(&cache, answers)?;
    let login = Login::read(cache.username.clone(), cache.password.as_ref(), cache.database).await;
    let login = login.map_err(|e| failed(&cache, &e.to_string(), "see that the secret can be read"))?;
    let seen = survey(client, &cache, &login).await;
    let masters = seen.masters();
    if masters.is_empty() {
        return Err(no_master(&cache, &seen).into());
    }
    let write = FlushWrite {
        cache: cache.name.clone(),
        kind: cache.kind,
        database: cache.database,
        pattern,
        masters: Vec::new(),
    };
    let whole = write.pattern.is_none();
    let masters: Vec<Master> = masters.iter().map(|(i, s)| master(i, s, whole)).collect();
    let write = FlushWrite { masters, ..write };
    let mut checks = checks::of(&cache, &seen, write.pattern.is_some());
    if let Some(pattern) = &write.pattern {
        checks.push(checks::sample(client, &write, &login, pattern).await);
    }
    let how = write.masters.first().map(|m| m.reach.how()).unwrap_or_default();
    let (what, words) = (write.what(), write.words());
    Ok(Plan {
        touches: format!(
            "{}, {how}; every read misses until it is warm again",
            words.trim_start_matches("flush ")
        ),
        undo: "no: what was in it has to be computed or loaded again".to_owned(),
        high_risk: true,
        checks,
        ..Plan::new(ActionId::FlushCache, subject, vec![Write::Flush(write)]).changing("cache", what, "gone")
    })
}

fn master(instance: &Instance, seen: &Inspected, whole: bool) -> Master {
    Master {
        reach: instance.reach.clone(),
        run_id: seen.run_id.clone(),
        flushes: seen.flushes.filter(|_| whole),
        pod_uid: instance.uid.clone(),
    }
}

/// The pattern, or none for everything.
fn what(cache: &Cache, answers: &Answers) -> Result<Option<String>, Stop> {
    if cache.kind == CacheKind::Memcached {
        return Ok(None);
    }
    let options = vec![
        choice("pattern", "the keys that a pattern names"),
        choice("all", &format!("every key of database {}", cache.database)),
    ];
    let asked = Asked { key: "what", label: "flush", hint: "" };
    if asked.pick(answers, options, 0)? == "all" {
        return Ok(None);
    }
    let hint = "as session:* or page:??:*, the patterns of KEYS and SCAN";
    Asked { key: "pattern", label: "keys like", hint }.text(answers, "", pattern).map(Some)
}

fn pattern(text: &str) -> Result<String, String> {
    match text {
        "" => Err("a pattern is needed".to_owned()),
        _ if text.len() > LONGEST => Err(format!("it is longer than {LONGEST} bytes")),
        _ if text.chars().any(char::is_control) => Err("control characters can't be typed here".to_owned()),
        _ if text.chars().all(|c| c == '*') => Err("that is every key: go back and choose that".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

fn failed(cache: &Cache, happened: &str, next: &str) -> Failure {
    Failure {
        kind: FailureKind::Unreachable,
        tried: Clean::new(&format!("ask the cache {} ({})", cache.name, cache.how)),
        happened: Clean::new(happened),
        next: Clean::new(next),
    }
}

/// Nobody is there who could be written to.
fn no_master(cache: &Cache, seen: &Survey) -> Failure {
    if cache.instances.is_empty() {
        return failed(cache, "none of its pods is running", "look at its pods first");
    }
    let mut replicas: Vec<String> = seen.asked.iter().filter_map(checks::master_of).collect();
    replicas.dedup();
    if let Some(of) = replicas.first() {
        let masters = replicas.len();
        let happened = format!("what answers is a replica (READONLY): its master is {of}");
        let next = match masters {
            1 => "name the master in its [[cache]], or the service behind which it is",
            _ => "name the masters in [[cache]] sections",
        };
        return failed(cache, &happened, next);
    }
    match seen.silent().next() {
        Some((instance, error)) => {
            failed(cache, &format!("{}: {error}", instance.reach), "mend that, then try again")
        }
        None => failed(cache, "none of its instances is a master", "look at its ROLE"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_some_keys_and_not_all() {
        assert_eq!(pattern("session:*"), Ok("session:*".to_owned()));
        for (text, why) in
            [("", "needed"), ("**", "every key"), ("a\nb", "control"), (&"x".repeat(300), "longer")]
        {
            assert!(pattern(text).unwrap_err().contains(why), "{text}");
        }
    }

    #[test]
    fn what_is_written_has_words_and_no_secret() {
        let reach = Reach::Forward { namespace: "shop".into(), pod: "cache-0".into(), port: 6379 };
        let write = FlushWrite {
            cache: "cache".into(),
            kind: CacheKind::Redis,
            database: 2,
            pattern: Some("a:*".into()),
            masters: vec![Master { reach, run_id: Some("7f".into()), flushes: None, pod_uid: "u".into() }],
        };
        assert_eq!(write.words(), "flush keys like 'a:*' of database 2 on cache-0:6379");
        let json = serde_json::to_string(&write).unwrap();
        assert_eq!(serde_json::from_str::<FlushWrite>(&json).unwrap(), write);
        assert!(!json.contains("password"), "{json}");
    }
}
