//! `pods/log`: follow, previous, tail, since, timestamps.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures::stream;

use super::http::Api;
use super::json::parse_time;
use super::kinds::Kind;
use super::reply;
use super::request::{Request, Target};
use super::status::ApiError;
use crate::sim::world::World;
use crate::sim::world::logs::{Life, Line, stamped};
use crate::sim::world::pod::PodRun;

/// How often a followed log is looked at for new lines, in simulated time.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

/// What is asked of a log.
#[derive(Clone)]
struct Wanted {
    namespace: String,
    name: String,
    previous: bool,
    timestamps: bool,
}

/// Answers a log.
///
/// # Errors
/// 404 without such a pod, 400 for a container that does not exist, has not started, or
/// has no previous life.
pub fn log(api: &Arc<Api>, request: &Request, target: &Target) -> Result<Response, ApiError> {
    let now_ms = api.clock.now_ms();
    let wanted = Wanted {
        namespace: target.namespace.clone(),
        name: target.name.clone(),
        previous: request.flag("previous"),
        timestamps: request.flag("timestamps"),
    };
    let mut since = i64::MIN / 2;
    if let Ok(seconds) = request.param("sinceSeconds").parse::<i64>() {
        since = now_ms.saturating_sub(seconds.saturating_mul(1_000));
    }
    if let Some(at) = parse_time(request.param("sinceTime")) {
        since = at;
    }
    let tail = request.param("tailLines").parse::<usize>().ok();
    let limit = request.param("limitBytes").parse::<usize>().ok();
    let world = api.world();
    let run = find(api, &world, target)?;
    check_container(&run, request.param("container"))?;
    let (mut lines, ended) = read(&world, &run, &wanted, since, now_ms)?;
    drop(world);
    if let Some(tail) = tail {
        lines.drain(..lines.len().saturating_sub(tail));
    }
    let mut first = render(&lines, wanted.timestamps);
    if let Some(limit) = limit {
        let cut = (0..=limit.min(first.len())).rev().find(|i| first.is_char_boundary(*i)).unwrap_or(0);
        first.truncate(cut);
    }
    if !request.flag("follow") || ended {
        return Ok(reply::text(200, first));
    }
    Ok(follow(api.clone(), wanted, first, now_ms))
}

/// The pod as its kubelet sees it; one of the quiet ones is looked at afresh.
pub(super) fn find(api: &Api, world: &World, target: &Target) -> Result<PodRun, ApiError> {
    if let Some(run) = world.pod(&target.namespace, &target.name) {
        return Ok(run.clone());
    }
    let object = api.store.get(Kind::Pod, &target.namespace, &target.name);
    let object = object.ok_or_else(|| ApiError::not_found(Kind::Pod, &target.name))?;
    Ok(PodRun::quiet(&object.tree(), api.clock.now_ms()))
}

fn check_container(run: &PodRun, asked: &str) -> Result<(), ApiError> {
    if asked.is_empty() || run.containers.iter().any(|(name, _)| name == asked) {
        return Ok(());
    }
    Err(ApiError::bad_request(format!("container {asked} is not valid for pod {}", run.name)))
}

/// The lines after `since`, and whether there will be no more.
fn read(
    world: &World,
    run: &PodRun,
    wanted: &Wanted,
    since: i64,
    now_ms: i64,
) -> Result<(Vec<Line>, bool), ApiError> {
    let container = run.containers.first().map(|c| c.0.as_str()).unwrap_or_default();
    match world.life(run, wanted.previous) {
        Life::Current { from_ms, to_ms } => {
            let ended = to_ms <= now_ms;
            Ok((world.log_lines(run, from_ms, to_ms, since, now_ms), ended))
        }
        Life::None => Err(ApiError::bad_request(format!(
            "previous terminated container \"{container}\" in pod \"{}\" not found",
            run.name
        ))),
        Life::Waiting => Err(ApiError::bad_request(format!(
            "container \"{container}\" in pod \"{}\" is waiting to start: ContainerCreating",
            run.name
        ))),
    }
}

fn render(lines: &[Line], timestamps: bool) -> String {
    let mut out = String::new();
    for line in lines {
        out.push_str(&if timestamps { stamped(line) } else { line.1.clone() });
        out.push('\n');
    }
    out
}

fn follow(api: Arc<Api>, wanted: Wanted, first: String, from_ms: i64) -> Response {
    let state = (api, wanted, Some(first), from_ms, false);
    let body = stream::unfold(state, |(api, wanted, first, mut cursor, mut ended)| async move {
        if let Some(first) = first {
            return Some((Ok::<_, std::io::Error>(Bytes::from(first)), (api, wanted, None, cursor, ended)));
        }
        while !ended {
            tokio::time::sleep(api.clock.real(FOLLOW_EVERY)).await;
            if api.faults.current().down {
                let cut = std::io::ErrorKind::ConnectionReset.into();
                return Some((Err(cut), (api, wanted, None, cursor, true)));
            }
            let now_ms = api.clock.now_ms();
            let lines = {
                let world = api.world();
                let run = world.pod(&wanted.namespace, &wanted.name).cloned();
                let read = run.map(|run| read(&world, &run, &wanted, cursor, now_ms));
                let (lines, over) = read.and_then(Result::ok).unwrap_or((Vec::new(), true));
                ended = over;
                lines
            };
            cursor = now_ms;
            if !lines.is_empty() {
                let text = render(&lines, wanted.timestamps);
                return Some((Ok(Bytes::from(text)), (api, wanted, None, cursor, ended)));
            }
        }
        None
    });
    reply::with_type(200, "text/plain; charset=utf-8", Body::from_stream(body))
}
