//! The few files that a runbook looks at, made when they are asked for.

use super::{Container, Output, Role};
use crate::sim::cluster::json::int;
use crate::sim::cluster::kinds::Kind;

/// A directory or a file with its content.
pub enum Node {
    Directory(Vec<String>),
    File(String),
}

fn files(c: &Container) -> Vec<(String, String)> {
    let file = |path: &str, content: String| (path.to_owned(), content);
    let mut all = vec![
        file("/etc/hostname", format!("{}\n", c.run.name)),
        file("/etc/hosts", format!("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n{}\t{}\n", c.run.ip, c.run.name)),
        file("/etc/resolv.conf", format!(
            "search {}.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n",
            c.run.namespace
        )),
        file("/etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"13\"\nID=debian\n".to_owned()),
        file("/proc/1/cmdline", c.main_process().replace(' ', "\0") + "\0"),
        file("/sys/fs/cgroup/memory.current", format!("{:.0}\n", c.run.memory)),
        file("/sys/fs/cgroup/memory.max", format!("{:.0}\n", c.run.memory_limit)),
        file("/sys/fs/cgroup/cpu.max", format!("{:.0} 100000\n", c.run.cpu_limit * 100_000.0)),
        file("/sys/fs/cgroup/cpu.stat", format!(
            "usage_usec {:.0}\nnr_periods {:.0}\nnr_throttled {:.0}\n",
            c.run.cpu_seconds * 1e6, c.run.periods, c.run.throttled_periods
        )),
        file("/var/run/secrets/kubernetes.io/serviceaccount/namespace", c.run.namespace.clone()),
    ];
    match c.role() {
        Role::Cache => {
            all.push(file("/data/dump.rdb", "REDIS0012\u{fffd}\tredis-ver\n".to_owned()));
        }
        Role::Api | Role::Web | Role::Worker => {
            let version = c.image.rsplit(':').next().unwrap_or_default();
            let app = c.app();
            all.push(file("/app/package.json", format!("{{\n  \"name\": \"shop-{app}\",\n  \"version\": \"{version}\",\n  \"main\": \"{app}.js\"\n}}\n")));
            all.push(file(
                &format!("/app/{app}.js"),
                format!("require('./lib/settings').load();\nrequire('./lib/server').start('{app}');\n"),
            ));
            all.push(file(
                "/app/lib/settings.js",
                "exports.load = () => Object.freeze({ ...process.env });\n".to_owned(),
            ));
        }
        Role::Backup => {
            let jobs = c.api.store.page(Kind::Job, Some(&c.run.namespace), None, 500, |_| true);
            for job in jobs.objects.iter().filter(|j| int(&j.tree(), "/status/succeeded") == Some(1)) {
                all.push(file(&format!("/backup/{}.dump", job.name), String::new()));
            }
        }
        _ => {}
    }
    for directory in ["/bin", "/tmp", "/usr", "/dev", "/root", "/home"] {
        all.push(file(&format!("{directory}/"), String::new()));
    }
    all
}

/// Where a container's shell starts.
pub fn home(c: &Container) -> &'static str {
    match c.role() {
        Role::Api | Role::Web | Role::Worker => "/app",
        Role::Cache => "/data",
        _ => "/",
    }
}

/// A path without `.`, `..` and double slashes, seen from a directory.
pub fn absolute(from: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{from}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// What is at a path.
pub fn at(c: &Container, path: &str) -> Option<Node> {
    let all = files(c);
    if let Some((_, content)) = all.iter().find(|(p, _)| p == path && !p.ends_with('/')) {
        return Some(Node::File(content.clone()));
    }
    let prefix = if path == "/" { "/".to_owned() } else { format!("{path}/") };
    let mut names: Vec<String> = Vec::new();
    let mut found = path == "/";
    for (file, _) in &all {
        if let Some(rest) = file.strip_prefix(&prefix) {
            found = true;
            let name = rest.split('/').next().unwrap_or_default();
            if !name.is_empty() && !names.iter().any(|n| n == name) {
                names.push(name.to_owned());
            }
        }
    }
    names.sort();
    found.then_some(Node::Directory(names))
}

fn long(c: &Container, path: &str, name: &str) -> String {
    let node = at(c, path);
    let (kind, size) = match &node {
        Some(Node::File(content)) => ("-rw-r--r-- 1", content.len()),
        _ => ("drwxr-xr-x 2", 4096),
    };
    let at = jiff::Timestamp::from_millisecond(c.run.running_since().unwrap_or_default()).unwrap_or_default();
    let user = c.user().0;
    format!("{kind} {user} {user} {size:>8} {} {name}\n", at.strftime("%b %e %H:%M"))
}

pub fn ls(c: &Container, directory: &str, args: &[String]) -> Output {
    let (options, paths): (Vec<&String>, Vec<&String>) =
        args.iter().partition(|a| a.starts_with('-') && a.len() > 1);
    let detailed = options.iter().any(|o| o.contains('l'));
    let here = ".".to_owned();
    let paths = if paths.is_empty() { vec![&here] } else { paths };
    let mut out = Output::default();
    let many = paths.len() > 1;
    for path in paths {
        let full = absolute(directory, path);
        let line = |full: &str, name: &str| if detailed { long(c, full, name) } else { format!("{name}\n") };
        match at(c, &full) {
            None => {
                out.stderr.extend(format!("ls: cannot access '{path}': No such file or directory\n").bytes());
                out.code = 2;
            }
            Some(Node::File(_)) => out.stdout.extend(line(&full, path).bytes()),
            Some(Node::Directory(names)) => {
                if many {
                    out.stdout.extend(format!("{path}:\n").bytes());
                }
                if detailed {
                    out.stdout.extend(format!("total {}\n", names.len() * 4).bytes());
                }
                names.iter().for_each(|n| out.stdout.extend(line(&format!("{full}/{n}"), n).bytes()));
            }
        }
    }
    out
}

pub fn cat(c: &Container, directory: &str, args: &[String], stdin: &[u8]) -> Output {
    let mut out = Output::default();
    let files: Vec<&String> = args.iter().filter(|a| !a.starts_with('-') || a.len() == 1).collect();
    if files.is_empty() {
        out.stdout.extend_from_slice(stdin);
    }
    for file in files {
        if file == "-" {
            out.stdout.extend_from_slice(stdin);
            continue;
        }
        let problem = match at(c, &absolute(directory, file)) {
            Some(Node::File(content)) => {
                out.stdout.extend(content.bytes());
                continue;
            }
            Some(Node::Directory(_)) => "Is a directory",
            None => "No such file or directory",
        };
        out.stderr.extend(format!("cat: {file}: {problem}\n").bytes());
        out.code = 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_plain() {
        assert_eq!(absolute("/app", "lib/../package.json"), "/app/package.json");
        assert_eq!(absolute("/app", "/etc//hosts"), "/etc/hosts");
        assert_eq!(absolute("/", "../../.."), "/");
    }
}
