//! The arithmetic of a rolling update, apart from the objects it is done to: how many
//! pods may be added, and how many old ones may go (`deploymentutil` and `rolling.go` of
//! the Deployment controller).

use serde_json::Value;

/// `25%` or `3` of `total`; percentages round up for surge and down for unavailable.
pub fn share(value: &Value, total: i64, round_up: bool, default: i64) -> i64 {
    match value {
        Value::Number(n) => n.as_i64().unwrap_or(default).max(0),
        Value::String(s) => match s.strip_suffix('%').and_then(|p| p.parse::<f64>().ok()) {
            Some(percent) => {
                let exact = percent * total as f64 / 100.0;
                if round_up { exact.ceil() as i64 } else { exact.floor() as i64 }
            }
            None => s.parse().unwrap_or(default),
        },
        _ => default,
    }
}

/// `maxSurge` and `maxUnavailable` of a Deployment as numbers of pods.
pub fn limits(spec: &Value, replicas: i64) -> (i64, i64) {
    let rolling = &spec["strategy"]["rollingUpdate"];
    // Both are 25 % unless given.
    let usual = Value::from("25%");
    let part = |value: &Value, up: bool| share(if value.is_null() { &usual } else { value }, replicas, up, 1);
    let surge = part(&rolling["maxSurge"], true);
    let unavailable = part(&rolling["maxUnavailable"], false);
    // Both zero would never move; the controller then allows one to be unavailable.
    if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
}

/// One of the ReplicaSets of a Deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub wanted: i64,
    pub available: i64,
}

/// How many replicas the new ReplicaSet should have.
pub fn scale_new(new: &Member, old: &[Member], replicas: i64, surge: i64) -> i64 {
    if new.wanted >= replicas {
        return replicas;
    }
    let total = new.wanted + old.iter().map(|m| m.wanted).sum::<i64>();
    new.wanted + (replicas + surge - total).clamp(0, replicas - new.wanted)
}

/// How many replicas each old ReplicaSet should have, oldest first.
pub fn scale_old(new: &Member, old: &[Member], replicas: i64, unavailable: i64) -> Vec<i64> {
    let mut wanted: Vec<i64> = old.iter().map(|m| m.wanted).collect();
    let total: i64 = new.wanted + wanted.iter().sum::<i64>();
    let least = replicas - unavailable;
    let mut left = total - least - (new.wanted - new.available);
    if left <= 0 {
        return wanted;
    }
    // Those that are not available go first: they serve nobody.
    for (want, member) in wanted.iter_mut().zip(old) {
        let unhealthy = (*want - member.available).clamp(0, left.max(0));
        *want -= unhealthy;
        left -= unhealthy;
    }
    let available: i64 = new.available + old.iter().map(|m| m.available).sum::<i64>();
    let mut spare = (available - least).min(left);
    for want in &mut wanted {
        let go = (*want).min(spare.max(0));
        *want -= go;
        spare -= go;
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn m(wanted: i64, available: i64) -> Member {
        Member { wanted, available }
    }

    #[test]
    fn percentages_round_as_the_controller_rounds() {
        let spec = json!({"strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}});
        assert_eq!(limits(&spec, 10), (3, 2));
        assert_eq!(
            limits(&json!({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}}), 4),
            (0, 1)
        );
    }

    #[test]
    fn a_rollout_starts_with_the_surge_and_what_may_be_missing() {
        assert_eq!(scale_new(&m(0, 0), &[m(20, 20)], 20, 5), 5);
        assert_eq!(scale_old(&m(5, 0), &[m(20, 20)], 20, 5), [15]);
        assert_eq!(scale_new(&m(5, 0), &[m(15, 15)], 20, 5), 10);
        assert_eq!(scale_old(&m(10, 0), &[m(15, 15)], 20, 5), [15], "nothing more may go");
    }

    #[test]
    fn unhealthy_old_pods_go_first() {
        // Rolling back: 6 of the 20 old ones crash.
        assert_eq!(scale_old(&m(5, 0), &[m(20, 14)], 20, 5), [15]);
        assert_eq!(scale_old(&m(11, 5), &[m(14, 14)], 20, 5), [10]);
    }
}
