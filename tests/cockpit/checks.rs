//! Checks of runbooks against the simulated cluster: each kind where it passes and where it fails, and
//! never passed where it can't be known.

use std::time::Duration;

use midwatch::model::Outcome::{self, CouldNotCheck, Fail, Pass};
use midwatch::model::ask::Ask;
use midwatch::runbook::check::Check;
use midwatch::sim::Fault;
use midwatch::state::answers::EVERY;

use crate::support::Cockpit;

/// What a check is, what it comes to, and what is said of it.
type Case = (&'static str, Outcome, &'static str);

fn check(text: &str) -> Check {
    Check::parse(text, 1).unwrap_or_else(|p| panic!("{text}: {p:?}"))
}

impl Cockpit {
    /// Asks what the checks need, and waits for the answers.
    pub async fn asked(&mut self, checks: &[Check]) {
        let asks: Vec<Ask> = checks.iter().filter_map(Check::ask).collect();
        for ask in &asks {
            self.state.answers.forget(ask);
        }
        let (epoch, now) = (self.state.epoch, self.state.now);
        let effects = self.state.answers.due(epoch, asks.clone(), now, EVERY);
        effects.into_iter().for_each(|effect| self.engine.perform(effect));
        self.until("answers", |state| !asks.iter().any(|ask| state.answers.is_under_way(ask))).await;
    }

    /// Judges all of them, and tells all that are not as wanted.
    async fn expect(&mut self, cases: &[Case]) {
        let checks: Vec<Check> = cases.iter().map(|(text, ..)| check(text)).collect();
        self.asked(&checks).await;
        let mut wrong = Vec::new();
        for (check, (text, want, said)) in checks.iter().zip(cases) {
            let verdict = check.evaluate(&self.state);
            let words = format!("{} / {}", verdict.measured, verdict.limit);
            if verdict.outcome != *want || !words.contains(said) {
                wrong.push(format!("{text}\n    {}: {words}", verdict.outcome.word()));
            }
            assert!(verdict.outcome == CouldNotCheck || verdict.at.is_some(), "{text}: seen when?");
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[tokio::test]
async fn in_a_calm_night_all_is_well() {
    let mut cockpit = Cockpit::open("calm", (120, 36)).await;
    cockpit
        .expect(&[
            ("objective = \"p95 latency\"", Pass, "objective 500 ms"),
            ("objective = \"p95 latency\"\nfor = \"5m\"", Pass, "for 5 min"),
            ("objective = \"error ratio\"", Pass, "objective 0.1 %"),
            ("objective = \"error ratio\"\nbeyond = \"target\"", Fail, "objective 0.1 %"),
            ("objective = \"error ratio\"\nwithin = \"budget\"", Pass, "budget"),
            ("objective = \"cache hits\"", Pass, "85 %"),
            ("objective = \"connection pool\"\nbelow = \"60 %\"", Pass, "below 60 %"),
            ("objective = \"cpu\"", Pass, ""),
            ("objective = \"memory\"", Pass, ""),
            ("objective = \"disk\"", Pass, ""),
            ("objective = \"certificate\"", Pass, "14 d"),
            ("objective = \"throughput\"\nabove = \"1 req/s\"", Pass, "req/s"),
            ("objective = \"throughput\"", CouldNotCheck, "no objective is set for throughput"),
            ("pods = \"all\"", Pass, "50 of 50 ready"),
            ("pods = \"deployment/api\"\nready = \"90 %\"", Pass, "20 of 20 ready"),
            ("pods = \"api\"\nready = 21", Fail, "20 of 20 ready"),
            ("pods = \"statefulset/cache\"\nwithout_restart = \"1h\"", Pass, "4 of 4"),
            ("pods = \"deployment/nothing\"", CouldNotCheck, "there is no deployment/nothing in shop"),
            ("pods = \"cronjob/backup-full\"", CouldNotCheck, "neither a deployment"),
            ("rollout = \"deployment/api\"", Pass, "revision 16: complete"),
            ("rollout = \"deployment/api\"\nis = \"failed\"", Fail, "complete"),
            ("rollout = \"statefulset/cache\"", Pass, "complete"),
            ("autoscaler = \"all\"", Pass, "replicas"),
            ("backup = \"all\"", Pass, ""),
            ("backup = \"backup-full\"\nverified_within = \"30 d\"", Pass, "verified"),
            ("backup = \"nothing\"", CouldNotCheck, "no backup nothing"),
            ("alert = \"all\"", Pass, "no such alert"),
            ("alert = \"all\"\nis = \"acknowledged\"", Pass, "no such alert"),
            ("alert = \"HighErrorRate\"\nis = \"firing\"", Fail, "no such alert"),
            ("certificate = \"shop.example.com\"", Pass, "shop-tls ends in"),
            ("nodes = \"all\"", Pass, "12 of 12 ready"),
            ("promql = \"count(up{namespace='shop'})\"\nabove = 49", Pass, "50"),
            ("promql = \"up{job='nothing'}\"\nequals = 1", CouldNotCheck, "no result"),
            ("promql = \"sum(\"\nequals = 1", CouldNotCheck, "bad_data"),
            ("http = \"http://127.0.0.1:1/health\"", CouldNotCheck, "ask check"),
            (
                "command = [\"sh\", \"-c\", \"echo accepting connections\"]\nstdout = \"accepting\"",
                Pass,
                "exit code 0",
            ),
            ("command = [\"false\"]", Fail, "exit code 1"),
            ("command = [\"no-such-program-here\"]", CouldNotCheck, "no-such-program-here"),
        ])
        .await;
}

#[tokio::test]
async fn a_bad_deploy_fails_its_checks() {
    let mut cockpit = Cockpit::open("bad-deploy", (120, 36)).await;
    cockpit
        .expect(&[
            ("objective = \"error ratio\"", Fail, "objective 0.1 %"),
            ("objective = \"error ratio\"\nbeyond = \"critical\"\nfor = \"2m\"", Pass, "critical from 1 %"),
            ("objective = \"error ratio\"\nwithin = \"budget\"", Pass, "gone in"),
            ("pods = \"all\"", Fail, "CrashLoopBackOff"),
            ("pods = \"deployment/api\"\nready = 10", Pass, "broken"),
            ("pods = \"deployment/web\"", Pass, "20 of 20"),
            ("rollout = \"deployment/api\"", Fail, "revision 17"),
            ("alert = \"HighErrorRate\"", Fail, "HighErrorRate for"),
            ("alert = \"HighErrorRate\"\nis = \"firing\"\nfor = \"1m\"", Pass, "HighErrorRate for"),
            ("alert = \"HighErrorRate\"\nis = \"firing\"\nfor = \"9h\"", Fail, "HighErrorRate for"),
            ("alert = \"HighErrorRate\"\nis = \"acknowledged\"", Fail, "HighErrorRate for"),
            ("alert = \"all\"\nseverity = \"page\"", Fail, "HighErrorRate"),
            ("alert = \"HighCPU\"", Pass, "no such alert"),
        ])
        .await;
}

/// In each scenario what is wrong fails, and what is not passes.
async fn in_scenario(scenario: &str, cases: &[Case]) {
    Cockpit::open(scenario, (120, 36)).await.expect(cases).await;
}

#[tokio::test]
async fn what_is_wrong_fails() {
    in_scenario(
        "backup-missed",
        &[
            ("backup = \"all\"", Fail, "RPO 26 h"),
            ("backup = \"backup-full\"\nwithin = \"3 d\"", Pass, "at most 3 days"),
            ("backup = \"backup-hourly\"", Pass, ""),
            ("alert = \"BackupTooOld\"\nis = \"firing\"", Pass, "BackupTooOld for"),
        ],
    )
    .await;
    in_scenario(
        "expiring-certificate",
        &[
            ("certificate = \"all\"", Fail, "shop-tls ends in"),
            ("certificate = \"shop.example.com\"\nvalid_for = \"5 d\"", Pass, "5 days or more"),
            ("objective = \"certificate\"", Fail, "objective 14 d"),
        ],
    )
    .await;
    in_scenario(
        "memory-leak",
        &[
            ("pods = \"deployment/worker\"\nwithout_restart = \"30 min\"", Fail, "a restart"),
            ("alert = \"PodOOMKilled\"", Fail, "PodOOMKilled for"),
        ],
    )
    .await;
    in_scenario(
        "poisoned-cache",
        &[
            ("objective = \"cache hits\"", Fail, "objective 85 %"),
            ("objective = \"connection pool\"", Fail, "objective 80 %"),
        ],
    )
    .await;
    in_scenario(
        "traffic-spike",
        &[
            ("objective = \"p95 latency\"", Fail, "objective 500 ms"),
            ("autoscaler = \"web\"", Fail, "replicas"),
            ("autoscaler = \"web\"\nis = \"at max\"", Pass, "replicas"),
            ("objective = \"cpu\"\nbelow = \"70 %\"", Fail, "below 70 %"),
        ],
    )
    .await;
}

#[tokio::test]
async fn endpoints_are_asked_over_the_network() {
    let mut cockpit = Cockpit::open("calm", (120, 36)).await;
    let url = cockpit.sim.alertmanager_url();
    for (path, more, want) in [
        ("/-/ready", "within = \"9s\"", Pass),
        ("/-/ready", "contains = \"OK\"", Pass),
        ("/-/ready", "contains = \"nothing of this\"", Fail),
        ("/-/ready", "status = 204", Fail),
        ("/nothing", "status = 404", Pass),
    ] {
        let check = check(&format!("http = \"{url}{path}\"\n{more}"));
        cockpit.asked(std::slice::from_ref(&check)).await;
        let verdict = check.evaluate(&cockpit.state);
        assert_eq!(verdict.outcome, want, "{path} {more}: {verdict:?}");
    }
}

#[tokio::test]
async fn what_can_not_be_known_never_passes() {
    let mut cockpit = Cockpit::open("calm", (120, 36)).await;
    let kinds = [
        "objective = \"p95 latency\"",
        "objective = \"error ratio\"\nwithin = \"budget\"",
        "pods = \"all\"",
        "rollout = \"deployment/api\"",
        "autoscaler = \"all\"",
        "backup = \"all\"",
        "alert = \"all\"",
        "certificate = \"all\"",
        "nodes = \"all\"",
        "promql = \"count(up)\"\nabove = 0",
    ];
    cockpit.expect(&kinds.map(|text| (text, Pass, ""))).await;
    // Everything is reached through the API server.
    cockpit.sim.set_fault(Fault { down: true, ..Fault::default() });
    cockpit.advance(Duration::from_secs(90)).await;
    cockpit.expect(&kinds.map(|text| (text, CouldNotCheck, ""))).await;
}
