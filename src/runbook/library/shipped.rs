//! The runbooks that are part of midwatch: `assets/runbooks/*.md`, in the program, so that they are there
//! when nothing else is. A test compares this list with the folder.

/// Name and text, in the order in which they are listed.
pub const ALL: &[(&str, &str)] = &[
    ("cache-issues", include_str!("../../../assets/runbooks/cache-issues.md")),
    ("certificate-expiry", include_str!("../../../assets/runbooks/certificate-expiry.md")),
    ("database-connectivity", include_str!("../../../assets/runbooks/database-connectivity.md")),
    ("database-maintenance", include_str!("../../../assets/runbooks/database-maintenance.md")),
    ("database-overload", include_str!("../../../assets/runbooks/database-overload.md")),
    ("deploy-blue-green", include_str!("../../../assets/runbooks/deploy-blue-green.md")),
    ("deploy-canary", include_str!("../../../assets/runbooks/deploy-canary.md")),
    ("deploy-rolling", include_str!("../../../assets/runbooks/deploy-rolling.md")),
    ("disaster-recovery", include_str!("../../../assets/runbooks/disaster-recovery.md")),
    ("failed-deployment", include_str!("../../../assets/runbooks/failed-deployment.md")),
    ("high-cpu", include_str!("../../../assets/runbooks/high-cpu.md")),
    ("high-latency", include_str!("../../../assets/runbooks/high-latency.md")),
    ("incident-response", include_str!("../../../assets/runbooks/incident-response.md")),
    ("memory-leak", include_str!("../../../assets/runbooks/memory-leak.md")),
    ("missed-backup", include_str!("../../../assets/runbooks/missed-backup.md")),
    ("on-call-handover", include_str!("../../../assets/runbooks/on-call-handover.md")),
    ("planned-maintenance", include_str!("../../../assets/runbooks/planned-maintenance.md")),
    ("production-readiness", include_str!("../../../assets/runbooks/production-readiness.md")),
    ("review-daily", include_str!("../../../assets/runbooks/review-daily.md")),
    ("review-monthly", include_str!("../../../assets/runbooks/review-monthly.md")),
    ("review-quarterly", include_str!("../../../assets/runbooks/review-quarterly.md")),
    ("review-weekly", include_str!("../../../assets/runbooks/review-weekly.md")),
    ("service-outage", include_str!("../../../assets/runbooks/service-outage.md")),
    ("traffic-spike", include_str!("../../../assets/runbooks/traffic-spike.md")),
    ("unauthorised-access", include_str!("../../../assets/runbooks/unauthorised-access.md")),
];
