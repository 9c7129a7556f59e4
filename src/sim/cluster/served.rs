//! What the API server counts of the requests it has answered, as `apiserver_request_total`.

use std::collections::BTreeMap;
use std::sync::Mutex;

use http::{Method, Uri};
use percent_encoding::percent_decode_str;

use super::request::{Target, parse_query};

/// What is counted together: every field is one of a fixed few, whatever is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    pub verb: &'static str,
    pub group: &'static str,
    pub version: &'static str,
    pub resource: &'static str,
    pub subresource: &'static str,
    pub scope: &'static str,
    pub code: u16,
}

/// The counters.
#[derive(Default)]
pub struct Served(Mutex<BTreeMap<Call, u64>>);

impl Served {
    pub fn count(&self, call: Call) {
        let mut all = self.0.lock().unwrap_or_else(|e| e.into_inner());
        *all.entry(call).or_default() += 1;
    }

    pub fn all(&self) -> Vec<(Call, u64)> {
        self.0.lock().unwrap_or_else(|e| e.into_inner()).iter().map(|(call, n)| (call.clone(), *n)).collect()
    }
}

impl Call {
    /// What a request is, before it has its answer.
    pub fn of(method: &Method, uri: &Uri) -> Self {
        let target = Target::parse(&percent_decode_str(uri.path()).decode_utf8_lossy());
        let Some(Target { kind, namespace, name, subresource, .. }) = target else {
            let verb = match *method {
                Method::GET => "GET",
                Method::POST => "POST",
                _ => "other",
            };
            return Self { verb, group: "", version: "", resource: "", subresource: "", scope: "", code: 0 };
        };
        let info = kind.info();
        let scope = match (name.is_empty(), namespace.is_empty()) {
            (false, _) => "resource",
            (true, false) => "namespace",
            (true, true) => "cluster",
        };
        let subresource = info.subresources.iter().find(|s| **s == subresource).copied().unwrap_or_default();
        let query = parse_query(uri.query().unwrap_or_default());
        let watched = query.get("watch").is_some_and(|w| w == "true" || w == "1");
        let verb = match *method {
            // The API server counts what goes on for long as CONNECT.
            _ if matches!(subresource, "proxy" | "exec" | "portforward" | "attach") => "CONNECT",
            Method::GET if watched => "WATCH",
            Method::GET if name.is_empty() => "LIST",
            Method::GET => "GET",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE if name.is_empty() => "DELETECOLLECTION",
            Method::DELETE => "DELETE",
            _ => "other",
        };
        let (group, version, resource) = (info.group, info.version, info.plural);
        Self { verb, group, version, resource, subresource, scope, code: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_what_they_are() {
        let call = |method: &str, uri: &str| {
            let call = Call::of(&method.parse().unwrap(), &uri.parse().unwrap());
            (call.verb, call.resource, call.subresource, call.scope)
        };
        assert_eq!(call("GET", "/api/v1/pods?limit=1"), ("LIST", "pods", "", "cluster"));
        assert_eq!(call("GET", "/api/v1/namespaces/a/pods?watch=1"), ("WATCH", "pods", "", "namespace"));
        assert_eq!(
            call("PUT", "/apis/apps/v1/namespaces/a/deployments/b/scale"),
            ("PUT", "deployments", "scale", "resource")
        );
        assert_eq!(call("GET", "/api/v1/namespaces/a/pods/b/hostile"), ("GET", "pods", "", "resource"));
        assert_eq!(call("BREW", "/version"), ("other", "", "", ""));
    }
}
