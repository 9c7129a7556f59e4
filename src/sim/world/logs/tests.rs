//! What the logs of each scenario tell.

use crate::sim::world::logs::Life;
use crate::sim::{Options, Scenario, start};

/// The last ten minutes of all pods of an app.
async fn lines(scenario: &str, app: &str) -> Vec<String> {
    let origin = "2026-11-20T03:12:00Z".parse().unwrap();
    let scenario = Scenario::named(scenario).unwrap();
    let sim = start(Options { scenario, seed: 3, speed: 0.0, pods: None, origin }).await.unwrap();
    let world = sim.api.world();
    let now_ms = world.now_ms();
    let runs = world.pods().filter(|p| p.namespace == "shop" && p.name.starts_with(app));
    runs.filter_map(|run| match world.life(run, false) {
        Life::Current { from_ms, to_ms } => {
            Some(world.log_lines(run, from_ms, to_ms, now_ms - 600_000, now_ms))
        }
        _ => None,
    })
    .flatten()
    .map(|(_, line)| line)
    .collect()
}

fn count(lines: &[String], what: &str) -> usize {
    lines.iter().filter(|l| l.contains(what)).count()
}

#[tokio::test]
async fn each_trouble_has_its_own_lines() {
    let calm = lines("calm", "api-").await;
    assert!(calm.len() > 5_000);
    assert_eq!(count(&calm, "cannot decode entry") + count(&calm, "slow query"), 0);
    let poisoned = lines("poisoned-cache", "api-").await;
    assert!(count(&poisoned, "cache: cannot decode entry") > 50);
    assert!(count(&poisoned, "slow query") > 50);
    let key = poisoned.iter().find_map(|l| l.split_once("key=product:")).unwrap().1;
    assert!((1_000..5_000).contains(&key.parse::<u32>().unwrap()));
    let spike = lines("traffic-spike", "api-").await;
    assert!(count(&spike, "slow request") > 50 && count(&spike, "slow query") > 5);
    assert_eq!(count(&spike, "cannot decode entry"), 0);
    let leak = lines("memory-leak", "worker-").await;
    assert!(count(&leak, "memory grows") > 0);
    let bad = lines("bad-deploy", "api-").await;
    assert!(count(&bad, "    at charge (/app/payments/client.js") > 50);
}

#[tokio::test]
async fn the_cache_logs_as_redis_does() {
    let log = lines("calm", "cache-").await;
    assert!(
        log.iter().any(|l| l == "1:M 20 Nov 2026 03:10:00.000 * 100 changes in 300 seconds. Saving..."),
        "{log:?}"
    );
    assert!(
        log.iter().any(|l| l.starts_with("1:S "))
            && count(&log, ":C 20 Nov 2026 03:10:00.870 * DB saved on disk") == 4
    );
}
