//! Flushing: the one place that sends FLUSHDB, UNLINK and `flush_all`. One master after the other;
//! FLUSHDB once each, after a look whether it is still the process that was shown and still a
//! master; what became of each is told by itself.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::{Found, Sent};
use crate::actions::flush::checks::thousands;
use crate::actions::flush::{FlushWrite, Master};
use crate::actions::gateway::Hand;
use crate::config::CacheKind;
use crate::model::Clean;
use crate::model::action::Progress;
use crate::sources::cache::inspect::{Role, inspect};
use crate::sources::cache::{CacheError, Link, Login, Reply};

/// Keys that one SCAN looks at: a millisecond of the cache's one thread.
const PER_SCAN: &str = "500";
/// A line of progress is read by a person.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// Nobody watches for longer; a SCAN that never comes round ends here.
const LONGEST: Duration = Duration::from_secs(3_600);

/// What became of one master.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// In words: how many keys.
    Done(String),
    /// Nothing was done, and why.
    Not(String),
    /// Stopped by whoever watches, after so many keys.
    Stopped(u64),
    /// It broke off after so many keys, and why.
    Broken(u64, String),
    /// It may have happened or not.
    Unknown(String),
}

/// Flushes every master.
pub async fn send(hand: &Hand<'_>, write: &FlushWrite) -> Sent {
    let login = match login(hand, write).await {
        Ok(login) => login,
        Err(error) => return Sent::Refused(error.to_string()),
    };
    let mut fates = Vec::new();
    for master in &write.masters {
        let fate = match hand.told.stop.is_cancelled() {
            true => Fate::Stopped(0),
            false => one(hand, write, master, &login).await,
        };
        fates.push((master.reach.to_string(), fate));
    }
    sum_up(&fates)
}

/// Whether every master counts one flush more than it did. Keys that are not there would tell
/// nothing of who has taken them away.
pub async fn find(hand: &Hand<'_>, write: &FlushWrite) -> Found {
    let Ok(login) = login(hand, write).await else { return Found::Unseen };
    let mut all = Vec::new();
    for master in &write.masters {
        all.push(look(hand, write, master, &login).await);
    }
    match () {
        () if all.iter().all(|l| *l == Look::Done) => Found::Yes(serde_json::Value::Null),
        () if all.iter().all(|l| *l == Look::NotDone) => Found::NotDone,
        () if all.contains(&Look::Unseen) => Found::Unseen,
        () => Found::No,
    }
}

async fn login(hand: &Hand<'_>, write: &FlushWrite) -> Result<Login, CacheError> {
    let spec = hand.config.caches.iter().find(|spec| spec.name == write.cache);
    let (user, password) = spec.map(|s| (s.username.clone(), s.password.as_ref())).unwrap_or_default();
    Login::read(user, password, write.database).await
}

/// What can be seen of a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Done,
    NotDone,
    Unseen,
}

async fn look(hand: &Hand<'_>, write: &FlushWrite, master: &Master, login: &Login) -> Look {
    let Some(before) = master.flushes else { return Look::Unseen };
    let seen = match Link::open(&hand.session.client, write.kind, &master.reach, login).await {
        Ok(mut link) => inspect(&mut link, write.kind, write.database).await,
        Err(error) => Err(error),
    };
    match seen {
        Ok(seen) if seen.run_id != master.run_id => Look::Unseen,
        Ok(seen) if seen.flushes == Some(before + 1) => Look::Done,
        Ok(seen) if seen.flushes == Some(before) => Look::NotDone,
        _ => Look::Unseen,
    }
}

/// All of them in one answer.
fn sum_up(fates: &[(String, Fate)]) -> Sent {
    let words: Vec<String> = fates.iter().map(|(who, fate)| format!("{who}: {}", fate.words())).collect();
    let words = words.join("; ");
    let all = fates.len();
    let done = fates.iter().filter(|(_, fate)| matches!(fate, Fate::Done(_))).count();
    let untouched = fates.iter().all(|(_, f)| matches!(f, Fate::Not(_) | Fate::Stopped(0)));
    let unknown = fates.iter().any(|(_, f)| matches!(f, Fate::Unknown(_)));
    let counted = |words: &str| match all {
        1 => words.to_owned(),
        _ => format!("{done} of {all} masters flushed; {words}"),
    };
    let progress: fn(Clean) -> Progress = match () {
        () if done == all => Progress::Done,
        () if untouched => return Sent::Refused(words),
        () if unknown => Progress::Unknown,
        () => Progress::Failed,
    };
    Sent::Seen(progress, counted(&words))
}

impl Fate {
    fn words(&self) -> String {
        match self {
            Self::Done(words) => words.clone(),
            Self::Not(why) => format!("not flushed: {why}"),
            Self::Stopped(0) => "stopped before its first key".to_owned(),
            Self::Stopped(n) => format!("stopped after {} keys; they stay gone", thousands(*n)),
            Self::Broken(n, why) => format!("{} keys are gone, then: {why}", thousands(*n)),
            Self::Unknown(why) => format!("not known: {why}"),
        }
    }
}

async fn one(hand: &Hand<'_>, write: &FlushWrite, master: &Master, login: &Login) -> Fate {
    let client = &hand.session.client;
    let mut link = match Link::open(client, write.kind, &master.reach, login).await {
        Ok(link) => link,
        Err(error) => return Fate::Not(error.to_string()),
    };
    let before = match still_the_same(&mut link, write, master).await {
        Ok(keys) => keys,
        Err(why) => return Fate::Not(why),
    };
    match &write.pattern {
        Some(pattern) => unlink(hand, &mut link, pattern, before).await,
        None => match flush(&mut link, write.kind).await {
            Ok(()) if write.kind == CacheKind::Memcached => Fate::Done("every item has expired".to_owned()),
            Ok(()) => {
                Fate::Done(format!("{} keys before, {} now", known(before), known(keys(&mut link).await)))
            }
            Err(error @ CacheError::Refused(_)) => Fate::Not(error.to_string()),
            Err(error) => looked_up(hand, write, master, login, &error).await,
        },
    }
}

/// What became of a flush whose answer was lost. It may still be on its way when it is looked for.
async fn looked_up(
    hand: &Hand<'_>,
    write: &FlushWrite,
    master: &Master,
    login: &Login,
    error: &CacheError,
) -> Fate {
    let deadline = tokio::time::Instant::now() + hand.pace.look_for;
    loop {
        match look(hand, write, master, login).await {
            Look::Done => {
                return Fate::Done("the answer was lost, and it has come about all the same".to_owned());
            }
            Look::Unseen if master.flushes.is_none() => return Fate::Unknown(error.to_string()),
            _ if tokio::time::Instant::now() >= deadline => {
                return Fate::Unknown(format!("{error} (nothing of it can be seen)"));
            }
            Look::Unseen | Look::NotDone => tokio::time::sleep(hand.pace.look_every).await,
        }
    }
}

fn known(keys: Option<u64>) -> String {
    keys.map_or_else(|| "an unknown number of".to_owned(), thousands)
}

/// How many keys it has, if it is the process that was shown, and a master still.
async fn still_the_same(link: &mut Link, write: &FlushWrite, master: &Master) -> Result<Option<u64>, String> {
    let seen = inspect(link, write.kind, write.database).await.map_err(|e| e.to_string())?;
    match seen.role {
        Role::Master => {}
        Role::Replica(of) => return Err(format!("it is a replica of {of} now; begin anew")),
        Role::Other(what) => return Err(format!("it is no master any more but '{what}'; begin anew")),
    }
    if seen.run_id != master.run_id {
        return Err("it was started anew since it was shown; begin anew".to_owned());
    }
    Ok(seen.keys)
}

async fn keys(link: &mut Link) -> Option<u64> {
    link.ask(&["DBSIZE"]).await.ok()?.int().and_then(|n| u64::try_from(n).ok())
}

/// Everything, once.
async fn flush(link: &mut Link, kind: CacheKind) -> Result<(), CacheError> {
    let command = match kind {
        // Not FLUSHALL: that would write the empty snapshot over the old one. ASYNC: the memory is
        // given back by another thread.
        CacheKind::Redis => vec![b"FLUSHDB".to_vec(), b"ASYNC".to_vec()],
        CacheKind::Memcached => vec![b"flush_all".to_vec()],
    };
    let answer = link.order(vec![command]).await.pop();
    match answer.unwrap_or_else(|| Err(CacheError::Lost("no answer".to_owned())))? {
        Reply::Bytes(said) if said == b"OK" => Ok(()),
        other => Err(CacheError::Garbled(format!("{other:?}").chars().take(80).collect())),
    }
}

/// The keys that a pattern names, batch by batch.
async fn unlink(hand: &Hand<'_>, link: &mut Link, pattern: &str, all: Option<u64>) -> Fate {
    let (start, mut told) = (Instant::now(), Instant::now());
    let (mut gone, mut looked) = (0u64, 0u64);
    let mut cursor = "0".to_owned();
    loop {
        if hand.told.stop.is_cancelled() {
            return Fate::Stopped(gone);
        }
        let scanned = link.ask(&["SCAN", &cursor, "MATCH", pattern, "COUNT", PER_SCAN]).await;
        let reply = match scanned {
            Ok(reply) => reply,
            Err(error) => return broken(gone, &error),
        };
        let [next, found] = reply.items() else {
            return broken(
                gone,
                &CacheError::Garbled("SCAN did not answer with a cursor and keys".to_owned()),
            );
        };
        let batch: HashSet<&[u8]> = found.items().iter().filter_map(name).collect();
        let commands = batch.iter().map(|key| vec![b"UNLINK".to_vec(), key.to_vec()]).collect();
        let mut trouble = None;
        for answer in link.order(commands).await {
            match answer {
                // It may have expired in between.
                Ok(reply) => gone += reply.int().and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
                Err(error) => trouble = trouble.or(Some(error)),
            }
        }
        match trouble {
            Some(error @ CacheError::Refused(_)) => return broken(gone, &error),
            Some(error) => {
                let words = format!("at least {} keys are gone; {error}", thousands(gone));
                return Fate::Unknown(words);
            }
            None => {}
        }
        looked += 500;
        cursor = next.text().unwrap_or_default();
        if cursor == "0" {
            return Fate::Done(format!("{} keys unlinked", thousands(gone)));
        }
        if start.elapsed() > LONGEST {
            return Fate::Broken(gone, "an hour is over; begin anew for the rest".to_owned());
        }
        if told.elapsed() > TELL_EVERY {
            told = Instant::now();
            let of = all.filter(|all| *all > 0).map(|all| (looked * 100 / all).min(99));
            let part = of.map(|p| format!(", {p} % looked through")).unwrap_or_default();
            let words = format!("{} keys unlinked{part}", thousands(gone));
            hand.told.tell(Progress::Watching(Clean::new(&words))).await;
        }
    }
}

fn name(key: &Reply) -> Option<&[u8]> {
    match key {
        Reply::Bytes(name) => Some(name),
        _ => None,
    }
}

fn broken(gone: u64, error: &CacheError) -> Fate {
    if gone == 0 { Fate::Not(error.to_string()) } else { Fate::Broken(gone, error.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(fates: &[Fate]) -> (String, String) {
        let named: Vec<(String, Fate)> =
            fates.iter().enumerate().map(|(i, f)| (format!("m{i}"), f.clone())).collect();
        match sum_up(&named) {
            Sent::Seen(progress, words) => {
                let of = format!("{:?}", progress(Clean::new("")));
                (of.split('(').next().unwrap_or_default().to_owned(), words)
            }
            Sent::Refused(words) => ("Refused".to_owned(), words),
            Sent::Taken(_) | Sent::Started(_) | Sent::Lost(_) => panic!("never of a cache"),
        }
    }

    #[test]
    fn what_became_of_each_master_is_told() {
        let done = || Fate::Done("9 keys before, 0 now".into());
        let not = || Fate::Not("it can't be reached".into());
        assert_eq!(told(&[done()]), ("Done".into(), "m0: 9 keys before, 0 now".into()));
        let (of, words) = told(&[done(), not(), done()]);
        assert_eq!(of, "Failed");
        assert!(
            words.starts_with("2 of 3 masters flushed; m0: 9") && words.contains("m1: not flushed: it"),
            "{words}"
        );
        assert_eq!(told(&[not(), Fate::Stopped(0)]).0, "Refused", "nothing was done");
        assert_eq!(told(&[done(), Fate::Unknown("lost".into())]).0, "Unknown");
        assert_eq!(
            told(&[Fate::Stopped(500)]),
            ("Failed".into(), "m0: stopped after 500 keys; they stay gone".into())
        );
    }
}
