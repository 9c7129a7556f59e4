//! Every instance of a cache asked what it is, before a plan is made: who the masters are, and who
//! did not answer. Reads only.

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt;

use crate::config::CacheKind;
use crate::sources::cache::cluster::Node;
use crate::sources::cache::find::{Cache, Instance};
use crate::sources::cache::inspect::{Inspected, Role, inspect};
use crate::sources::cache::{CacheError, Link, Login, Reach};

/// Asked at the same time; each takes a connection through the API server.
const AT_ONCE: usize = 6;
/// For all that one instance is asked.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was asked, and what it says.
#[derive(Debug)]
pub struct Asked {
    pub instance: Instance,
    pub said: Result<Inspected, CacheError>,
}

/// All that was asked.
#[derive(Debug)]
pub struct Survey {
    pub asked: Vec<Asked>,
    /// Masters of the cluster to which no way is known.
    pub unknown: Vec<String>,
}

impl Survey {
    /// Whom a flush has to go to, in the order of their names.
    pub fn masters(&self) -> Vec<(&Instance, &Inspected)> {
        let all = self.asked.iter().filter_map(|a| Some((&a.instance, a.said.as_ref().ok()?)));
        all.filter(|(_, seen)| seen.role == Role::Master && serves(seen)).collect()
    }

    /// Those that did not answer, and why.
    pub fn silent(&self) -> impl Iterator<Item = (&Instance, &CacheError)> {
        self.asked.iter().filter_map(|a| Some((&a.instance, a.said.as_ref().err()?)))
    }
}

/// A master of a cluster without slots has no keys.
fn serves(seen: &Inspected) -> bool {
    let myself = seen.cluster.iter().flatten().find(|n| n.is_myself);
    myself.is_none_or(|n| n.has_slots)
}

/// Asks every instance, and those masters of a cluster that the instances name.
pub async fn survey(client: &kube::Client, cache: &Cache, login: &Login) -> Survey {
    let mut asked = ask_all(client, cache, login, cache.instances.clone()).await;
    let nodes: Vec<Node> = asked
        .iter()
        .filter_map(|a| a.said.as_ref().ok()?.cluster.clone())
        .find(|nodes| !nodes.is_empty())
        .unwrap_or_default();
    let known: HashSet<String> = asked.iter().filter_map(known_as).collect();
    let (mut more, mut unknown) = (Vec::new(), Vec::new());
    for node in nodes.iter().filter(|n| n.is_master && n.has_slots && !known.contains(&n.id)) {
        match way_to(node, &cache.instances) {
            Some(instance) if !asked.iter().any(|a| a.instance.reach == instance.reach) => {
                more.push(instance)
            }
            // It was asked, and is among those that were silent.
            Some(_) => {}
            None => unknown.push(node.address()),
        }
    }
    asked.extend(ask_all(client, cache, login, more).await);
    asked.sort_by_key(|a| a.instance.reach.to_string());
    Survey { asked, unknown }
}

/// The node that an instance is, by its own word.
fn known_as(asked: &Asked) -> Option<String> {
    let nodes = asked.said.as_ref().ok()?.cluster.as_ref()?;
    nodes.iter().find(|n| n.is_myself).map(|n| n.id.clone())
}

/// A node by its announced address: straight where we come straight, else by the pod's.
fn way_to(node: &Node, instances: &[Instance]) -> Option<Instance> {
    instances.iter().find_map(|instance| match &instance.reach {
        Reach::Tcp { host, tls, ca_file, .. } => {
            let host = if node.host.is_empty() { host.clone() } else { node.host.clone() };
            let reach = Reach::Tcp { host, port: node.port, tls: *tls, ca_file: ca_file.clone() };
            Some(Instance { reach, ..instance.clone() })
        }
        _ if instance.ip != node.host => None,
        Reach::Forward { namespace, pod, .. } => {
            let reach = Reach::Forward { namespace: namespace.clone(), pod: pod.clone(), port: node.port };
            Some(Instance { reach, ..instance.clone() })
        }
        Reach::Exec { .. } => Some(instance.clone()),
    })
}

async fn ask_all(
    client: &kube::Client,
    cache: &Cache,
    login: &Login,
    instances: Vec<Instance>,
) -> Vec<Asked> {
    let asked = instances.into_iter().map(|instance| async move {
        let all = ask(client, cache.kind, &instance.reach, login);
        let said = tokio::time::timeout(PATIENCE, all).await.unwrap_or_else(|_| {
            Err(CacheError::Unreachable(format!("no whole answer within {} s", PATIENCE.as_secs())))
        });
        Asked { instance, said }
    });
    futures::stream::iter(asked).buffered(AT_ONCE).collect().await
}

async fn ask(
    client: &kube::Client,
    kind: CacheKind,
    reach: &Reach,
    login: &Login,
) -> Result<Inspected, CacheError> {
    let mut link = Link::open(client, kind, reach, login).await?;
    inspect(&mut link, kind, login.database).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(ip: &str) -> Instance {
        let reach = Reach::Forward { namespace: "shop".into(), pod: format!("cache-{ip}"), port: 6379 };
        Instance { reach, ip: ip.into(), uid: String::new(), pod_name: String::new() }
    }

    fn node(host: &str, port: u16) -> Node {
        Node {
            id: "1".into(),
            host: host.into(),
            port,
            is_master: true,
            is_myself: false,
            fails: false,
            has_slots: true,
        }
    }

    #[test]
    fn a_node_is_reached_as_the_instance_that_named_it() {
        let url = Reach::Tcp { host: "cache.example.com".into(), port: 6379, tls: true, ca_file: None };
        let direct = Instance { reach: url, ..pod("") };
        let way = way_to(&node("10.0.0.9", 7001), std::slice::from_ref(&direct)).unwrap();
        assert_eq!(way.reach.to_string(), "10.0.0.9:7001");
        assert!(matches!(way.reach, Reach::Tcp { tls: true, .. }));
        let pods = [pod("10.0.0.1"), pod("10.0.0.2")];
        assert_eq!(way_to(&node("10.0.0.2", 6380), &pods).unwrap().reach.to_string(), "cache-10.0.0.2:6380");
        assert_eq!(way_to(&node("192.168.0.1", 6379), &pods), None, "no pod of ours");
    }
}
