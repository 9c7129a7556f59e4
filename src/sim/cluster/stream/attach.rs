//! `attach`: what a container's own process writes from now on, which is what its log gets.

use std::time::Duration;

use axum::body::Bytes;

use crate::sim::container::{Container, Ended, Io};
use crate::sim::world::logs::Life;

/// How often it is looked for new lines, in simulated time.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Writes the lines as they come; ends with the client or with the container.
pub async fn follow(container: &Container, io: Io) -> Ended {
    let api = &container.api;
    let mut cursor = api.clock.now_ms();
    loop {
        tokio::select! {
            () = tokio::time::sleep(api.clock.real(LOOK_EVERY)) => {}
            () = io.out.closed() => return Ended::Exit(0),
        }
        let now_ms = api.clock.now_ms();
        let lines = {
            let world = api.world();
            let run = world.pod(&container.run.namespace, &container.run.name);
            match run.map(|run| (run, world.life(run, false))) {
                Some((run, Life::Current { from_ms, to_ms })) => {
                    world.log_lines(run, from_ms, to_ms, cursor, now_ms)
                }
                _ => return Ended::Exit(0),
            }
        };
        cursor = now_ms;
        let text: String = lines.into_iter().map(|(_, line)| line + "\n").collect();
        if !text.is_empty() && io.out.send((false, Bytes::from(text))).await.is_err() {
            return Ended::Exit(0);
        }
    }
}
