//! What the dialog says of a flush, line by line: whom it goes to, what is in it, whether it looks
//! like a store, whether we may, and how much a pattern names.

use super::FlushWrite;
use super::survey::{Asked, Survey};
use crate::config::CacheKind;
use crate::model::action::Check;
use crate::sources::cache::find::Cache;
use crate::sources::cache::inspect::{Allowed, Inspected, Role, looks_like_a_store};
use crate::sources::cache::{CacheError, Link, Login};

/// Rounds of SCAN that a preview takes, each over about a thousand keys.
const ROUNDS: usize = 20;
const PER_ROUND: u64 = 1_000;
/// Names that are shown.
const MOST_NAMED: usize = 4;
/// Longest of them.
const NAME_CHARS: usize = 40;
/// Of more masters each line would push the others off the screen.
const MOST_MASTERS: usize = 6;

/// Every line but the pattern's.
pub fn of(cache: &Cache, seen: &Survey, pattern: bool) -> Vec<Check> {
    let mut checks = Vec::new();
    let masters = seen.masters();
    for (instance, said) in masters.iter().take(MOST_MASTERS) {
        let who = instance.reach.to_string();
        checks.push(permission(&who, said, pattern));
        if let Some(why) = looks_like_a_store(said) {
            checks.push(Check::warning("store?", &format!("{who} is perhaps no cache: {why}")));
        }
        checks.push(Check::ok("role", &format!("{who} {}", role(said))));
        checks.push(Check::ok("holds", &format!("{who} {}", holds(cache, said))));
    }
    if let Some(more) = masters.len().checked_sub(MOST_MASTERS).filter(|n| *n > 0) {
        checks.push(Check::ok("role", &format!("and {more} masters more")));
    }
    // A replica that does not answer is flushed by its master all the same.
    for (instance, error) in seen.silent() {
        let words = format!("{} was not asked and is left out: {error}", instance.reach);
        checks.push(Check::warning("left out", &words));
    }
    for address in &seen.unknown {
        let words = format!("the master {address} is at none of the pods: its keys stay");
        checks.push(Check::warning("left out", &words));
    }
    if cache.left_out > 0 {
        let words = format!("{} instances more were not asked; name fewer in its [[cache]]", cache.left_out);
        checks.push(Check::warning("left out", &words));
    }
    checks
}

/// The master of an instance that is a replica.
pub fn master_of(asked: &Asked) -> Option<String> {
    match &asked.said.as_ref().ok()?.role {
        Role::Replica(of) => Some(of.clone()),
        _ => None,
    }
}

/// A dry run where the cache has one.
fn permission(who: &str, said: &Inspected, pattern: bool) -> Check {
    let about = "dry run";
    let wanted: &[&Allowed] = if pattern { &[&said.may_scan, &said.may_unlink] } else { &[&said.may_flush] };
    let no = wanted.iter().find_map(|a| if let Allowed::No(why) = a { Some(why) } else { None });
    if let Some(why) = no {
        let instead = match (pattern, &said.may_unlink, said.kind) {
            (false, Allowed::Yes, CacheKind::Redis) => "; by a pattern it is allowed",
            _ => "; name a user who may in its [[cache]]",
        };
        return Check::blocks(about, &format!("{who}: {why}{instead}"));
    }
    let unasked = wanted.iter().find_map(|a| if let Allowed::Unasked(why) = a { Some(why) } else { None });
    match unasked {
        Some(why) => Check::warning(about, &format!("{who}: could not be asked: {why}")),
        None => Check::ok(about, &format!("{who} would allow it")),
    }
}

fn role(said: &Inspected) -> String {
    let version = said.version.as_ref().map(|v| format!(" {v}")).unwrap_or_default();
    let up = said.uptime_s.map(|s| format!(", up {}", lasted(s))).unwrap_or_default();
    let role = match said.kind {
        CacheKind::Redis => "is a master, Redis",
        CacheKind::Memcached => "is memcached",
    };
    let followed = match said.replicas {
        Some(n) if n > 0 => format!(", {n} replicas follow"),
        _ => String::new(),
    };
    format!("{role}{version}{up}{followed}")
}

fn holds(cache: &Cache, said: &Inspected) -> String {
    let mut parts = Vec::new();
    parts.push(match (said.keys, said.kind) {
        (Some(keys), CacheKind::Memcached) => format!("has {} items", thousands(keys)),
        (Some(keys), _) => format!("has {} keys in database {}", thousands(keys), cache.database),
        (None, _) => "does not say how many keys".to_owned(),
    });
    if let Some(without) = said.without_ttl().filter(|_| said.expiring.is_some()) {
        parts.push(format!("{:.0} % with a TTL", (1.0 - without) * 100.0));
    }
    if let Some(used) = said.memory_bytes {
        let limit = said.memory_limit_bytes.filter(|l| *l > 0).map(|l| format!(" of {}", mebibytes(l)));
        parts.push(format!("{}{}", mebibytes(used), limit.unwrap_or_default()));
    }
    parts.extend(said.policy.clone());
    if let Some(ratio) = said.hit_ratio() {
        parts.push(format!("hits {:.1} % since its start", ratio * 100.0));
    }
    if said.snapshots.as_deref().is_some_and(|s| !s.is_empty()) {
        parts.push("snapshots to disk".to_owned());
    }
    parts.join(", ")
}

/// About how many keys a pattern names, with a few of them; over all masters.
pub async fn sample(client: &kube::Client, write: &FlushWrite, login: &Login, pattern: &str) -> Check {
    let (mut found, mut looked, mut all, mut named) = (0u64, 0u64, 0u64, Vec::new());
    let mut whole = true;
    for master in &write.masters {
        match count(client, write.kind, &master.reach, login, pattern).await {
            Err(error) => {
                return Check::warning(
                    "pattern",
                    &format!("{} can't be looked through: {error}", master.reach),
                );
            }
            Ok(counted) => {
                found += counted.found;
                looked += counted.looked;
                all += counted.all;
                whole &= counted.whole;
                named.extend(counted.named);
            }
        }
    }
    named.truncate(MOST_NAMED);
    let names = if named.is_empty() { String::new() } else { format!(": {}, …", named.join(", ")) };
    let (found, all_words) = (found, thousands(all));
    let words = match (whole, found) {
        (true, n) => format!("{} of {all_words} keys are like that{names}", thousands(n)),
        (false, n) => {
            let about = (n as f64 / looked.max(1) as f64 * all as f64).round() as u64;
            format!(
                "about {} of {all_words} keys are like that (of {} looked at){names}",
                thousands(about),
                thousands(looked)
            )
        }
    };
    if whole && found == 0 { Check::warning("pattern", &words) } else { Check::ok("pattern", &words) }
}

struct Counted {
    found: u64,
    looked: u64,
    all: u64,
    whole: bool,
    named: Vec<String>,
}

async fn count(
    client: &kube::Client,
    kind: CacheKind,
    reach: &crate::sources::cache::Reach,
    login: &Login,
    pattern: &str,
) -> Result<Counted, CacheError> {
    let mut link = Link::open(client, kind, reach, login).await?;
    let all = link.ask(&["DBSIZE"]).await.ok().and_then(|r| r.int()).and_then(|n| u64::try_from(n).ok());
    let mut counted = Counted { found: 0, looked: 0, all: all.unwrap_or(0), whole: false, named: Vec::new() };
    let mut cursor = "0".to_owned();
    let per_round = PER_ROUND.to_string();
    for _ in 0..ROUNDS {
        let reply = link.ask(&["SCAN", &cursor, "MATCH", pattern, "COUNT", &per_round]).await?;
        let [next, keys] = reply.items() else {
            return Err(CacheError::Garbled("SCAN did not answer with a cursor and keys".to_owned()));
        };
        counted.looked += PER_ROUND;
        counted.found += keys.items().len() as u64;
        let missing = MOST_NAMED.saturating_sub(counted.named.len());
        let named = keys.items().iter().take(missing).filter_map(crate::sources::cache::Reply::text);
        counted.named.extend(named.map(|name| name.chars().take(NAME_CHARS).collect::<String>()));
        cursor = next.text().unwrap_or_default();
        if cursor == "0" {
            counted.whole = true;
            break;
        }
    }
    Ok(counted)
}

/// '1,204,113'.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn mebibytes(n: u64) -> String {
    format!("{} MiB", thousands(n.div_ceil(1 << 20)))
}

fn lasted(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!([0, 999, 1_000, 1_204_113].map(thousands), ["0", "999", "1,000", "1,204,113"]);
        assert_eq!((mebibytes(1), lasted(90_000)), ("1 MiB".to_owned(), "25 h".to_owned()));
    }
}
