//! Connections: from the socket on loopback, or through a port-forward.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::Redis;
use super::request::Parser;
use super::resp::Reply;
use super::session::Session;
use crate::sim::world::cache::MASTER;

/// Connections at once: more than anyone needs, fewer than the machine has descriptors.
const CONNECTIONS: usize = 256;
const READ_BYTES: usize = 64 * 1024;
/// Replies are written when so much has come together.
const WRITE_BYTES: usize = 256 * 1024;
/// How often it is looked whether the server behind a quiet connection has died.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Listens on a free port of 127.0.0.1 as the master.
///
/// # Errors
/// When no socket can be had.
pub async fn listen(redis: Arc<Redis>) -> std::io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(async move {
        // They end with this task.
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = connections.join_next() => continue,
            };
            let Ok((stream, peer)) = accepted else {
                // Out of file descriptors, most likely: some will be closed.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            // One too many is closed at once, as Redis does above `maxclients`.
            if connections.len() < CONNECTIONS {
                let redis = redis.clone();
                connections.spawn(async move { serve(&redis, MASTER, peer.to_string(), stream).await });
            }
        }
    });
    Ok((address, task))
}

/// Serves one client of a pod until either side has enough, or the pod is gone.
pub async fn serve<S>(redis: &Arc<Redis>, pod: &str, peer: String, mut stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(mut session) = Session::new(redis, pod, peer) else { return };
    let mut parser = Parser::default();
    let mut chunk = vec![0; READ_BYTES];
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let read = tokio::select! {
            read = stream.read(&mut chunk) => read,
            _ = look.tick() => {
                if session.alive() { continue } else { return }
            }
        };
        let Ok(n @ 1..) = read else { return };
        if !session.alive() {
            return;
        }
        parser.feed(&chunk[..n]);
        if !answer(&mut session, &mut parser, &mut stream).await {
            return;
        }
    }
}

/// Answers what has come; whether there may be more.
async fn answer<S: AsyncWrite + Unpin>(session: &mut Session, parser: &mut Parser, stream: &mut S) -> bool {
    let mut out = Vec::new();
    let mut going = true;
    while going {
        match parser.next(session.user.is_some()) {
            Ok(Some(args)) => session.answer(&args).write(session.protocol, &mut out),
            Ok(None) => break,
            Err(error) => {
                Reply::Error(error.0).write(session.protocol, &mut out);
                session.over = true;
            }
        }
        going = !session.over;
        if out.len() >= WRITE_BYTES {
            if stream.write_all(&out).await.is_err() {
                return false;
            }
            out.clear();
        }
    }
    stream.write_all(&out).await.is_ok() && stream.flush().await.is_ok() && going
}
