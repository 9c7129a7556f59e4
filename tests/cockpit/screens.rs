//! Whole screens, as they stand at 03:12:09Z of the night that the simulation begins with.

use crate::support::Cockpit;

macro_rules! screens {
    ($($name:ident $scenario:literal $columns:literal $rows:literal $keys:literal;)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let mut cockpit = Cockpit::open($scenario, ($columns, $rows)).await;
            cockpit.press($keys);
            cockpit.settled().await;
            insta::assert_snapshot!(cockpit.screen());
        })*
    };
}

screens! {
    calm_80 "calm" 80 24 "";
    calm_120 "calm" 120 40 "";
    bad_deploy_80 "bad-deploy" 80 24 "";
    bad_deploy_120 "bad-deploy" 120 40 "";
    bad_deploy_200 "bad-deploy" 200 60 "";
    traffic_spike_120 "traffic-spike" 120 40 "";
    poisoned_cache_120 "poisoned-cache" 120 40 "";
    memory_leak_120 "memory-leak" 120 40 "";
    backup_missed_80 "backup-missed" 80 24 "4";
    backup_missed_120 "backup-missed" 120 40 "";
    expiring_certificate_120 "expiring-certificate" 120 40 "";
    pods_zoomed_120 "bad-deploy" 120 40 "1 enter";
    latency_zoomed_120 "bad-deploy" 120 40 "2 enter";
    errors_zoomed_120 "bad-deploy" 120 40 "3 enter";
    backups_zoomed_120 "backup-missed" 120 40 "4 enter";
    alerts_zoomed_120 "bad-deploy" 120 40 "5 enter";
    objectives_zoomed_120 "poisoned-cache" 120 40 "6 enter";
    help_80 "calm" 80 24 "?";
    quit_80 "calm" 80 24 "q";
}
