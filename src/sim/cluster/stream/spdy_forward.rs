//! Ports over SPDY: two streams for each connection, of which the second tells why there is
//! none.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::forward::{Forward, Pipe};
use super::spdy_session::{Stream, carry};

const CHUNK_BYTES: usize = 32 * 1024;
/// First halves that wait for their second.
const HALVES: usize = 64;

/// Carries connections as the client opens them.
pub async fn serve<S>(io: S, forward: Forward)
where
    S: AsyncRead + AsyncWrite,
{
    carry(io, |streams| run(streams, Arc::new(forward))).await;
}

async fn run(mut streams: mpsc::Receiver<Stream>, forward: Arc<Forward>) {
    let mut halves: HashMap<String, Stream> = HashMap::new();
    // They end with this connection.
    let mut connections = JoinSet::new();
    while let Some(stream) = streams.recv().await {
        while connections.try_join_next().is_some() {}
        let id = format!("{}/{}", stream.header("port"), stream.header("requestid"));
        match halves.remove(&id) {
            Some(other) if other.header("streamtype") != stream.header("streamtype") => {
                let (error, data) =
                    if stream.header("streamtype") == "error" { (stream, other) } else { (other, stream) };
                connections.spawn(connect(forward.clone(), error, data));
            }
            _ if halves.len() < HALVES => {
                halves.insert(id, stream);
            }
            _ => return,
        }
    }
}

async fn connect(forward: Arc<Forward>, error: Stream, data: Stream) {
    let port = data.header("port").parse().unwrap_or(0);
    match forward.connect(port) {
        Ok(pipe) => copy(pipe, data).await,
        Err(why) => {
            error.out.write(why.as_bytes()).await;
            data.out.close().await;
        }
    }
    error.out.close().await;
}

/// Both ways, until the pod has said everything.
async fn copy(pipe: Pipe, mut stream: Stream) {
    let (mut read, mut write) = split(pipe);
    let out = stream.out.clone();
    let into = async move {
        while let Some(bytes) = stream.data.recv().await {
            if write.write_all(&bytes).await.is_err() {
                break;
            }
        }
        let _ = write.shutdown().await;
    };
    let back = async move {
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Ok(n @ 1..) = read.read(&mut chunk).await {
            if !out.write(&chunk[..n]).await {
                return;
            }
        }
        out.close().await;
    };
    tokio::pin!(into, back);
    tokio::select! {
        () = &mut back => {}
        () = &mut into => back.await,
    }
}
