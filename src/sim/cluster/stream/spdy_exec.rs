//! A command over SPDY: a stream for each of its pipes, and one for how it ended.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use super::exec::{Exec, Process, status, words};
use super::spdy_session::{Outlet, Stream, carry};

/// `streamCreationTimeout` of the kubelet.
const CREATION: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Pipes {
    stdin: Option<Stream>,
    stdout: Option<Outlet>,
    stderr: Option<Outlet>,
    error: Option<Outlet>,
    /// Kept open, and never read: terminals here have no size.
    resize: Option<Stream>,
}

/// Runs a command and carries its input and output.
pub async fn serve<S>(io: S, exec: Exec, version: u8)
where
    S: AsyncRead + AsyncWrite,
{
    carry(io, |streams| run(streams, exec, version)).await;
}

async fn gather(streams: &mut mpsc::Receiver<Stream>, exec: &Exec, version: u8) -> Option<Pipes> {
    let mut pipes = Pipes::default();
    let resizes = exec.tty && version >= 3;
    let wanted = 1 + [exec.stdin, exec.stdout, exec.stderr, resizes].into_iter().filter(|w| *w).count();
    for _ in 0..wanted {
        let stream = streams.recv().await?;
        match stream.header("streamtype") {
            "stdin" => pipes.stdin = Some(stream),
            "stdout" => pipes.stdout = Some(stream.out),
            "stderr" => pipes.stderr = Some(stream.out),
            "error" => pipes.error = Some(stream.out),
            "resize" => pipes.resize = Some(stream),
            _ => return None,
        }
    }
    Some(pipes)
}

async fn run(mut streams: mpsc::Receiver<Stream>, exec: Exec, version: u8) {
    let gathered = tokio::time::timeout(CREATION, gather(&mut streams, &exec, version)).await;
    let Ok(Some(Pipes { stdin, stdout, stderr, error, resize })) = gathered else { return };
    let Process { stdin: pipe, mut out, ended } = exec.start();
    let feed = async move {
        if let (Some(mut stream), Some(pipe)) = (stdin, pipe) {
            while let Some(bytes) = stream.data.recv().await {
                if pipe.send(bytes).await.is_err() {
                    break;
                }
            }
        }
        // The client has closed its end, which ends nothing else; its going ends `streams`.
        std::future::pending::<()>().await;
    };
    let gone = async { while streams.recv().await.is_some() {} };
    let write = async {
        while let Some((second, bytes)) = out.recv().await {
            if let Some(outlet) = if second { &stderr } else { &stdout }
                && !outlet.write(&bytes).await
            {
                return;
            }
        }
        if let (Some(error), Ok(ended)) = (&error, ended.await) {
            let text = if version >= 4 { status(&ended).to_string() } else { words(&ended) };
            error.write(text.as_bytes()).await;
        }
        for outlet in [&stdout, &stderr, &error].into_iter().flatten() {
            outlet.close().await;
        }
    };
    tokio::select! {
        () = write => {}
        () = feed => {}
        () = gone => {}
    }
    drop(resize);
}
