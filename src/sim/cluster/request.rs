//! A request, taken apart: which kind, namespace, name and subresource its path means,
//! which verb it is, and what its query asks for.

use std::collections::HashMap;
use std::sync::Mutex;

use axum::body::Bytes;
use http::{HeaderMap, Method};
use hyper::upgrade::OnUpgrade;

use super::kinds::Kind;
use super::status::ApiError;

/// What a path under `/api/v1` or `/apis/GROUP/VERSION` names.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub kind: Kind,
    /// Empty for cluster-scoped kinds and for lists over all namespaces.
    pub namespace: String,
    pub name: String,
    pub subresource: String,
    /// What follows the subresource: the path given to a service proxy.
    pub rest: String,
}

impl Target {
    /// Reads a decoded path; `None` when it is not that of an object or a collection.
    pub fn parse(path: &str) -> Option<Target> {
        let mut parts = path.trim_start_matches('/').split('/');
        let (group, version) = match parts.next()? {
            "api" => ("", parts.next()?),
            "apis" => (parts.next()?, parts.next()?),
            _ => return None,
        };
        let parts: Vec<&str> = parts.collect();
        let at = |i: usize| parts.get(i).copied().unwrap_or_default();
        let namespaced =
            at(0) == "namespaces" && parts.len() >= 3 && Kind::at(group, version, at(2)).is_some();
        let from = if namespaced { 2 } else { 0 };
        let kind = Kind::at(group, version, at(from))?;
        if namespaced && !kind.info().namespaced {
            return None;
        }
        Some(Target {
            kind,
            namespace: if namespaced { at(1).to_owned() } else { String::new() },
            name: at(from + 1).to_owned(),
            subresource: at(from + 2).to_owned(),
            rest: parts.get(from + 3..).unwrap_or_default().join("/"),
        })
    }
}

/// A request to the API server, its body read.
pub struct Request {
    pub method: Method,
    /// Percent-decoded.
    pub path: String,
    pub raw_query: String,
    pub query: HashMap<String, String>,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub user: String,
    /// The way to take the connection over, where the client asks for that.
    pub upgrade: Mutex<Option<OnUpgrade>>,
}

impl Request {
    pub fn param(&self, name: &str) -> &str {
        self.query.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The connection, once it is no longer HTTP; given once.
    pub fn take_upgrade(&self) -> Option<OnUpgrade> {
        self.upgrade.lock().unwrap_or_else(|e| e.into_inner()).take()
    }

    pub fn flag(&self, name: &str) -> bool {
        matches!(self.param(name), "true" | "1")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// Whether the client asks for a Table, as kubectl does.
    pub fn wants_table(&self) -> bool {
        self.header("accept").split(',').next().is_some_and(|first| first.contains("as=Table"))
    }

    /// `dryRun=All`.
    ///
    /// # Errors
    /// 400 for any other value.
    pub fn dry_run(&self) -> Result<bool, ApiError> {
        match self.param("dryRun") {
            "" => Ok(false),
            "All" => Ok(true),
            other => Err(ApiError::bad_request(format!("invalid dryRun value \"{other}\""))),
        }
    }

    /// The verb that authorization and audit speak of.
    pub fn verb(&self, target: &Target) -> &'static str {
        let named = !target.name.is_empty();
        match self.method {
            Method::GET | Method::HEAD if named => "get",
            Method::GET | Method::HEAD if self.flag("watch") => "watch",
            Method::GET | Method::HEAD => "list",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if named => "delete",
            Method::DELETE => "deletecollection",
            _ => "",
        }
    }
}

/// The fields of a query or a form, the last of each name.
pub fn parse_query(query: &str) -> HashMap<String, String> {
    form_urlencoded::parse(query.as_bytes()).map(|(k, v)| (k.into_owned(), v.into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str) -> Option<(Kind, String, String, String, String)> {
        Target::parse(path).map(|t| (t.kind, t.namespace, t.name, t.subresource, t.rest))
    }

    #[test]
    fn paths() {
        let s = String::from;
        assert_eq!(target("/api/v1/pods"), Some((Kind::Pod, s(""), s(""), s(""), s(""))));
        assert_eq!(
            target("/api/v1/namespaces/shop"),
            Some((Kind::Namespace, s(""), s("shop"), s(""), s("")))
        );
        assert_eq!(
            target("/api/v1/namespaces/shop/status"),
            Some((Kind::Namespace, s(""), s("shop"), s("status"), s("")))
        );
        assert_eq!(
            target("/apis/apps/v1/namespaces/shop/deployments/api/scale"),
            Some((Kind::Deployment, s("shop"), s("api"), s("scale"), s("")))
        );
        assert_eq!(
            target("/api/v1/namespaces/monitoring/services/http:prometheus:9090/proxy/api/v1/query"),
            Some((Kind::Service, s("monitoring"), s("http:prometheus:9090"), s("proxy"), s("api/v1/query")))
        );
        assert_eq!(target("/apis/apps/v1/namespaces/shop/unknowns"), None);
        assert_eq!(target("/version"), None);
        assert_eq!(target("/apis/apps"), None);
    }
}
