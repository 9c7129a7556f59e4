//! curl and wget: whether a request only asks, and whether its answer is only shown.

use super::programs::{options, wild};
use super::risk::{Arg, Told};

/// curl's flags that only ask or show, and have no value.
const FLAGS: &str = "sSfLkviI46NgG#";
const LONG: &str = "--silent --show-error --fail --fail-with-body --location --insecure --verbose --include \
    --head --compressed --http1.1 --http2 --no-progress-meter --ipv4 --globoff";
const WITH_VALUE: &str = "-H -u -m -A -e -b -x -w --header --user --max-time --connect-timeout --retry \
    --retry-delay --cacert --cert --key --resolve --user-agent --write-out --url";

fn is_one_of(option: &str, list: &str) -> bool {
    list.split(' ').any(|known| known == option)
}

/// A request without a body, with a method that asks, whose answer is shown.
pub fn curl(args: &[Arg]) -> Told {
    let mut rest = args.iter();
    // What may be several arguments may be options, and as a value, too.
    let mut told = if wild(args) { Told::Unknown } else { Told::Read };
    while let Some(arg) = rest.next() {
        let (option, attached) = match arg.text.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value.to_owned())),
            _ if arg.text.starts_with("-X") && arg.text.len() > 2 => {
                ("-X", arg.text.get(2..).map(str::to_owned))
            }
            _ => (arg.text.as_str(), None),
        };
        let mut value = || attached.clone().or_else(|| rest.next().map(|a| a.text.clone()));
        told = told.max(match option {
            "-X" | "--request" => match value().as_deref() {
                Some("GET" | "HEAD" | "OPTIONS") => Told::Read,
                Some("DELETE") => return Told::Destroy,
                _ => Told::Change,
            },
            "-d" | "-F" | "-T" | "--data" | "--data-raw" | "--data-binary" | "--data-urlencode"
            | "--json" | "--form" | "--upload-file" => {
                value();
                Told::Change
            }
            "-o" | "--output" => match value().as_deref() {
                Some("/dev/null" | "-") => Told::Read,
                _ => Told::Unknown,
            },
            _ if is_one_of(option, WITH_VALUE) => {
                let value = value().unwrap_or_default();
                // curl writes files that a format names.
                let is_writing = matches!(option, "-w" | "--write-out")
                    && (value.contains("output{") || value.contains(['\0', '@']));
                if is_writing || (option == "--url" && !is_http(&value)) { Told::Unknown } else { Told::Read }
            }
            _ if is_one_of(option, LONG) => Told::Read,
            _ if option.starts_with("--") => Told::Unknown,
            _ if option.starts_with('-') => match option.strip_prefix('-') {
                Some(flags) if !flags.is_empty() && flags.chars().all(|c| FLAGS.contains(c)) => Told::Read,
                Some(flags) => cluster(flags, FLAGS, &mut value),
                None => Told::Unknown,
            },
            _ if is_http(option) => Told::Read,
            _ => Told::Unknown,
        });
    }
    told
}

/// Several flags in one, of which the last has a value: `-sSo /dev/null`, `-sw '%{http_code}'`.
fn cluster(flags: &str, known: &str, value: &mut dyn FnMut() -> Option<String>) -> Told {
    let mut flags = flags.chars();
    let last = flags.next_back();
    if !flags.all(|c| known.contains(c)) {
        return Told::Unknown;
    }
    let value = value().unwrap_or_default();
    match last {
        Some('o') if matches!(value.as_str(), "/dev/null" | "-") => Told::Read,
        Some('w') if !value.contains("output{") && !value.contains(['\0', '@']) => Told::Read,
        Some('H' | 'u' | 'm') => Told::Read,
        Some('X') if matches!(value.as_str(), "GET" | "HEAD") => Told::Read,
        Some('X') => Told::Change,
        _ => Told::Unknown,
    }
}

/// Other schemes (gopher, telnet, smtp) send what they are told to.
fn is_http(url: &str) -> bool {
    let (scheme, _) = url.split_once("://").unwrap_or(("http", ""));
    let is_known_host = url.contains("://") || !url.starts_with('\0');
    matches!(scheme, "http" | "https") && is_known_host
}

/// It saves what it gets, unless it is told not to.
pub fn wget(args: &[Arg]) -> Told {
    let known = [
        "-q",
        "-S",
        "-nv",
        "-T",
        "-t",
        "--spider",
        "--timeout",
        "--tries",
        "--server-response",
        "-qO-",
        "-O-",
        "-qO",
        "-O",
        "--no-check-certificate",
        "--header",
    ];
    let shows = args.iter().enumerate().any(|(i, a)| match a.text.as_str() {
        "--spider" | "-qO-" | "-O-" => true,
        "-O" | "-qO" => args.get(i + 1).is_some_and(|a| matches!(a.text.as_str(), "-" | "/dev/null")),
        _ => false,
    });
    let outputs = args.iter().filter(|a| a.text.contains('O') && a.text.starts_with('-')).count();
    if shows && outputs <= 1 { options(args, &[&known[..], &["-"]].concat(), true) } else { Told::Unknown }
}
