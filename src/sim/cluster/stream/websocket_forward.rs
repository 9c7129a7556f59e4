//! Ports over a WebSocket, in the old way: two channels for each port, the second for
//! errors, and the port's number first on both.

use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, WriteHalf, split};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::forward::{Forward, Pipe};
use super::websocket::{end, message};

const CHUNK_BYTES: usize = 32 * 1024;

/// Carries what the asked ports say.
pub async fn serve<S>(socket: WebSocketStream<S>, forward: Forward)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sink, source) = socket.split();
    let (out, mut outgoing) = mpsc::channel::<(u8, Vec<u8>)>(16);
    let mut readers = JoinSet::new();
    let mut pipes = Vec::new();
    for (i, port) in forward.ports.iter().enumerate() {
        let channel = 2 * i as u8;
        for channel in [channel, channel + 1] {
            if sink.send(message(channel, &port.to_le_bytes())).await.is_err() {
                return;
            }
        }
        match forward.connect(*port) {
            Ok(pipe) => {
                let (read, write) = split(pipe);
                pipes.push(Some(write));
                let out = out.clone();
                readers.spawn(copy(read, channel, out));
            }
            Err(why) => {
                pipes.push(None);
                let _ = sink.send(message(channel + 1, why.as_bytes())).await;
            }
        }
    }
    drop(out);
    let write = async {
        while let Some((channel, bytes)) = outgoing.recv().await {
            if sink.send(message(channel, &bytes)).await.is_err() {
                return;
            }
        }
        let _ = sink.send(end()).await;
    };
    tokio::select! {
        () = write => {}
        () = read(source, pipes) => {}
    }
}

async fn copy(mut from: impl AsyncRead + Unpin, channel: u8, out: mpsc::Sender<(u8, Vec<u8>)>) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(n @ 1..) = from.read(&mut chunk).await {
        if out.send((channel, chunk[..n].to_vec())).await.is_err() {
            return;
        }
    }
}

async fn read<S>(mut source: S, mut pipes: Vec<Option<WriteHalf<Pipe>>>)
where
    S: StreamExt<Item = Result<Message, tokio_tungstenite::tungstenite::Error>> + Unpin,
{
    while let Some(Ok(got)) = source.next().await {
        match &got {
            Message::Close(_) => return,
            Message::Binary(bytes) => {
                let Some((channel, data)) = bytes.split_first() else { continue };
                let pipe = pipes.get_mut(usize::from(*channel / 2)).filter(|_| channel % 2 == 0);
                if let Some(pipe) = pipe.and_then(Option::as_mut) {
                    let _ = pipe.write_all(data).await;
                }
            }
            _ => {}
        }
    }
}
