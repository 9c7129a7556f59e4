//! Responses: JSON, errors as `Status`, and gzip for what is large, as the real API
//! server compresses bodies over 128 KiB when the client asks for it.

use std::io::Write;

use axum::body::Body;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use super::status::ApiError;

/// `k8s.io/apiserver` compresses from this size on (`defaultGzipThresholdBytes`).
const GZIP_FROM_BYTES: usize = 128 * 1024;

pub fn json(code: u16, body: String) -> Response {
    with_type(code, "application/json", Body::from(body))
}

pub fn value(code: u16, value: &Value) -> Response {
    json(code, serde_json::to_string(value).unwrap_or_default())
}

pub fn text(code: u16, body: impl Into<String>) -> Response {
    with_type(code, "text/plain; charset=utf-8", Body::from(body.into()))
}

pub fn with_type(code: u16, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

pub fn error(error: &ApiError) -> Response {
    let mut response = value(error.code, &error.to_value());
    if let Some(seconds) = error.retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// JSON, compressed when it is large and the client accepts that.
pub fn large(accept_encoding: &str, body: String) -> Response {
    if body.len() < GZIP_FROM_BYTES || !accept_encoding.contains("gzip") {
        return json(200, body);
    }
    // The API server uses level 1 as well (`defaultGzipContentEncodingLevel`).
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    match encoder.write_all(body.as_bytes()).and_then(|()| encoder.finish()) {
        Ok(bytes) => {
            let mut response = with_type(200, "application/json", Body::from(bytes));
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response
        }
        Err(_) => json(200, body),
    }
}
