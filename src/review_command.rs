//! `midwatch review`: the review without a terminal, for cron and chat.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use color_eyre::eyre::{Context as _, Result, eyre};

use crate::cli::ReviewArgs;
use crate::clock::Clock;
use crate::journal::Journal;
use crate::review::NOT_CHECKED;
use crate::review::report::Format;
use crate::runtime::{Headless, Settled};
use crate::state::State;
use crate::state::review::Signing;
use crate::update::review;

/// What there is to print, and the exit code.
pub struct Said {
    pub text: String,
    pub code: u8,
    /// For standard error.
    pub remarks: Vec<String>,
}

/// Asks everything, and signs where that is wanted.
///
/// # Errors
/// There is no cluster to ask, no answer in time, or the sign-off is refused or can't be kept.
pub async fn run(
    state: &mut State,
    clock: &Clock,
    args: &ReviewArgs,
    journal: Result<Journal, String>,
) -> Result<Said> {
    let mut headless = Headless::connect(state, clock, journal);
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
    Ok(Said { text, code, remarks })
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

/// Writes the report where it was asked for: for the owner alone, in place of an older one.
///
/// # Errors
/// When the file can't be written.
pub fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .wrap_err_with(|| format!("could not write {}", path.display()))
}
