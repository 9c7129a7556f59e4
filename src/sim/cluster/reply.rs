//! Responses: JSON, errors as `Status`, and gzip for what is large, as the real API
//! server compresses bodies over 128 KiB when the client asks for it.

use std::io::Write;
use std::time::Duration;

use axum::body::{Body, HttpBody, to_bytes};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::{StreamExt, stream};
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use super::schema;
use super::status::ApiError;

/// `k8s.io/apiserver` compresses from this size on (`defaultGzipThresholdBytes`).
const GZIP_FROM_BYTES: u64 = 128 * 1024;

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

/// The same answer with a `Warning` header for each text.
pub fn warning(mut response: Response, texts: &[String]) -> Response {
    for text in texts {
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
            response.headers_mut().append(header::WARNING, value);
        }
    }
    response
}

/// The same answer with its object changed.
pub async fn edited(response: Response, edit: impl FnOnce(&mut Value)) -> Response {
    if response.body().size_hint().exact().is_none() {
        return response;
    }
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    match serde_json::from_slice::<Value>(&bytes) {
        Ok(mut tree) => {
            edit(&mut tree);
            Response::from_parts(parts, Body::from(tree.to_string()))
        }
        Err(_) => Response::from_parts(parts, Body::from(bytes)),
    }
}

/// Whether protobuf is what the client wants most.
pub fn prefers_protobuf(accept: &str) -> bool {
    accept.split(',').next().is_some_and(|first| first.trim().starts_with(schema::encode::MEDIA))
}

/// The same answer as protobuf, where the client prefers that and the type has it.
pub async fn negotiated(accept: &str, response: Response) -> Response {
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|t| t == "application/json");
    // What is sent piece by piece (a watch, a log) sees to itself.
    if !prefers_protobuf(accept) || !is_json || response.body().size_hint().exact().is_none() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return error(&ApiError::internal("the answer can't be put together"));
    };
    let tree: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    match schema::encode::object(&tree) {
        Some(encoded) => {
            parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(schema::encode::MEDIA));
            Response::from_parts(parts, Body::from(encoded))
        }
        // As for custom resources: JSON, where that is accepted as well.
        None if accept.contains("application/json") || accept.contains("*/*") => {
            Response::from_parts(parts, Body::from(bytes))
        }
        None => error(&ApiError::not_acceptable()),
    }
}

/// The same answer, with a pause in the middle of its body.
pub async fn stalled(response: Response, pause: Duration) -> Response {
    // What has no end has no middle.
    if response.body().size_hint().exact().is_none() {
        return response;
    }
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let rest = bytes.slice(bytes.len() / 2..);
    let first = bytes.slice(..bytes.len() / 2);
    let late = stream::once(async move {
        tokio::time::sleep(pause).await;
        Ok::<_, std::io::Error>(rest)
    });
    let body = Body::from_stream(stream::iter([Ok(first)]).chain(late));
    Response::from_parts(parts, body)
}

/// The same answer, compressed when it is large and the client accepts that.
pub async fn compressed(accept_encoding: &str, response: Response) -> Response {
    let large = response.body().size_hint().exact().is_some_and(|n| n >= GZIP_FROM_BYTES);
    if !large || !accept_encoding.contains("gzip") {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return error(&ApiError::internal("the answer can't be put together"));
    };
    // The API server uses level 1 as well (`defaultGzipContentEncodingLevel`).
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    match encoder.write_all(&bytes).and_then(|()| encoder.finish()) {
        Ok(packed) => {
            parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Response::from_parts(parts, Body::from(packed))
        }
        Err(_) => Response::from_parts(parts, Body::from(bytes)),
    }
}
