//! Flushing a real Redis cluster of three masters: all of them, and what is told when one does not
//! answer.

use midwatch::model::action::{Confirmed, Progress};
use tokio::net::TcpListener;

use crate::bench::Came;
use crate::redis::{about, bench, cache, flush};
use crate::redis_server::{Cut, Server, free_port, installed, way_at};
use crate::support::PATIENCE;

/// Three masters with a third of the slots each; the last is announced at the given port.
async fn three(last: Option<u16>) -> Option<Vec<Server>> {
    installed().then_some(())?;
    let mut servers = Vec::new();
    for i in 0..3 {
        let (port, bus) = (free_port(), free_port().to_string());
        let announced = last.filter(|_| i == 2).unwrap_or(port).to_string();
        let more =
            ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-announce-port", &announced];
        servers.push(Server::start_at(port, &more).await);
        let slots = ["0 5460", "5461 10922", "10923 16383"][i];
        assert_eq!(servers[i].ask(&format!("CLUSTER ADDSLOTSRANGE {slots}")).await, "+OK");
        assert_eq!(servers[i].ask(&format!("CONFIG SET cluster-announce-bus-port {bus}")).await, "+OK");
        if let Some(first) = servers.first().filter(|_| i > 0) {
            let bus = first.ask("CONFIG GET cluster-port").await;
            assert!(bus.starts_with('*'), "{bus}");
            let meet = format!("CLUSTER MEET 127.0.0.1 {} {}", first.port, bus_port(first).await);
            assert_eq!(servers[i].ask(&meet).await, "+OK");
        }
    }
    let deadline = tokio::time::Instant::now() + PATIENCE;
    for server in &servers {
        while !server.ask("CLUSTER INFO").await.contains("cluster_state:ok") {
            assert!(tokio::time::Instant::now() < deadline, "no cluster");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    for server in &servers {
        // Written past the slots: what is flushed is a database, whatever is in it.
        server.ask("DEBUG POPULATE 500 page").await;
    }
    Some(servers)
}

async fn bus_port(server: &Server) -> u16 {
    let nodes = server.ask("CLUSTER NODES").await;
    let myself = nodes.lines().find(|l| l.contains("myself")).unwrap();
    myself.split('@').nth(1).unwrap().split([' ', ',']).next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_master_is_flushed() {
    let Some(servers) = three(None).await else { return };
    let mut bench = bench(cache(&format!("url = '{}'", servers[1].url()))).await;
    let preview = bench.preview(&flush(&[("what", "all")])).await;
    assert_eq!(about(&preview, "role").lines().count(), 3, "{:?}", preview.checks);
    let Came::Over(Progress::Done(words)) = bench.confirm(&preview).await else { panic!("not flushed") };
    assert!(words.starts_with("3 of 3 masters flushed"), "{words}");
    for server in &servers {
        assert_eq!((server.keys().await, server.calls("flushdb").await), (0, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_dies_under_the_dialog_is_shown_anew() {
    let Some(mut servers) = three(None).await else { return };
    let mut bench = bench(cache(&format!("url = '{}'", servers[0].url()))).await;
    let preview = bench.preview(&flush(&[("what", "all")])).await;
    servers[2].kill();
    let Came::Not(Confirmed::Changed(_, anew)) = bench.confirm(&preview).await else { panic!("done") };
    let gone = about(&anew, "left out");
    assert!(gone.contains(&servers[2].port.to_string()) && gone.contains("can't be reached"), "{gone}");
    assert_eq!(servers[0].keys().await, 500, "nothing was done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_is_lost_in_the_middle_is_told_by_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let last = listener.local_addr().unwrap().port();
    let Some(servers) = three(Some(last)).await else { return };
    // It answers the preview and the look before the act, and the act no more.
    way_at(listener, servers[2].port, Cut::After(2)).await;
    let mut bench = bench(cache(&format!("url = '{}'", servers[0].url()))).await;
    let preview = bench.preview(&flush(&[("what", "all")])).await;
    let Came::Over(Progress::Failed(words)) = bench.confirm(&preview).await else { panic!("all flushed") };
    assert!(words.starts_with("2 of 3 masters flushed"), "{words}");
    let part = words.split("; ").find(|p| p.contains(&last.to_string())).unwrap();
    assert!(part.contains("not flushed: it can't be reached"), "{words}");
    assert_eq!([servers[0].keys().await, servers[1].keys().await, servers[2].keys().await], [0, 0, 500]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pattern_is_looked_for_on_every_master() {
    let Some(servers) = three(None).await else { return };
    let mut bench = bench(cache(&format!("url = '{}'", servers[0].url()))).await;
    for (i, server) in servers.iter().enumerate() {
        // A key of its own slots, beside those that are not.
        server.ask("FLUSHDB").await;
        for n in 0..200 {
            server.ask(&format!("SET page:{i}:{n} 1")).await;
        }
        assert!(server.keys().await > 20, "about a third falls to each");
    }
    let progress = bench.act(&flush(&[("what", "pattern"), ("pattern", "page:*")])).await;
    let Progress::Done(words) = progress else { panic!("{progress:?}") };
    assert!(words.starts_with("3 of 3 masters flushed"), "{words}");
    for server in &servers {
        assert_eq!(server.keys().await, 0);
    }
}
