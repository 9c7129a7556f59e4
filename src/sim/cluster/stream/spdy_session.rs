//! A SPDY connection, the server's side: streams as the client opens them, each with what
//! comes in on it and a way to write to it.

use std::collections::HashMap;
use std::io;

use axum::body::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;

use super::headers::{Headers, Reader, Writer};
use super::spdy::{Frame, Head, REFUSED};

/// Streams that a client may have open at once; each forwarded connection takes two.
const STREAMS: usize = 512;
/// Pieces that wait to be read on a stream.
const WAITING: usize = 16;
const PIECE_BYTES: usize = 32 * 1024;

/// A stream that the client has opened.
pub struct Stream {
    pub headers: Headers,
    /// What comes in; ends when the client closes its side.
    pub data: mpsc::Receiver<Bytes>,
    pub out: Outlet,
}

impl Stream {
    /// A header, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).unwrap_or_default()
    }
}

/// The way to write to a stream.
#[derive(Clone)]
pub struct Outlet {
    id: u32,
    frames: mpsc::Sender<Frame>,
}

impl Outlet {
    /// Whether the connection still takes something.
    pub async fn write(&self, bytes: &[u8]) -> bool {
        for piece in bytes.chunks(PIECE_BYTES) {
            let frame = Frame::Data { id: self.id, fin: false, bytes: Bytes::copy_from_slice(piece) };
            if self.frames.send(frame).await.is_err() {
                return false;
            }
        }
        true
    }

    pub async fn close(&self) {
        let _ = self.frames.send(Frame::Data { id: self.id, fin: true, bytes: Bytes::new() }).await;
    }
}

/// Carries a connection while `work` does something with its streams; when that ends, what
/// was written is sent, and the connection is closed.
pub async fn carry<S, F, W>(io: S, work: W)
where
    S: AsyncRead + AsyncWrite,
    F: Future<Output = ()>,
    W: FnOnce(mpsc::Receiver<Stream>) -> F,
{
    let (read, write) = tokio::io::split(io);
    let (opened, streams) = mpsc::channel(WAITING);
    let (frames, outgoing) = mpsc::channel(WAITING);
    let incoming = read_all(read, opened, frames);
    let work = work(streams);
    // The writer ends when nobody is left to write: so the work and the reader must be gone.
    let both = async {
        tokio::pin!(incoming, work);
        tokio::select! {
            () = &mut work => {}
            () = &mut incoming => work.await,
        }
    };
    tokio::join!(both, write_all(write, outgoing));
}

async fn write_all<S: AsyncWrite>(mut io: WriteHalf<S>, mut frames: mpsc::Receiver<Frame>) {
    let Ok(mut headers) = Writer::new() else { return };
    let mut last = 0;
    while let Some(frame) = frames.recv().await {
        let frame = match frame {
            // Replies carry no headers of their own.
            Frame::Reply { id, .. } => match headers.write(&[]) {
                Ok(block) => {
                    last = id;
                    Frame::Reply { id, block: block.into() }
                }
                Err(_) => return,
            },
            frame => frame,
        };
        if io.write_all(&frame.bytes()).await.is_err() || (frames.is_empty() && io.flush().await.is_err()) {
            return;
        }
    }
    let _ = io.write_all(&Frame::GoAway { last }.bytes()).await;
    let _ = io.shutdown().await;
}

async fn next<S: AsyncRead>(io: &mut ReadHalf<S>) -> io::Result<Frame> {
    let mut head = [0; Head::BYTES];
    io.read_exact(&mut head).await?;
    let head = Head::new(head);
    let mut body = vec![0; head.length().map_err(io::Error::other)?];
    io.read_exact(&mut body).await?;
    head.frame(body.into()).map_err(io::Error::other)
}

/// Reads frames until the client has gone or sends what is none.
async fn read_all<S: AsyncRead>(
    mut io: ReadHalf<S>,
    opened: mpsc::Sender<Stream>,
    frames: mpsc::Sender<Frame>,
) {
    let mut reader = Reader::new();
    let mut streams: HashMap<u32, mpsc::Sender<Bytes>> = HashMap::new();
    while let Ok(frame) = next(&mut io).await {
        match frame {
            Frame::Open { id, fin, block } => {
                let Ok(headers) = reader.read(&block) else { return };
                streams.retain(|_, data| !data.is_closed());
                if streams.len() >= STREAMS || streams.contains_key(&id) || id == 0 {
                    let _ = frames.send(Frame::Reset { id, status: REFUSED }).await;
                    continue;
                }
                let (sender, data) = mpsc::channel(WAITING);
                if !fin {
                    streams.insert(id, sender);
                }
                let _ = frames.send(Frame::Reply { id, block: Bytes::new() }).await;
                let out = Outlet { id, frames: frames.clone() };
                if opened.send(Stream { headers, data, out }).await.is_err() {
                    return;
                }
            }
            Frame::Data { id, fin, bytes } => {
                if let Some(data) = streams.get(&id).filter(|_| !bytes.is_empty()) {
                    // Who does not read any more misses nothing.
                    let _ = data.send(bytes).await;
                }
                if fin {
                    streams.remove(&id);
                }
            }
            Frame::Headers { id, fin, block } => {
                // The compression goes on through all blocks, also those that nobody needs.
                if reader.read(&block).is_err() {
                    return;
                }
                if fin {
                    streams.remove(&id);
                }
            }
            Frame::Reset { id, .. } => {
                streams.remove(&id);
            }
            Frame::Ping(id) if id % 2 == 1 => {
                let _ = frames.send(Frame::Ping(id)).await;
            }
            Frame::GoAway { .. } => return,
            Frame::Ping(_) | Frame::Reply { .. } | Frame::Other => {}
        }
    }
}
