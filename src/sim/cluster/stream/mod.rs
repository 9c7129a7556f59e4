//! `exec` and `portforward`: requests that turn into streams, over WebSocket or SPDY,
//! whichever the client speaks.

mod attach;
mod exec;
mod forward;
mod headers;
mod negotiate;
mod spdy;
mod spdy_exec;
mod spdy_forward;
mod spdy_session;
#[cfg(test)]
mod tests;
mod tunnel;
mod websocket;
mod websocket_forward;

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use hyper_util::rt::TokioIo;

use self::exec::Exec;
use self::forward::Forward;
use self::negotiate::{Agreed, Transport};
use super::auth::attributes;
use super::http::Api;
use super::kinds::Kind;
use super::reply;
use super::request::{Request, Target};
use super::status::ApiError;

/// `streamingConnectionIdleTimeout` of the kubelet.
const LONGEST: Duration = Duration::from_secs(4 * 3_600);

/// Why there will be no stream.
pub enum Refusal {
    /// The API server's own.
    Api(ApiError),
    /// The kubelet's, which the API server passes on as it is.
    Kubelet(u16, String),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

/// What the stream is for.
enum Work {
    Exec(Exec),
    Forward(Box<Forward>),
}

/// Answers a request for a stream of a pod.
///
/// # Errors
/// 403 and 404 as for any object, 400 for what cannot become a stream.
pub fn answer(api: &Arc<Api>, request: &Request, target: &Target) -> Result<Response, ApiError> {
    match start(api, request, target) {
        Ok(response) => Ok(response),
        Err(Refusal::Api(error)) => Err(error),
        Err(Refusal::Kubelet(code, text)) => Ok(reply::text(code, text + "\n")),
    }
}

fn start(api: &Arc<Api>, request: &Request, target: &Target) -> Result<Response, Refusal> {
    let websocket = request.header("upgrade").eq_ignore_ascii_case("websocket");
    if websocket {
        // Since 1.35 what opens a stream by GET needs the right to create it as well.
        let asked = attributes("create", target.kind, &target.namespace, &target.name, &target.subresource);
        api.auth.check(&request.user, &asked)?;
    }
    let pod = api.store.get(Kind::Pod, &target.namespace, &target.name);
    let pod = pod.ok_or_else(|| ApiError::not_found(Kind::Pod, &target.name))?.tree();
    let work = match target.subresource.as_str() {
        "portforward" => Work::Forward(Box::new(Forward::of(api, request, target, &pod)?)),
        kind => Work::Exec(Exec::of(api, request, target, &pod, kind == "attach")?),
    };
    let forwards = matches!(work, Work::Forward(_));
    let agreed = negotiate::agree(request, forwards)?;
    let upgrade = request.take_upgrade().ok_or_else(negotiate::no_upgrade)?;
    let response = agreed.response(request);
    let api = api.clone();
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        tokio::select! {
            () = serve(TokioIo::new(upgraded), agreed, work) => {}
            () = cut(&api) => {}
        }
    });
    Ok(response)
}

async fn serve<S>(io: S, agreed: Agreed, work: Work)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    match (agreed.transport, work) {
        (Transport::WebSocket, Work::Exec(exec)) => {
            websocket::exec(websocket::accept(io).await, exec, agreed.version).await;
        }
        (Transport::WebSocket, Work::Forward(forward)) => {
            websocket_forward::serve(websocket::accept(io).await, *forward).await;
        }
        (Transport::Tunnel, Work::Forward(forward)) => {
            let (inner, pump) = tunnel::open(websocket::accept(io).await);
            tokio::join!(spdy_forward::serve(inner, *forward), pump);
        }
        (Transport::Spdy | Transport::Tunnel, Work::Exec(exec)) => {
            spdy_exec::serve(io, exec, agreed.version).await
        }
        (Transport::Spdy, Work::Forward(forward)) => spdy_forward::serve(io, *forward).await,
    }
}

/// Ends when the fault in force ends streams.
async fn cut(api: &Api) {
    let mut fault = api.faults.subscribe();
    let end = tokio::time::sleep(api.faults.watch_lifetime(LONGEST));
    let down = async {
        while !fault.borrow_and_update().down {
            if fault.changed().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = end => {}
        () = down => {}
    }
}
