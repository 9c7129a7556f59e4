//! What stands behind a pipe: head, tail, wc, grep, sort, uniq, xargs.

use super::shell::Shell;
use super::{Container, OUTPUT_BYTES, Output, files, programs};

/// At most so many arguments go to one command, as xargs does by the length of a line.
const XARGS_MOST: usize = 5_000;

/// Options and what is left: `-n 5`, `-n5` and `-5` are the same.
fn number(args: &[String], default: usize) -> (usize, Vec<&String>) {
    let (mut n, mut rest, mut args) = (default, Vec::new(), args.iter());
    while let Some(arg) = args.next() {
        match arg.strip_prefix('-') {
            Some("n" | "c") => n = args.next().and_then(|v| v.parse().ok()).unwrap_or(n),
            Some(value) if !value.is_empty() => {
                n = value.trim_start_matches('n').parse().unwrap_or(n);
            }
            _ => rest.push(arg),
        }
    }
    (n, rest)
}

/// Runs one of the filters over its files or what it is sent.
pub fn filter(c: &Container, directory: &str, args: &[String], stdin: &[u8]) -> Output {
    let name = args.first().map(|a| a.rsplit('/').next().unwrap_or(a)).unwrap_or_default();
    let rest = args.get(1..).unwrap_or_default();
    let mut options: Vec<&String> = rest.iter().filter(|a| a.starts_with('-') && a.len() > 1).collect();
    let mut paths: Vec<&String> = rest.iter().filter(|a| !a.starts_with('-') || a.len() == 1).collect();
    let mut count = 10;
    let mut pattern = String::new();
    match name {
        "head" | "tail" => {
            (count, paths) = number(rest, 10);
            options.clear();
        }
        "grep" if paths.is_empty() => {
            return Output::failed(2, "Usage: grep [OPTION]... PATTERNS [FILE]...\n");
        }
        "grep" => pattern = paths.remove(0).clone(),
        _ => {}
    }
    let paths: Vec<String> = paths.into_iter().cloned().collect();
    let read = files::cat(c, directory, &paths, stdin);
    let text = String::from_utf8_lossy(&read.stdout).into_owned();
    let has = |letter: char| options.iter().any(|o| o.contains(letter));
    let mut out = match name {
        "head" => join(text.lines().take(count)),
        "tail" => {
            let all: Vec<&str> = text.lines().collect();
            join(all[all.len().saturating_sub(count)..].iter().copied())
        }
        "wc" => Output::text(wc(&text, &has)),
        "grep" => grep(&text, &pattern, &has),
        "sort" => sort(&text, &has),
        _ => uniq(&text, has('c')),
    };
    out.stderr.extend(String::from_utf8_lossy(&read.stderr).replacen("cat:", &format!("{name}:"), 1).bytes());
    out.code = out.code.max(read.code);
    out
}

fn join<'a>(lines: impl Iterator<Item = &'a str>) -> Output {
    Output::text(lines.map(|l| format!("{l}\n")).collect::<String>())
}

fn wc(text: &str, has: &dyn Fn(char) -> bool) -> String {
    let (lines, words) = (text.matches('\n').count(), text.split_whitespace().count());
    match (has('l'), has('w'), has('c')) {
        (true, ..) => format!("{lines}\n"),
        (_, true, _) => format!("{words}\n"),
        (_, _, true) => format!("{}\n", text.len()),
        _ => format!("{lines:>7} {words:>7} {:>7}\n", text.len()),
    }
}

fn grep(text: &str, pattern: &str, has: &dyn Fn(char) -> bool) -> Output {
    let pattern = if has('F') { regex::escape(pattern) } else { pattern.to_owned() };
    let built = regex::RegexBuilder::new(&pattern).case_insensitive(has('i')).size_limit(1 << 20).build();
    let Ok(regex) = built else {
        return Output::failed(2, format!("grep: {pattern}: Invalid regular expression\n"));
    };
    let found: Vec<&str> = text.lines().filter(|line| regex.is_match(line) != has('v')).collect();
    let code = i32::from(found.is_empty());
    let out = match (has('q'), has('c')) {
        (true, _) => Output::default(),
        (_, true) => Output::text(format!("{}\n", found.len())),
        _ => join(found.into_iter()),
    };
    Output { code, ..out }
}

fn sort(text: &str, has: &dyn Fn(char) -> bool) -> Output {
    let mut lines: Vec<&str> = text.lines().collect();
    if has('n') {
        let value = |l: &str| -> f64 {
            let digits: String =
                l.trim_start().chars().take_while(|c| c.is_ascii_digit() || "-.".contains(*c)).collect();
            digits.parse().unwrap_or(0.0)
        };
        lines.sort_by(|a, b| value(a).total_cmp(&value(b)));
    } else {
        lines.sort_unstable();
    }
    if has('r') {
        lines.reverse();
    }
    if has('u') {
        lines.dedup();
    }
    join(lines.into_iter())
}

fn uniq(text: &str, counted: bool) -> Output {
    let mut out: Vec<(usize, &str)> = Vec::new();
    for line in text.lines() {
        match out.last_mut().filter(|(_, last)| *last == line) {
            Some((n, _)) => *n += 1,
            None => out.push((1, line)),
        }
    }
    Output::text(
        out.into_iter()
            .map(|(n, l)| if counted { format!("{n:>7} {l}\n") } else { format!("{l}\n") })
            .collect::<String>(),
    )
}

/// Runs a command with the words that come in, in portions.
pub fn xargs(shell: &mut Shell, args: &[String], stdin: &[u8]) -> Output {
    let (mut most, mut skip_empty, mut at) = (XARGS_MOST, false, 0);
    while let Some(option) = args.get(at).filter(|a| a.starts_with('-')) {
        match option.as_str() {
            "-r" => skip_empty = true,
            "-n" | "-L" => {
                at += 1;
                most = args.get(at).and_then(|n| n.parse().ok()).unwrap_or(most).clamp(1, XARGS_MOST);
            }
            glued => {
                let n = glued.strip_prefix("-n").or_else(|| glued.strip_prefix("-L"));
                most = n.and_then(|n| n.parse().ok()).unwrap_or(most).clamp(1, XARGS_MOST);
            }
        }
        at += 1;
    }
    let command =
        args.get(at..).filter(|c| !c.is_empty()).map_or_else(|| vec!["echo".to_owned()], <[_]>::to_vec);
    if !programs::has(shell.container.role(), &command[0]) {
        return Output::failed(127, format!("xargs: {}: No such file or directory\n", command[0]));
    }
    let text = String::from_utf8_lossy(stdin).into_owned();
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    let mut out = Output::default();
    if words.is_empty() && skip_empty {
        return out;
    }
    let portions: Vec<&[String]> = if words.is_empty() { vec![&[]] } else { words.chunks(most).collect() };
    for portion in portions {
        let whole: Vec<String> = command.iter().chain(portion).cloned().collect();
        let one = programs::start(shell, &whole, b"");
        out.stdout.extend(one.stdout);
        out.stderr.extend(one.stderr);
        if one.code != 0 {
            out.code = 123;
        }
        if out.stdout.len() > OUTPUT_BYTES {
            break;
        }
    }
    out
}
