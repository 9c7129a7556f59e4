//! Arguments → a command; errors → exit codes.

mod places;
mod stage;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use color_eyre::eyre::{Context as _, Result, eyre};
use jiff::Timestamp;
use midwatch::cli::{Cli, Command, ConfigAction, Format, Global, Play, ReviewArgs, Walk};
use midwatch::config::{Config, init_text};
use midwatch::effect::{Effect, Wanted};
use midwatch::input::Chord;
use midwatch::model::Health;
use midwatch::panels::PANELS;
use midwatch::runtime::{self, Headless, Kept, Settled, place};
use midwatch::sim;
use midwatch::state::{Page, State};
use midwatch::terminal::{capabilities, guard};
use midwatch::{doctor, plain, report, review_command, runbook_command, setup, ui};
use places::{audit_directory, journal, kept, left_behind};
use stage::{Stage, prepare, simulate};

/// Exit codes, as `--help` documents them.
const FINE: u8 = 0;
const FINDINGS: u8 = 1;
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| {
        // clap's own exit: 0 for --help and --version, 2 for what it can't read.
        error.exit()
    });
    if let Err(error) = color_eyre::config::HookBuilder::default().display_env_section(false).install() {
        eprintln!("midwatch: {error}");
    }
    guard::install_panic_hook();
    // NO_COLOR is heeded by the theme; crossterm's own way destroys reverse video.
    crossterm::style::force_color_output(true);
    let _log = start_log();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&eyre!("could not start: {error}")),
    };
    let code = match runtime.block_on(run(cli)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(&error),
    };
    // Connections that are half open would keep us for half a minute.
    runtime.shutdown_timeout(Duration::from_millis(200));
    code
}

fn fail(error: &color_eyre::Report) -> ExitCode {
    let closed = |cause: &std::io::Error| cause.kind() == std::io::ErrorKind::BrokenPipe;
    if error.chain().filter_map(|cause| cause.downcast_ref()).any(closed) {
        // Whoever reads has seen enough: midwatch keys | head.
        return ExitCode::from(FINE);
    }
    complain(&format!("midwatch: {error:#}"));
    ExitCode::from(FAILED)
}

/// Errors quote what they are about: files, names, answers.
fn complain(text: &str) {
    text.lines().for_each(|line| eprintln!("{}", midwatch::model::Clean::new(line)));
}

/// With `MIDWATCH_LOG=level`, a log under the XDG state directory; else none.
fn start_log() -> Option<tracing_appender::non_blocking::WorkerGuard> {
    let filter = std::env::var("MIDWATCH_LOG").ok()?;
    let dirs = directories::ProjectDirs::from("", "", "midwatch")?;
    let directory = dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_owned();
    let file = open_private(&directory, "midwatch.log").ok()?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    tracing_subscriber::fmt()
        .with_writer(writer)
        .with_ansi(false)
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .init();
    Some(guard)
}

/// Opens a file that only we may read, for appending.
fn open_private(directory: &std::path::Path, name: &str) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::create_dir_all(directory)?;
    std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(directory.join(name))
}

async fn run(cli: Cli) -> Result<u8> {
    let global = cli.global;
    match cli.command {
        None => cockpit(&global, None, |_| Vec::new()).await,
        Some(Command::Demo { list: true, .. }) => list_scenarios(),
        Some(Command::Demo { scenario, play, .. }) => {
            let stage = Stage::start(scenario.as_deref().unwrap_or("incident"), &play, None).await?;
            cockpit(&global, Some(&stage), |_| Vec::new()).await
        }
        Some(Command::Sim { scenario, kubeconfig_out, pods, play }) => {
            simulate(scenario.as_deref().unwrap_or("calm"), kubeconfig_out, pods, &play).await?;
            Ok(FINE)
        }
        Some(Command::Snapshot { demo, size, format, panel, keys, timeout, play }) => {
            let stage = match demo {
                Some(name) => Some(Stage::start(&name, &play, None).await?),
                None => None,
            };
            let keys = keys.map(|keys| keys.0).unwrap_or_default();
            let what = Shot { size, format, panel, keys, timeout };
            snapshot(&global, stage.as_ref(), what).await
        }
        Some(Command::Review(args)) => {
            let stage = match &args.demo {
                Some(name) => Some(Stage::start(name, &args.play, None).await?),
                None => None,
            };
            review(&global, stage.as_ref(), &args).await
        }
        Some(Command::Doctor { demo }) => {
            let play = Play { seed: 1, speed: 1.0, at: None };
            let stage = match demo {
                Some(name) => Some(Stage::start(&name, &play, None).await?),
                None => None,
            };
            examine(&global, stage.as_ref()).await
        }
        Some(Command::Audit { what }) => {
            let directory = audit_directory(&Config::load(global.config.as_deref())?)
                .ok_or_else(|| eyre!("there is no home directory"))?;
            let said = midwatch::audit::run(&what, &directory, Timestamp::now())?;
            std::io::stdout().write_all(said.text.as_bytes()).wrap_err("could not write")?;
            Ok(if said.findings { FINDINGS } else { FINE })
        }
        Some(Command::Approve { plan, name }) => approve(&global, plan.as_deref(), name.as_deref()).await,
        Some(Command::Walk(wanted)) if wanted.list => {
            said(runbook_command::steps(&Config::load(global.config.as_deref())?, &wanted)?)
        }
        Some(Command::Walk(wanted)) => walk_through(&global, wanted).await,
        Some(Command::Runbooks { format }) => {
            said(runbook_command::list(&Config::load(global.config.as_deref())?, format)?)
        }
        Some(Command::Config { action }) => configuration(&global, &action).await,
        Some(Command::Keys) => keys(&global),
        Some(Command::Completions { shell }) => {
            clap_complete::generate(shell, &mut Cli::command(), "midwatch", &mut std::io::stdout());
            Ok(FINE)
        }
    }
}

/// The cockpit, which begins with what `first` asks for.
async fn cockpit(
    global: &Global,
    stage: Option<&Stage>,
    first: impl FnOnce(&mut State) -> Vec<Effect>,
) -> Result<u8> {
    if global.plain {
        return in_lines(global, stage, first).await;
    }
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        eprintln!("midwatch: no terminal, so this is a snapshot; midwatch snapshot --help has its options");
        let what = Shot {
            size: (120, 40),
            format: Format::Text,
            panel: None,
            keys: Vec::new(),
            timeout: Duration::from_secs(20),
        };
        return snapshot(global, stage, what).await;
    }
    let (global, config, clock) = prepare(global, stage)?;
    let capabilities = capabilities::detect();
    let size = crossterm::terminal::size().unwrap_or((80, 24));
    let mut state = setup::state(&global, config, &capabilities, clock.now(), size);
    let mut kept = kept(stage, &state.settings.config);
    for text in left_behind(&kept.journal) {
        state.notice(Health::Warning, text);
    }
    let first = first(&mut state);
    // A demo's cluster is gone with it.
    if let Some(directory) = place::default_directory().filter(|_| stage.is_none()) {
        match place::Session::begin(&directory) {
            Ok(session) => kept.session = Some(session),
            Err(error) => {
                let why = format!("a lost link will lose where you are: {}: {error}", directory.display());
                state.notice(Health::Warning, why);
            }
        }
        let lost = place::Session::lost(&directory, state.now, |place| place.fits(&state.target));
        if let Some((session, place)) = lost.filter(|_| first.is_empty()) {
            kept.lost = Some(session);
            midwatch::update::place::offer(&mut state, place);
        }
    }
    runtime::run(state, clock, kept, first).await.wrap_err("could not use the terminal")?;
    Ok(FINE)
}

/// Writes what a command has to say; its exit code.
fn said(said: runbook_command::Said) -> Result<u8> {
    std::io::stdout().write_all(said.text.as_bytes()).wrap_err("could not write")?;
    for remark in &said.remarks {
        eprintln!("midwatch: {remark}");
    }
    Ok(if said.findings { FINDINGS } else { FINE })
}

/// A walk through a runbook: on the screen, in lines, or only what is known of it.
async fn walk_through(global: &Global, wanted: Walk) -> Result<u8> {
    if let Some(id) = &wanted.report {
        return said(runbook_command::report(id, wanted.format)?);
    }
    let document = wanted.doc.unwrap_or_default();
    let stage = match &wanted.demo {
        Some(name) => Some(Stage::start(name, &wanted.play, None).await?),
        None => None,
    };
    let how = match (wanted.resume, wanted.new) {
        (Some(id), _) => Wanted::Resume(id),
        (None, true) => Wanted::New,
        (None, false) => Wanted::Latest,
    };
    let open = Opening { document, section: wanted.section, wanted: how };
    let first =
        |state: &mut State| midwatch::update::walk::open(state, open.document, open.section, open.wanted);
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return in_lines(global, stage.as_ref(), first).await;
    }
    cockpit(global, stage.as_ref(), first).await
}

/// Which walk the cockpit begins with.
struct Opening {
    document: String,
    section: Option<String>,
    wanted: Wanted,
}

/// The cockpit as lines, which begins with what `first` asks for.
async fn in_lines(
    global: &Global,
    stage: Option<&Stage>,
    first: impl FnOnce(&mut State) -> Vec<Effect>,
) -> Result<u8> {
    let (global, config, clock) = prepare(global, stage)?;
    let capabilities = capabilities::detect();
    let mut state = setup::state(&global, config, &capabilities, clock.now(), (80, 24));
    let kept = kept(stage, &state.settings.config);
    for text in left_behind(&kept.journal) {
        state.notice(Health::Warning, text);
    }
    let first = first(&mut state);
    let input = plain::Input::standard();
    let ended = plain::run(state, clock, kept, first, input, std::io::stdout()).await?;
    Ok(if ended.refused { FAILED } else { FINE })
}

/// What a snapshot shows, and how.
struct Shot {
    size: (u16, u16),
    format: Format,
    panel: Option<String>,
    keys: Vec<Chord>,
    timeout: Duration,
}

async fn snapshot(global: &Global, stage: Option<&Stage>, what: Shot) -> Result<u8> {
    let (global, config, clock) = prepare(global, stage)?;
    let mut capabilities = capabilities::detect();
    if matches!(what.format, Format::Svg | Format::Ansi) {
        capabilities.depth = ui::theme::Depth::True;
    }
    let mut state = setup::state(&global, config, &capabilities, clock.now(), what.size);
    if let Some(name) = &what.panel {
        let panel = PANELS.iter().position(|p| p.noun() == name).ok_or_else(|| {
            let names: Vec<&str> = PANELS.iter().map(|p| p.noun()).collect();
            eyre!("no panel '{name}'; there are {}", names.join(", "))
        })?;
        state.view.focus = panel;
        state.view.pages.push(Page::Panel(panel));
    }
    // Only on a stage is something kept: what keys ask for there is practice.
    let kept = match stage {
        Some(_) => kept(stage, &state.settings.config),
        None => Kept::nowhere("a snapshot does nothing"),
    };
    let mut headless = Headless::connect(&state, &clock, kept);
    let settled = headless.settle(&mut state, what.timeout).await;
    state.notices.clear();
    for key in &what.keys {
        if !headless.press(&mut state, *key, what.timeout).await {
            eprintln!("midwatch: no answer to the key {key} within {} s", what.timeout.as_secs());
            return Ok(FAILED);
        }
    }
    let document = render(&state, what.format)?;
    std::io::stdout().write_all(document.as_bytes()).wrap_err("could not write the snapshot")?;
    match &settled {
        Settled::NoCluster => Ok(FAILED),
        Settled::Waiting(feeds) => {
            let names: Vec<&str> = feeds.iter().map(|f| f.noun()).collect();
            eprintln!("midwatch: no answer within {} s for {}", what.timeout.as_secs(), names.join(", "));
            Ok(FAILED)
        }
        Settled::Complete => Ok(verdict(&state)),
    }
}

fn verdict(state: &State) -> u8 {
    match state.derived.headline.health {
        Health::Ok | Health::Progress | Health::NotConfigured => FINE,
        Health::Warning | Health::Critical => FINDINGS,
        Health::Unknown | Health::Stale | Health::Denied => FAILED,
    }
}

fn render(state: &State, format: Format) -> Result<String> {
    let mut frame = ui::draw(state);
    midwatch::terminal::sweep::sweep(&mut frame.buffer);
    if state.settings.ascii {
        midwatch::terminal::sweep::asciify(&mut frame.buffer);
    }
    Ok(match format {
        Format::Text => report::frame::text(&frame.buffer),
        Format::Ansi => report::frame::ansi(&frame.buffer),
        Format::Svg => report::frame::svg(&frame.buffer, state.settings.theme.is_light),
        Format::Json => report::json::render(state).wrap_err("could not write JSON")? + "\n",
    })
}

fn list_scenarios() -> Result<u8> {
    let mut out = std::io::stdout();
    for scenario in sim::scenarios() {
        writeln!(out, "{:<22} {}", scenario.name, scenario.title)?;
    }
    Ok(FINE)
}

async fn review(global: &Global, stage: Option<&Stage>, args: &ReviewArgs) -> Result<u8> {
    let terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    if (terminal || global.plain) && args.format.is_none() && args.output.is_none() && !args.sign_off {
        let (kind, since) = (args.kind(), args.since);
        return cockpit(global, stage, |state| midwatch::update::review::begin_with(state, kind, since))
            .await;
    }
    let (global, config, clock) = prepare(global, stage)?;
    let capabilities = capabilities::detect();
    let mut state = setup::state(&global, config, &capabilities, clock.now(), (120, 40));
    let kept = kept(stage, &state.settings.config);
    review_command::run(&mut state, &clock, args, kept).await
}

async fn examine(global: &Global, stage: Option<&Stage>) -> Result<u8> {
    let (global, config, _) = prepare(global, stage)?;
    let capabilities = capabilities::detect();
    let mut findings = doctor::terminal(&capabilities);
    findings.extend(doctor::examine(&setup::target(&global, &config), config).await);
    doctor::sort(&mut findings);
    let ascii = global.ascii || capabilities.ascii;
    let colour = std::io::stdout().is_terminal() && capabilities.depth != ui::theme::Depth::None;
    print!("{}", doctor::render(&findings, ascii, colour));
    Ok(doctor::exit_code(&findings))
}

async fn approve(global: &Global, plan: Option<&str>, name: Option<&str>) -> Result<u8> {
    let (global, config, _) = prepare(global, None)?;
    let target = setup::target(&global, &config);
    let session = midwatch::sources::session::connect(&target)
        .await
        .map_err(|f| eyre!("{}: {}; {}", f.tried, f.happened, f.next))?;
    let read_only = global.read_only || config.read_only;
    let log = journal(None, &config);
    let said = midwatch::approve::run(&session, config, read_only, log, plan, name).await?;
    std::io::stdout().write_all(said.as_bytes()).wrap_err("could not write")?;
    Ok(FINE)
}

async fn configuration(global: &Global, action: &ConfigAction) -> Result<u8> {
    match action {
        ConfigAction::Check => match Config::load(global.config.as_deref()) {
            Ok(config) => {
                match &config.path {
                    Some(path) => println!("{}: fine", path.display()),
                    None => println!("no configuration file; the defaults are in effect"),
                }
                Ok(FINE)
            }
            Err(error) => {
                complain(&error.to_string());
                Ok(FINDINGS)
            }
        },
        ConfigAction::Show => {
            let config = Config::load(global.config.as_deref())?;
            print!("{}", config.show());
            Ok(FINE)
        }
        ConfigAction::Init { write } => init(global, *write).await,
    }
}

async fn init(global: &Global, write: bool) -> Result<u8> {
    let config = match &global.config {
        // The one that is to be written.
        Some(path) if !path.exists() => Config::default(),
        path => Config::load(path.as_deref())?,
    };
    let found = match doctor::found(&setup::target(global, &config)).await {
        Ok(found) => found,
        Err(failure) => {
            eprintln!("midwatch: {}: {}; {}", failure.tried, failure.happened, failure.next);
            return Ok(FAILED);
        }
    };
    let text = init_text(&found.findings(config.service));
    match global.config.clone().or_else(Config::default_path) {
        Some(path) if write => {
            write_new(&path, &text)?;
            println!("wrote {}", path.display());
        }
        _ => print!("{text}"),
    }
    Ok(FINE)
}

/// Never over a file that is there.
fn write_new(path: &std::path::Path, text: &str) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)
            .wrap_err_with(|| format!("could not make {}", directory.display()))?;
    }
    std::fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .wrap_err_with(|| {
            format!("could not write {}; a file that is there is left as it is", path.display())
        })
}

fn keys(global: &Global) -> Result<u8> {
    let config = Config::load(global.config.as_deref())?;
    let name = global.keymap.clone().or(config.keymap).unwrap_or_else(|| "default".into());
    let keymap = setup::keymap(&name, setup::config_dir().as_deref()).map_err(|e| eyre!(e))?;
    let mut out = std::io::stdout();
    for (keys, doc) in ui::help::lines(&keymap, &midwatch::input::Layer::ALL) {
        if keys.is_empty() { writeln!(out, "\n{doc}")? } else { writeln!(out, "  {keys:<26} {doc}")? }
    }
    Ok(FINE)
}
