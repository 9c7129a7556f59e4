//! `/_sim/…`: what a real cluster does not have: faults, time, and the flush of a cache.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::auth::ADMIN;
use super::http::Api;
use super::reply;
use super::request::Request;
use super::status::ApiError;
use crate::sim::fault::Fault;

/// At most a day at a time: the world is really played.
const ADVANCE_LIMIT_S: f64 = 86_400.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: f64,
}

/// Answers a control request.
///
/// # Errors
/// 400 for a bad body, 403 for anyone but the first context's user, 404 and 405.
pub async fn answer(api: &Arc<Api>, request: &Request) -> Result<Response, ApiError> {
    if request.user != ADMIN {
        return Err(ApiError::new(
            403,
            "Forbidden",
            "only the first user of the kubeconfig may control the simulation",
        ));
    }
    let bad = |e: serde_json::Error| ApiError::bad_request(format!("{}: {e}", request.path));
    match (request.method.clone(), request.path.as_str()) {
        (Method::GET, "/_sim/fault") => {}
        (Method::POST, "/_sim/fault") => {
            let fault: Fault = serde_json::from_slice(&request.body).map_err(bad)?;
            api.faults.set(fault);
        }
        (Method::POST, "/_sim/advance") => {
            let Advance { seconds } = serde_json::from_slice(&request.body).map_err(bad)?;
            if !(0.0..=ADVANCE_LIMIT_S).contains(&seconds) {
                return Err(ApiError::bad_request(format!(
                    "seconds: {seconds} is not between 0 and {ADVANCE_LIMIT_S}"
                )));
            }
            api.clock.advance(Duration::from_secs_f64(seconds));
            api.catch_up().await;
        }
        (Method::POST, "/_sim/flush") => api.world().flush_cache(),
        (_, "/_sim/fault" | "/_sim/advance" | "/_sim/flush") => return Err(ApiError::method_not_allowed()),
        _ => return Err(ApiError::no_such_path()),
    }
    Ok(reply::value(200, &json!({"now": api.clock.now().to_string(), "fault": api.faults.current()})))
}
