//! CLUSTER NODES: who is a master, and where. One line a node, the same since Redis 3.
//! https://redis.io/docs/latest/commands/cluster-nodes/

/// A cluster has at most 1,000 nodes by Redis' own advice.
const MOST_NODES: usize = 1_000;

/// One node of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub id: String,
    /// As it is announced; empty where the node does not know its own yet.
    pub host: String,
    pub port: u16,
    pub is_master: bool,
    /// The one that was asked.
    pub is_myself: bool,
    /// The others can't reach it.
    pub fails: bool,
    /// Whether it serves any of the 16,384 slots: keys are nowhere else.
    pub has_slots: bool,
}

impl Node {
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// Every line that is one; others are left out.
pub fn nodes(text: &str) -> Vec<Node> {
    text.lines().take(MOST_NODES).filter_map(node).collect()
}

/// `<id> <ip:port@cport[,hostname]> <flags> <master> <ping> <pong> <epoch> <link> <slot>…`
fn node(line: &str) -> Option<Node> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [id, place, flags, _, _, _, _, _, slots @ ..] = fields.as_slice() else { return None };
    let address = place.split([',', '@']).next()?;
    // An IPv6 address has colons of its own.
    let (host, port) = address.rsplit_once(':')?;
    let has = |flag: &str| flags.split(',').any(|f| f == flag);
    Some(Node {
        id: (*id).to_owned(),
        host: host.to_owned(),
        port: port.parse().ok()?,
        is_master: has("master"),
        is_myself: has("myself"),
        fails: has("fail") || has("fail?") || has("noaddr"),
        // A slot on its way is written in brackets.
        has_slots: slots.iter().any(|s| !s.starts_with('[')),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nodes_of_several_versions() {
        let text = "\
07c37df 127.0.0.1:30004@31004,host-4 slave e7d1eec 0 1426238317239 4 connected
67ed2db 10.0.0.2:30002@31002,host-2,tls-port=0 master - 0 1426238316232 2 connected 5461-10922
e7d1eec :30001@31001 myself,master - 0 0 1 connected 0-5460 [93->-67ed2db]
6ec2392 fd00::7:30003 master,fail - 1426238316232 1426238316232 3 disconnected
garbage
x y z";
        let all = nodes(text);
        let masters: Vec<_> = all.iter().filter(|n| n.is_master).map(Node::address).collect();
        assert_eq!(masters, ["10.0.0.2:30002", ":30001", "fd00::7:30003"]);
        assert!(all[2].is_myself && all[2].has_slots && !all[2].fails);
        assert!(all[3].fails && !all[3].has_slots);
    }

    proptest! {
        #[test]
        fn hostile_lines_are_never_a_panic(text in "([a-f0-9@:, .\\[\\]-]|master|\n|\\PC){0,120}") {
            let _ = nodes(&text);
        }
    }
}
