//! A command over a WebSocket: one byte of each message says which channel it is for.

use axum::body::Bytes;
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};

use super::exec::{Exec, Process, status};

/// Clients send pieces of 32 KiB; no message needs to be larger than this.
const MESSAGE_BYTES: usize = 1024 * 1024;

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
/// Of version 5: the next byte names the channel that is closed.
const CLOSE: u8 = 255;

/// Takes a connection over that has agreed to be a WebSocket.
pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(io: S) -> WebSocketStream<S> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES))
        .max_write_buffer_size(4 * MESSAGE_BYTES);
    WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await
}

/// A message for a channel.
pub fn message(channel: u8, bytes: &[u8]) -> Message {
    let mut all = Vec::with_capacity(bytes.len() + 1);
    all.push(channel);
    all.extend_from_slice(bytes);
    Message::Binary(all.into())
}

/// What ends a connection well; some clients take an end without a code for a failure.
pub fn end() -> Message {
    Message::Close(Some(CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() }))
}

/// Runs a command and carries its input and output.
pub async fn exec<S>(socket: WebSocketStream<S>, exec: Exec, version: u8)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sink, source) = socket.split();
    // An empty message on the first channel tells the client that it is connected.
    let first = if exec.stdout {
        STDOUT
    } else if exec.stderr {
        STDERR
    } else {
        ERROR
    };
    if sink.send(message(first, b"")).await.is_err() {
        return;
    }
    let Process { stdin, mut out, ended } = exec.start();
    let write = async {
        while let Some((second, bytes)) = out.recv().await {
            let (channel, wanted) = if second { (STDERR, exec.stderr) } else { (STDOUT, exec.stdout) };
            if wanted && sink.send(message(channel, &bytes)).await.is_err() {
                return;
            }
        }
        if let Ok(ended) = ended.await {
            let _ = sink.send(message(ERROR, status(&ended).to_string().as_bytes())).await;
        }
        let _ = sink.send(end()).await;
    };
    tokio::select! {
        () = write => {}
        () = read(source, stdin, version) => {}
    }
}

/// Ends when the client has gone.
async fn read<S>(mut source: S, mut stdin: Option<mpsc::Sender<Bytes>>, version: u8)
where
    S: StreamExt<Item = Result<Message, tokio_tungstenite::tungstenite::Error>> + Unpin,
{
    while let Some(Ok(got)) = source.next().await {
        let Message::Binary(bytes) = got else {
            if got.is_close() {
                return;
            }
            continue;
        };
        match bytes.split_first() {
            Some((&STDIN, data)) if !data.is_empty() => {
                if let Some(pipe) = &stdin {
                    // A command that does not read is none of the client's concern.
                    let _ = pipe.send(Bytes::copy_from_slice(data)).await;
                }
            }
            Some((&CLOSE, [STDIN, ..])) if version >= 5 => stdin = None,
            // Sizes of the terminal, and what nobody listens to.
            _ => {}
        }
    }
}
