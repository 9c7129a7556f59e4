//! Errors as Kubernetes words them: every refusal is a `Status` object whose reason,
//! code and message clients and people know.

use serde_json::{Map, Value, json};

use super::kinds::Kind;

/// A refusal of the API server.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code} {reason}: {message}")]
pub struct ApiError {
    pub code: u16,
    pub reason: &'static str,
    pub message: String,
    pub details: Option<Value>,
    /// Of the `Status`: a token to go on with.
    pub metadata: Value,
    /// Seconds, for the `Retry-After` header.
    pub retry_after_s: Option<u32>,
}

impl ApiError {
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        let metadata = Value::Object(Map::new());
        Self { code, reason, message: message.into(), details: None, metadata, retry_after_s: None }
    }

    fn about(mut self, kind: Kind, name: &str) -> Self {
        let info = kind.info();
        self.details = Some(json!({"name": name, "group": info.group, "kind": info.plural}));
        self
    }

    pub fn not_found(kind: Kind, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", kind.info().resource()))
            .about(kind, name)
    }

    /// A path that no handler serves.
    pub fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    pub fn already_exists(kind: Kind, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} \"{name}\" already exists", kind.info().resource()))
            .about(kind, name)
    }

    pub fn conflict(kind: Kind, name: &str) -> Self {
        let text = format!(
            "Operation cannot be fulfilled on {} \"{name}\": the object has been modified; \
             please apply your changes to the latest version and try again",
            kind.info().resource()
        );
        Self::new(409, "Conflict", text).about(kind, name)
    }

    pub fn precondition(kind: Kind, name: &str, field: &str, wanted: &str, found: &str) -> Self {
        let text = format!(
            "Operation cannot be fulfilled on {} \"{name}\": the {field} in the precondition ({wanted}) does not \
             match the {field} in record ({found}). The object might have been deleted and then recreated",
            kind.info().resource()
        );
        Self::new(409, "Conflict", text).about(kind, name)
    }

    pub fn invalid(kind: Kind, name: &str, cause: &str) -> Self {
        let info = kind.info();
        let full = if info.group.is_empty() {
            info.kind.to_owned()
        } else {
            format!("{}.{}", info.kind, info.group)
        };
        Self::new(422, "Invalid", format!("{full} \"{name}\" is invalid: {cause}")).about(kind, name)
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub fn method_not_allowed() -> Self {
        Self::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    }

    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    pub fn unsupported_media_type() -> Self {
        Self::new(
            415,
            "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: \
             application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json",
        )
    }

    pub fn not_acceptable() -> Self {
        let text = "only the following media types are accepted: application/json, application/yaml, \
                    application/json;as=Table;g=meta.k8s.io;v=v1";
        Self::new(406, "NotAcceptable", text)
    }

    /// What a watch or a continued list gets when its version has been compacted away.
    pub fn gone(asked: u64, oldest: u64) -> Self {
        Self::new(410, "Expired", format!("too old resource version: {asked} ({oldest})"))
    }

    pub fn too_many_requests(retry_after_s: u32) -> Self {
        let mut error = Self::new(
            429,
            "TooManyRequests",
            "the server has received too many requests and has asked us to try again later",
        );
        error.details = Some(json!({"retryAfterSeconds": retry_after_s}));
        error.retry_after_s = Some(retry_after_s);
        error
    }

    /// A version that is still to come.
    pub fn too_large_version(asked: u64, newest: u64) -> Self {
        let text = format!("Too large resource version: {asked}, current: {newest}");
        let mut error = Self::new(504, "Timeout", text);
        let cause = json!({"reason": "ResourceVersionTooLarge", "message": "Too large resource version"});
        error.details = Some(json!({"causes": [cause], "retryAfterSeconds": 1}));
        error.retry_after_s = Some(1);
        error
    }

    /// A list or a watch asked for wrongly.
    pub fn invalid_options(cause: &str) -> Self {
        Self::new(422, "Invalid", format!("ListOptions.meta.k8s.io \"\" is invalid: {cause}"))
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalError", format!("Internal error occurred: {}", message.into()))
    }

    /// The `Status` object.
    pub fn to_value(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": self.metadata, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if let Some(details) = &self.details {
            status["details"] = details.clone();
        }
        status
    }
}
