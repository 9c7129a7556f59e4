//! `curl`, as far as a runbook needs it: the health endpoints of the shop, and a clear word
//! about everything that is not there.

use super::{Container, Output, Role};
use crate::sim::cluster::proxy::health;

struct Asked {
    url: String,
    silent: bool,
    fail: bool,
    head: bool,
    discard: bool,
    write: String,
}

fn parse(args: &[String]) -> Result<Asked, Output> {
    let mut asked = Asked {
        url: String::new(),
        silent: false,
        fail: false,
        head: false,
        discard: false,
        write: String::new(),
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-o" | "--output" => asked.discard = args.next().is_some_and(|f| f == "/dev/null"),
            "-w" | "--write-out" => asked.write = args.next().cloned().unwrap_or_default(),
            "-m" | "--max-time" | "--connect-timeout" | "-H" | "--header" | "-X" => {
                args.next();
            }
            "--fail" => asked.fail = true,
            "--head" => asked.head = true,
            "--silent" => asked.silent = true,
            long if long.starts_with("--") => {}
            short if short.starts_with('-') && short.len() > 1 => {
                asked.silent |= short.contains('s') && !short.contains('S');
                asked.fail |= short.contains('f');
                asked.head |= short.contains('I');
            }
            url => asked.url = url.to_owned(),
        }
    }
    if asked.url.is_empty() {
        return Err(Output::failed(
            2,
            "curl: no URL specified\ncurl: try 'curl --help' for more information\n",
        ));
    }
    Ok(asked)
}

/// Host, port and path of a URL.
fn split(url: &str) -> (String, u16, String) {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")).unwrap_or(url);
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let default = if url.starts_with("https://") { 443 } else { 80 };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().unwrap_or(0)),
        None => (authority, default),
    };
    (host.to_owned(), port, path.to_owned())
}

/// Which of the shop's services answers at a host and port, seen from a container.
fn service(c: &Container, host: &str, port: u16) -> Result<Option<&'static str>, Output> {
    let own = ["localhost", "127.0.0.1", c.run.ip.as_str(), c.run.name.as_str()].contains(&host);
    if own {
        return Ok(match c.role() {
            Role::Api if c.port() == Some(port) => Some("api"),
            Role::Web if c.port() == Some(port) => Some("web"),
            _ => None,
        });
    }
    let short = host.strip_suffix(".svc.cluster.local").or_else(|| host.strip_suffix(".svc")).unwrap_or(host);
    match (short.strip_suffix(".shop").unwrap_or(short), port) {
        ("api", 80) => Ok(Some("api")),
        ("web", 80) => Ok(Some("web")),
        ("api" | "web", _) => Ok(None),
        _ => Err(Output::failed(6, format!("curl: (6) Could not resolve host: {host}\n"))),
    }
}

pub fn curl(c: &Container, args: &[String]) -> Output {
    let asked = match parse(args) {
        Ok(asked) => asked,
        Err(problem) => return problem,
    };
    let (host, port, path) = split(&asked.url);
    let quiet = |mut out: Output| {
        if asked.silent {
            out.stderr.clear();
        }
        out
    };
    let service = match service(c, &host, port) {
        Ok(Some(service)) => service,
        Ok(None) => {
            let text = format!(
                "curl: (7) Failed to connect to {host} port {port} after 0 ms: Could not connect to server\n"
            );
            return quiet(Output::failed(7, text));
        }
        Err(problem) => return quiet(problem),
    };
    let (code, body) = match path.split('?').next() {
        Some("/health") => {
            let (code, body) = health(&c.api, service);
            (code, body.to_string())
        }
        _ => (404, "404 page not found\n".to_owned()),
    };
    if asked.fail && code >= 400 {
        return quiet(Output::failed(22, format!("curl: (22) The requested URL returned error: {code}\n")));
    }
    let mut text = match (asked.discard, asked.head) {
        (true, _) => String::new(),
        (_, true) => format!(
            "HTTP/1.1 {code} {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            reason(code),
            body.len()
        ),
        _ => body,
    };
    text += &asked.write.replace("%{http_code}", &code.to_string()).replace("\\n", "\n");
    Output::text(text)
}

fn reason(code: u16) -> &'static str {
    match code {
        200 => "OK",
        404 => "Not Found",
        _ => "Service Unavailable",
    }
}
