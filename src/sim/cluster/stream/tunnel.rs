//! SPDY in the messages of a WebSocket, which is how newer clients forward ports.

use std::future::Future;

use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex, split};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::websocket::end;

const PIPE_BYTES: usize = 64 * 1024;
const CHUNK_BYTES: usize = 32 * 1024;

/// The bytes inside the messages, and what carries them: it ends when either side does.
pub fn open<S>(socket: WebSocketStream<S>) -> (DuplexStream, impl Future<Output = ()>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (inner, outer) = duplex(PIPE_BYTES);
    let (mut sink, mut source) = socket.split();
    let (mut read, mut write) = split(outer);
    let pump = async move {
        let out = async {
            let mut chunk = vec![0; CHUNK_BYTES];
            while let Ok(n @ 1..) = read.read(&mut chunk).await {
                if sink.send(Message::Binary(chunk[..n].to_vec().into())).await.is_err() {
                    return;
                }
            }
            let _ = sink.send(end()).await;
        };
        let into = async {
            while let Some(Ok(got)) = source.next().await {
                match got {
                    Message::Close(_) => break,
                    Message::Binary(bytes) if write.write_all(&bytes).await.is_err() => break,
                    _ => {}
                }
            }
            let _ = write.shutdown().await;
        };
        tokio::select! {
            () = out => {}
            () = into => {}
        }
    };
    (inner, pump)
}
