//! How Alertmanager refuses a request: its own refusals are JSON strings, those of go-openapi,
//! the framework that it is built on, are objects with a code.

use axum::Json;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

pub enum Refusal {
    Text(StatusCode, String),
    /// go-openapi's code: an HTTP status, or from 600 on a kind of validation, answered as 422.
    Validation(u16, String),
    Empty(StatusCode),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Refusal::Text(status, text) => (status, Json(text)).into_response(),
            Refusal::Validation(code, message) => {
                let status = StatusCode::from_u16(code).ok().filter(|s| s.as_u16() < 600);
                let body = Json(json!({ "code": code, "message": message }));
                (status.unwrap_or(StatusCode::UNPROCESSABLE_ENTITY), body).into_response()
            }
            Refusal::Empty(status) => status.into_response(),
        }
    }
}

/// A body is needed, and only JSON is taken.
///
/// # Errors
/// 422 without a body, 415 for any other type.
pub fn check_body(what: &str, headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
    if body.is_empty() {
        return Err(Refusal::Validation(602, format!("{what} in body is required")));
    }
    let given = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let kind = given.and_then(|v| v.split(';').next()).unwrap_or("application/octet-stream").trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let why = format!("unsupported media type {kind:?}, only [application/json] are allowed");
    Err(Refusal::Validation(415, why))
}

/// What could not be read of a body.
pub fn unreadable(what: &str, why: impl std::fmt::Display) -> Refusal {
    Refusal::Validation(400, format!("parsing {what} body from \"\" failed, because {why}"))
}

/// The answer to a method that a path does not have.
pub async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    let allowed = match uri.path() {
        "/api/v2/alerts" | "/api/v2/silences" => "GET,POST",
        path if path.starts_with("/api/v2/silence/") => "GET,DELETE",
        _ => "GET",
    };
    Refusal::Validation(405, format!("method {method} is not allowed, but [{allowed}] are"))
}

/// The answer to a path that there is not.
pub async fn wrong_path(uri: Uri) -> Response {
    let path = uri.path();
    if path.starts_with("/api/v2/") {
        return Refusal::Validation(404, format!("path {path} was not found")).into_response();
    }
    (StatusCode::NOT_FOUND, "404 page not found\n").into_response()
}
