//! Certificates: days left of each, against the objective, and further ahead in the rarer reviews.

use super::{Look, counted, outcome};
use crate::model::objective::{Better, Objective};
use crate::model::signal::SignalId;
use crate::model::{Clean, FeedId, Health, Outcome};
use crate::review::line::{Detail, Seen, detail};
use crate::state::measures;

/// A certificate grows a day older every day; only a renewal, or a week that was skipped, is news.
const MATTERS_DAYS: f64 = 7.0;

pub fn look(look: &Look<'_>) -> Result<Seen, String> {
    let ahead = look.asked.kind().certificate_days();
    let objective = look.objective(SignalId::CertificateDays).cloned().unwrap_or(Objective {
        signal: SignalId::CertificateDays,
        better: Better::Higher,
        target: 14.0,
        warning: 14.0,
        critical: 7.0,
    });
    let limit_days = ahead.max(objective.warning);
    let judge = |days: f64| match objective.judge(days) {
        Health::Ok if days < limit_days => Health::Warning,
        health => health,
    };
    let mut left: Vec<(f64, Clean)> = Vec::new();
    let (mut details, mut names): (Vec<Detail>, Vec<Clean>) = (Vec::new(), Vec::new());
    for c in look.state.known.certificates.iter() {
        let name = c.dns_names.first().unwrap_or(&c.name).clone();
        if let Some(ends) = c.not_after {
            let days = ends.duration_since(look.now()).as_secs_f64() / 86_400.0;
            left.push((days, name.clone()));
            details.push(detail(judge(days), format!("{name}: {:.0} days left", days.floor())));
            if judge(days) > Health::Ok {
                names.push(name.clone());
            }
        }
        if !c.ready {
            let why = c.message.as_deref().unwrap_or("not ready");
            details.push(detail(Health::Warning, format!("{name}: {why}")));
            names.push(name);
        }
    }
    // What a probe sees is what the world sees: another certificate may be served.
    let probed = measures::measure(look.state, SignalId::CertificateDays);
    if let Some(days) = probed.value.filter(|_| probed.health != Health::Stale) {
        let known = left.iter().any(|(d, _)| (d - days).abs() < 1.0);
        if !known {
            left.push((days, "seen by a probe".into()));
            details.push(detail(judge(days), format!("seen by a probe: {:.0} days left", days.floor())));
        }
    }
    details.sort_by_key(|d| std::cmp::Reverse(d.health));
    let blind = look.blind(&[FeedId::Certificates], true);
    let Some((days, name)) = left.iter().min_by(|a, b| a.0.total_cmp(&b.0)).cloned() else {
        return match (blind, details.is_empty()) {
            (Some(why), _) => Ok(Seen::could_not(&why)),
            (None, true) => {
                Err("no certificate is known: neither cert-manager nor a probe tells of one".into())
            }
            (None, false) => Ok(Seen::new(Outcome::Warning, details[0].text.to_string(), "ready")
                .named(names)
                .detailed(details)),
        };
    };
    let worst = details.iter().map(|d| outcome(d.health)).max().unwrap_or(Outcome::Pass);
    let whole = days.floor();
    let said = format!("{whole:.0} days left");
    let all = if left.len() > 1 {
        format!(", the first of {}", counted(left.len(), "certificate"))
    } else {
        String::new()
    };
    let limit = format!("at least {limit_days:.0}");
    let seen = Seen::new(worst, format!("{name}: {said}{all}"), limit);
    Ok(seen.named(names).valued(whole, format!("{whole:.0}"), MATTERS_DAYS).detailed(details).but(blind))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::model::cluster::Certificate;
    use crate::model::{Batch, Change, Observation};
    use crate::review::Kind;
    use crate::review::testing::{asked, scope, state};

    fn with(days: i64, ready: bool, kind: Kind) -> Seen {
        let mut state = state();
        let certificate = Certificate {
            namespace: "shop".into(),
            name: "api-tls".into(),
            dns_names: vec!["api.example.com".into()],
            not_after: Some(state.now + SignedDuration::from_hours(24 * days + 1)),
            ready,
            message: (!ready).then(|| "renewal fails".into()),
        };
        let changes = vec![
            Change::Reset,
            Change::Upsert(Observation::Certificate(Box::new(certificate))),
            Change::Ready,
        ];
        state.known.apply(Batch { epoch: 0, feed: FeedId::Certificates, at: state.now, changes });
        let asked = crate::review::Asked { scope: scope(kind), ..asked(&[]) };
        look(&Look { state: &state, asked: &asked }).unwrap()
    }

    #[test]
    fn days_left_against_the_limit_of_each_review() {
        let seen = with(61, true, Kind::Daily);
        assert_eq!(seen.verdict.outcome, Outcome::Pass);
        assert_eq!(&*seen.verdict.measured, "api.example.com: 61 days left");
        assert_eq!(with(13, true, Kind::Daily).verdict.outcome, Outcome::Warning);
        assert_eq!(with(3, true, Kind::Daily).verdict.outcome, Outcome::Fail);
        assert_eq!(with(61, true, Kind::Quarterly).verdict.outcome, Outcome::Warning, "looked at in time");
        assert_eq!(with(61, false, Kind::Daily).verdict.outcome, Outcome::Warning);
    }
}
