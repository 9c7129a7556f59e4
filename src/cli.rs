//! The commands and flags. Help, completions and this file are one.

use std::path::PathBuf;
use std::time::Duration;

use crate::audit::Audit;
use crate::input::Chord;
use clap::{Args, Parser, Subcommand, ValueEnum};

const AFTER: &str = "\
Without a terminal on standard output, midwatch prints a snapshot and says so on standard error.

Exit codes:
  0  fine
  1  findings: something is in a warning or critical state, or the configuration has errors
  2  could not do it: no cluster, no answer in time, bad arguments

Files:
  $XDG_CONFIG_HOME/midwatch/midwatch.toml       what can't be found out (midwatch config init)
  $XDG_CONFIG_HOME/midwatch/runbooks/NAME.md    runbooks over the shipped ones
  $XDG_CONFIG_HOME/midwatch/themes/NAME.toml    themes over the built-in ones
  $XDG_CONFIG_HOME/midwatch/keymaps/NAME.toml   keymaps over the built-in ones";

/// The on-call engineer's cockpit for the terminal: pods, latency, errors and backups, live.
#[derive(Debug, Parser)]
#[command(name = "midwatch", version, after_help = AFTER, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Clone, Debug, Default, Args)]
pub struct Global {
    /// The kubeconfig to read, instead of $KUBECONFIG or ~/.kube/config
    #[arg(long, value_name = "FILE", global = true)]
    pub kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context, instead of the current one
    #[arg(long, value_name = "NAME", global = true)]
    pub context: Option<String>,
    /// The namespace, instead of the context's
    #[arg(short, long, value_name = "NAME", global = true, conflicts_with = "all_namespaces")]
    pub namespace: Option<String>,
    /// All namespaces
    #[arg(short = 'A', long, global = true)]
    pub all_namespaces: bool,
    /// The configuration, instead of $XDG_CONFIG_HOME/midwatch/midwatch.toml
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// dark, light, high-contrast, colorblind-dark, colorblind-light, mono, or one of your own
    #[arg(long, value_name = "NAME", global = true)]
    pub theme: Option<String>,
    /// default, vim, emacs, or one of your own
    #[arg(long, value_name = "NAME", global = true)]
    pub keymap: Option<String>,
    /// Show, change nothing
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Only ASCII characters
    #[arg(long, global = true)]
    pub ascii: bool,
    /// The cockpit, a walk or a review in lines, with typed commands: for screen readers and
    /// terminals that can do nothing
    #[arg(long, global = true)]
    pub plain: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The cockpit on a simulated cluster
    ///
    /// Without a scenario it is calm for half a minute; then a bad deploy arrives.
    Demo {
        /// What goes wrong; see --list
        scenario: Option<String>,
        /// List the scenarios
        #[arg(long)]
        list: bool,
        #[command(flatten)]
        play: Play,
    },
    /// Only the simulated cluster: prints its addresses, runs until stopped
    Sim {
        /// What goes wrong; see midwatch demo --list
        scenario: Option<String>,
        /// Write the kubeconfig here, instead of a temporary file
        #[arg(long, value_name = "FILE")]
        kubeconfig_out: Option<PathBuf>,
        /// Pad the cluster with quiet workloads until it has this many pods
        #[arg(long, value_name = "N")]
        pods: Option<usize>,
        #[command(flatten)]
        play: Play,
    },
    /// One frame, or the model as JSON, to standard output
    Snapshot {
        /// Of a simulated cluster in this scenario
        #[arg(long, value_name = "SCENARIO")]
        demo: Option<String>,
        /// Columns and rows
        #[arg(long, default_value = "120x40", value_parser = size)]
        size: (u16, u16),
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
        /// Only this panel, zoomed
        #[arg(long, value_name = "NAME")]
        panel: Option<String>,
        /// Keys that are pressed before, as keymaps write them, separated by blanks ("b enter")
        #[arg(long, value_name = "KEYS", requires = "demo", value_parser = keys)]
        keys: Option<Keys>,
        /// How long to wait for everything to answer
        #[arg(long, default_value = "20s", value_parser = duration)]
        timeout: Duration,
        #[command(flatten)]
        play: Play,
    },
    /// The morning review: what happened, what is not well, what differs since the last sign-off
    ///
    /// On a terminal it opens the cockpit's review, unless a format or a file is asked for.
    /// Exit codes: 0 all pass, 1 findings, 2 something could not be checked.
    Review(ReviewArgs),
    /// What can be reached, what may be done, what the terminal can do, and what to fix
    Doctor {
        /// Of a simulated cluster in this scenario
        #[arg(long, value_name = "SCENARIO")]
        demo: Option<String>,
    },
    /// The log of what was done: show it, check that it is whole, sign its end
    Audit {
        #[command(subcommand)]
        what: Audit,
    },
    /// Consent to what a guardrail lets nobody do alone
    ///
    /// Without PLAN it lists what waits in the namespace. The plan is read from the cluster; you
    /// type the object's name. Your own plans can't be approved by yourself: who you are is what
    /// the API server says.
    Approve {
        /// The plan's number, as the dialog of who asks for it tells it
        plan: Option<String>,
        /// The object's name, where there is no terminal to type it on
        #[arg(long, value_name = "NAME", requires = "plan")]
        name: Option<String>,
    },
    /// Walk through a runbook: any Markdown file, or one of those that `midwatch runbooks` lists
    ///
    /// Every step is kept as it is done. The same command again goes on where the last walk of this
    /// runbook was left, in the same cluster and namespace; --new begins another.
    Walk(Walk),
    /// The runbooks that are known, and when each was last walked
    Runbooks {
        #[arg(long, value_enum, default_value = "text")]
        format: WalkFormat,
    },
    /// Write, check or show the configuration
    Config {
        #[command(subcommand)]
        action: ConfigAction,
    },
    /// The keys of the keymap, layer by layer
    Keys,
    /// A completion script for SHELL
    Completions { shell: clap_complete::Shell },
}

#[derive(Clone, Debug, Args)]
pub struct Walk {
    /// The runbook: its name, or a file
    #[arg(required_unless_present = "report")]
    pub doc: Option<String>,
    /// Only this section, by the beginning of its title
    #[arg(long, value_name = "TITLE")]
    pub section: Option<String>,
    /// Go on with this walk
    #[arg(long, value_name = "ID", conflicts_with_all = ["new", "section"])]
    pub resume: Option<String>,
    /// Begin anew, whatever was left unfinished
    #[arg(long)]
    pub new: bool,
    /// Only print the steps as they are understood
    #[arg(long, conflicts_with_all = ["resume", "new"])]
    pub list: bool,
    /// Of --list (text or json) and of --report (markdown or json)
    #[arg(long, value_enum, default_value = "text")]
    pub format: WalkFormat,
    /// Print the report of this walk
    #[arg(long, value_name = "ID", conflicts_with_all = ["doc", "list"])]
    pub report: Option<String>,
    /// On a simulated cluster in this scenario
    #[arg(long, value_name = "SCENARIO")]
    pub demo: Option<String>,
    #[command(flatten)]
    pub play: Play,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WalkFormat {
    #[value(alias = "markdown")]
    Text,
    Json,
}

#[derive(Clone, Debug, Args)]
pub struct ReviewArgs {
    /// Of a simulated cluster in this scenario
    #[arg(long, value_name = "SCENARIO")]
    pub demo: Option<String>,
    /// text where there is no terminal
    #[arg(long, value_enum)]
    pub format: Option<crate::review::report::Format>,
    /// Write it to this file, for the owner alone, instead of to standard output
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// How far to look back (90m, 12h, 7d), instead of to the last sign-off
    #[arg(long, value_name = "AGE", value_parser = crate::audit::age)]
    pub since: Option<jiff::SignedDuration>,
    /// The week's list: objectives kept, trends, alert patterns, restore checks
    #[arg(long, group = "period")]
    pub weekly: bool,
    /// The month's list, with drills
    #[arg(long, group = "period")]
    pub monthly: bool,
    /// The quarter's list
    #[arg(long, group = "period")]
    pub quarterly: bool,
    /// Sign it off; every finding that failed needs a note
    #[arg(long)]
    pub sign_off: bool,
    /// What is said of a line: backups='the volume is being enlarged'
    #[arg(long, value_name = "ID=TEXT", value_parser = note, requires = "sign_off")]
    pub note: Vec<(String, String)>,
    /// Why it is signed though something could not be checked
    #[arg(long, value_name = "TEXT", requires = "sign_off")]
    pub reason: Option<String>,
    /// How long to wait for every feed to answer, and then for the review's questions
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub timeout: Duration,
    #[command(flatten)]
    pub play: Play,
}

impl ReviewArgs {
    pub fn kind(&self) -> crate::review::Kind {
        use crate::review::Kind;
        match (self.weekly, self.monthly, self.quarterly) {
            (true, ..) => Kind::Weekly,
            (_, true, _) => Kind::Monthly,
            (.., true) => Kind::Quarterly,
            _ => Kind::Daily,
        }
    }
}

/// How the simulated cluster is played.
#[derive(Clone, Debug, Args)]
pub struct Play {
    /// The same seed gives the same cluster
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Simulated seconds per second
    #[arg(long, default_value_t = 1.0, value_name = "X", value_parser = speed)]
    pub speed: f64,
    /// When it begins, instead of now (2026-11-21T03:12:09Z)
    #[arg(long, value_name = "TIME")]
    pub at: Option<jiff::Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The frame as plain text
    Text,
    /// The frame with colours, as a terminal takes it
    Ansi,
    /// The frame as a picture
    Svg,
    /// What is known, as JSON; the schema is in the README
    Json,
}

#[derive(Debug, Subcommand)]
pub enum ConfigAction {
    /// Print a commented configuration made from what was found in the cluster
    Init {
        /// Write it to the configuration's place, where there is none yet
        #[arg(long)]
        write: bool,
    },
    /// Say what is wrong with the configuration
    Check,
    /// Print the configuration as it is in effect, with where each value comes from
    Show,
}

fn size(text: &str) -> Result<(u16, u16), String> {
    let wrong = || format!("'{text}' is no size; columns x rows, such as 120x40, from 1x1 to 1000x1000");
    let (columns, rows) = text.split_once('x').ok_or_else(wrong)?;
    let part = |t: &str| t.parse().ok().filter(|n| (1..=1000).contains(n)).ok_or_else(wrong);
    Ok((part(columns)?, part(rows)?))
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is no duration; such as 500ms, 20s, 2m");
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(at);
    let n: u64 = digits.parse().map_err(|_| wrong())?;
    match unit {
        "ms" => Ok(Duration::from_millis(n)),
        "s" | "" => Ok(Duration::from_secs(n)),
        "m" => Ok(Duration::from_secs(n.saturating_mul(60))),
        _ => Err(wrong()),
    }
}

/// A note of a review: the line's id, and the text.
fn note(text: &str) -> Result<(String, String), String> {
    let lines = crate::review::lines::LINES;
    let (id, note) = text.split_once('=').ok_or_else(|| format!("'{text}' is no ID=TEXT"))?;
    if lines.iter().any(|l| l.id == id) {
        return Ok((id.to_owned(), note.to_owned()));
    }
    let ids: Vec<&str> = lines.iter().map(|l| l.id).collect();
    Err(format!("no line '{id}'; there are {}", ids.join(", ")))
}

/// Keys to press, one after the other.
#[derive(Clone, Debug)]
pub struct Keys(pub Vec<Chord>);

fn keys(text: &str) -> Result<Keys, String> {
    text.split_whitespace().map(str::parse).collect::<Result<_, _>>().map(Keys)
}

fn speed(text: &str) -> Result<f64, String> {
    let wrong = || format!("'{text}' is no speed; a number from 0 to 1000");
    text.trim_end_matches('x').parse().ok().filter(|s| (0.0..=1000.0).contains(s)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn values_are_read_or_refused() {
        assert_eq!(size("80x24"), Ok((80, 24)));
        assert!(size("80").is_err() && size("0x5").is_err() && size("80x9999").is_err());
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert!(duration("2h").is_err());
        assert_eq!(speed("10x"), Ok(10.0));
        assert!(speed("-1").is_err());
    }
}
