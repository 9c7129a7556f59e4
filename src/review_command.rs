//! `midwatch review`: the review without a terminal, for cron and chat.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use color_eyre::eyre::{Context as _, Result, eyre};

use crate::cli::ReviewArgs;
use crate::clock::Clock;
use crate::model::Clean;
use crate::review::NOT_CHECKED;
use crate::review::report::Format;
use crate::runtime::{Headless, Kept, Settled};
use crate::state::State;
use crate::state::review::Signing;
use crate::update::review;

/// Asks everything, signs where that is wanted, and prints or writes the report; remarks go to standard
/// error. Returns the exit code.
///
/// # Errors
/// There is no cluster to ask, no answer in time, or the sign-off is refused or can't be kept.
pub async fn run(state: &mut State, clock: &Clock, args: &ReviewArgs, kept: Kept) -> Result<u8> {
    let mut headless = Headless::connect(state, clock, kept);
    let mut remarks = Vec::new();
    match headless.settle(state, args.timeout).await {
        Settled::NoCluster => return Err(eyre!("{}", state.derived.headline.text)),
        Settled::Waiting(feeds) => {
            let names: Vec<&str> = feeds.iter().map(|f| f.noun()).collect();
            remarks.push(format!("no answer within {} s for {}", args.timeout.as_secs(), names.join(", ")));
        }
        Settled::Complete => {}
    }
    let effects = review::begin(state, args.kind(), args.since);
    let answered = |state: &State| state.review.as_ref().is_some_and(|r| r.review.is_some());
    if !headless.perform(state, effects, args.timeout, answered).await {
        return Err(eyre!(
            "the questions of the review were not answered within {} s; --timeout allows more",
            args.timeout.as_secs()
        ));
    }
    if let Some(held) = &mut state.review {
        held.draft.notes.extend(args.note.iter().cloned());
        held.draft.reason = args.reason.clone().unwrap_or_default();
    }
    if args.sign_off {
        remarks.push(sign(&mut headless, state, args).await?);
    }
    let held = state.review.as_ref().ok_or_else(|| eyre!("the review is gone"))?;
    let code = held.review.as_ref().map_or(NOT_CHECKED, |r| r.exit_code());
    let format = args.format.unwrap_or(Format::Text);
    let text = review::document(held, format, state.settings.ascii).unwrap_or_default();
    for remark in &remarks {
        eprintln!("midwatch: {}", Clean::new(remark));
    }
    match &args.output {
        Some(path) => write(path, &text)?,
        None => std::io::stdout().write_all(text.as_bytes()).wrap_err("could not write")?,
    }
    Ok(code)
}

async fn sign(headless: &mut Headless, state: &mut State, args: &ReviewArgs) -> Result<String> {
    let effects = review::sign(state)
        .map_err(|why| eyre!("not signed off: {why}; say them with --note ID=TEXT and --reason TEXT"))?;
    let is_over = |s: &State| s.review.as_ref().is_some_and(|r| r.signing != Signing::Writing);
    headless.perform(state, effects, args.timeout, is_over).await;
    let said = state.notices.back().map(|n| n.text.clone()).unwrap_or_default();
    match state.review.as_ref().map(|r| &r.signing) {
        Some(Signing::Done { .. }) => Ok(said),
        _ => Err(eyre!("{said}")),
    }
}

/// For the owner alone, in place of an older one: whoever names a file for cron wants the newest.
fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .wrap_err_with(|| format!("could not write {}", path.display()))
}
