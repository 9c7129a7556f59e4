//! What the simulated series are: the type and help that their exporters give them, for
//! `/metrics` and for Prometheus' metadata.

/// One family as its exporter declares it.
#[derive(Debug, PartialEq)]
pub struct Family {
    pub name: &'static str,
    pub kind: &'static str,
    pub help: &'static str,
}

const fn family(name: &'static str, kind: &'static str, help: &'static str) -> Family {
    Family { name, kind, help }
}

/// Sorted by name.
#[rustfmt::skip]
pub const FAMILIES: &[Family] = &[
    family("apiserver_request_total", "counter", "Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code."),
    family("certmanager_certificate_expiration_timestamp_seconds", "gauge", "The timestamp after which the certificate expires, expressed in Unix Epoch Time."),
    family("container_cpu_cfs_periods_total", "counter", "Number of elapsed enforcement period intervals."),
    family("container_cpu_cfs_throttled_periods_total", "counter", "Number of throttled period intervals."),
    family("container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed in seconds."),
    family("container_memory_working_set_bytes", "gauge", "Current working set in bytes."),
    family("http_request_duration_seconds", "histogram", "Time from the first byte of a request to the last of its answer."),
    family("http_requests_total", "counter", "Requests answered."),
    family("kube_cronjob_status_last_successful_time", "gauge", "LastSuccessfulTime keeps information of when was the last time the job was completed successfully."),
    family("kube_deployment_spec_replicas", "gauge", "Number of desired pods for a deployment."),
    family("kube_deployment_status_replicas_available", "gauge", "The number of available replicas per deployment."),
    family("kube_job_status_failed", "gauge", "The number of pods which reached Phase Failed and the reason for failure."),
    family("kube_pod_container_resource_limits", "gauge", "The number of requested limit resource by a container."),
    family("kube_pod_container_resource_requests", "gauge", "The number of requested request resource by a container."),
    family("kube_pod_container_status_last_terminated_reason", "gauge", "Describes the last reason the container was in terminated state."),
    family("kube_pod_container_status_restarts_total", "counter", "The number of container restarts per container."),
    family("node_filesystem_avail_bytes", "gauge", "Filesystem space available to non-root users in bytes."),
    family("node_filesystem_size_bytes", "gauge", "Filesystem size in bytes."),
    family("pg_settings_max_connections", "gauge", "Server Parameter: max_connections"),
    family("pg_stat_activity_count", "gauge", "number of connections in this state"),
    family("probe_ssl_earliest_cert_expiry", "gauge", "Returns last SSL chain expiry in unixtime"),
    family("redis_keyspace_hits_total", "counter", "keyspace_hits_total metric"),
    family("redis_keyspace_misses_total", "counter", "keyspace_misses_total metric"),
    family("redis_memory_used_bytes", "gauge", "memory_used_bytes metric"),
];

/// The family that a series' name belongs to; a histogram's series have names of their own.
pub fn of(name: &str) -> Option<&'static Family> {
    let by_name = |n: &str| FAMILIES.binary_search_by(|f| f.name.cmp(n)).ok().map(|i| &FAMILIES[i]);
    by_name(name).or_else(|| {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix))?;
        by_name(base).filter(|f| f.kind == "histogram")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found() {
        assert!(FAMILIES.is_sorted_by(|a, b| a.name < b.name));
        assert_eq!(of("http_requests_total").unwrap().kind, "counter");
        assert_eq!(of("http_request_duration_seconds_bucket").unwrap().kind, "histogram");
        assert_eq!(of("http_requests_total_bucket"), None);
        assert_eq!(of("up"), None);
    }
}
