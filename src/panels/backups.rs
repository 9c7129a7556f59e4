//! Backups: the last success and its age against the RPO, the next run, size, verification, and
//! the last 14 runs as a row of marks.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{BACKUPS, Panel, RowKey, scrolled};
use crate::input::Layer;
use crate::model::backup::{Backup, Run, RunOutcome};
use crate::model::{FeedId, Health};
use crate::state::{Derived, State};
use crate::ui::human;
use crate::ui::paint::{Paint, fit, fit_right, wrap};
use crate::ui::theme::Role;

pub struct Backups;

impl Panel for Backups {
    fn noun(&self) -> &'static str {
        "backups"
    }

    fn feeds(&self) -> &'static [FeedId] {
        &[FeedId::CronJobs, FeedId::Jobs, FeedId::VeleroBackups, FeedId::BackupRecords]
    }

    fn layers(&self) -> &'static [Layer] {
        &[Layer::List]
    }

    fn verdict(&self, state: &State, derived: &Derived) -> (Health, String) {
        let trouble = state.feeds_trouble(&[FeedId::CronJobs, FeedId::Jobs]);
        if derived.backups.is_empty() {
            return trouble.unwrap_or_else(|| (Health::NotConfigured, "none found".into()));
        }
        let within = derived.backups.iter().filter(|(b, ..)| within_rpo(b, state)).count();
        let words = format!("{within} of {} within RPO", derived.backups.len());
        // A backup that nobody has restored is said to be unverified, not to be in trouble.
        let counts = |b: &Backup, health: Health| health != Health::Unknown || !within_rpo(b, state);
        let judged = || derived.backups.iter().filter(|(b, health, _)| counts(b, *health));
        let worst = judged().map(|(_, health, _)| *health).max().unwrap_or(Health::Ok);
        let unverified = derived.backups.len() - judged().count();
        let words = match judged().find(|(_, health, _)| *health == worst && worst > Health::Ok) {
            Some((b, _, why)) => format!("{}: {why} · {words}", b.name),
            None if unverified > 0 => format!("{words}, {unverified} unverified"),
            None => words,
        };
        match trouble {
            Some((health, why)) => (health.max(worst), format!("{why} · {words}")),
            None => (worst, words),
        }
    }

    fn draw(&self, paint: &mut Paint<'_>, area: Rect) {
        table(paint, area, None);
    }

    fn draw_zoomed(&self, paint: &mut Paint<'_>, area: Rect) {
        let list = paint.state.view.list(BACKUPS);
        let upper = Rect {
            height: (area.height / 2)
                .min(u16::try_from(paint.state.derived.backups.len() + 2).unwrap_or(u16::MAX)),
            ..area
        };
        table(paint, upper, Some(list.index));
        let below = Rect { y: area.y + upper.height, height: area.height - upper.height, ..area };
        if let Some((backup, health, words)) = paint.state.derived.backups.get(list.index) {
            runs(paint, below, backup, *health, words);
        }
    }

    fn rows<'a>(&self, state: &'a State) -> Vec<RowKey<'a>> {
        let all = state.derived.backups.iter();
        all.map(|(b, ..)| RowKey { namespace: Some(&b.namespace), name: &b.name }).collect()
    }
}

fn within_rpo(backup: &Backup, state: &State) -> bool {
    matches!((backup.age(state.now), backup.rpo), (Some(age), Some(rpo)) if age <= rpo)
}

fn table(paint: &mut Paint<'_>, area: Rect, selected: Option<usize>) {
    let state = paint.state;
    let backups = &state.derived.backups;
    if backups.is_empty() {
        let why = state.feeds_trouble(&[FeedId::CronJobs, FeedId::Jobs]).map(|(_, w)| w);
        let text = why.unwrap_or_else(|| "no CronJob, Velero schedule or record looks like a backup".into());
        paint.text(area, 0, &format!("  {text}"), Role::Dim);
        paint.text(
            area,
            1,
            "  [[backup]] and [[backup_record]] in midwatch.toml name what can't be found",
            Role::Dim,
        );
        return;
    }
    let columns = Columns::of(area.width);
    let header = u16::from(area.height >= 4 || selected.is_some());
    if header > 0 {
        paint.text(area, 0, &columns.header(), Role::Dim);
    }
    let height = usize::from(area.height.saturating_sub(header));
    let first = scrolled(selected.unwrap_or(0), height, backups.len());
    for (y, (index, (backup, health, words))) in
        (header..area.height).zip(backups.iter().enumerate().skip(first))
    {
        let line = columns.line(paint, backup, *health, words);
        paint.line(area, y, line);
        if selected == Some(index) {
            paint.fill(Rect { y: area.y + y, height: 1, ..area }, Role::Selection);
        }
    }
}

/// Which columns fit: the last success, the RPO and the marks of the runs always do.
struct Columns {
    name: usize,
    next: bool,
    size: bool,
}

impl Columns {
    fn of(width: u16) -> Self {
        let width = usize::from(width);
        Self { name: width.saturating_sub(34).clamp(10, 26), next: width >= 62, size: width >= 72 }
    }

    fn header(&self) -> String {
        let mut text = format!("  {} {:>7} {:>5}", fit("BACKUP", self.name), "LAST OK", "RPO");
        if self.next {
            text += "   NEXT";
        }
        if self.size {
            text += "      SIZE";
        }
        text + "  LAST 14"
    }

    fn line(&self, paint: &Paint<'_>, backup: &Backup, health: Health, words: &str) -> Line<'static> {
        let now = paint.state.now;
        let dash = || "–".to_owned();
        let last = backup.age(now).map_or_else(|| "never".into(), human::short);
        let rpo = backup.rpo.map_or_else(dash, human::short);
        let mut text =
            format!(" {} {} {}", fit(&backup.name, self.name), fit_right(&last, 7), fit_right(&rpo, 5));
        if self.next {
            let next = match (backup.suspended, backup.next) {
                (true, _) => "susp.".into(),
                (false, Some(at)) => human::short(at.duration_since(now)),
                (false, None) => dash(),
            };
            text += &format!(" {}", fit_right(&next, 6));
        }
        if self.size {
            let size =
                backup.last_success.as_ref().and_then(|r| r.size_bytes).map_or_else(dash, human::bytes);
            text += &format!(" {}", fit_right(&size, 9));
        }
        // The runs are history: they stay what they were.
        let health = health.in_doubt(paint.state.doubt(&[FeedId::CronJobs, FeedId::Jobs]));
        let mut spans = vec![paint.mark_span(health), paint.span(text + "  ", Role::Text)];
        spans.extend(backup.runs.iter().take(14).rev().map(|run| paint.mark_span(run_health(run))));
        if !words.is_empty() && health > Health::Ok {
            spans.push(Span::styled(format!("  {words}"), paint.health_style(health)));
        }
        Line::from(spans)
    }
}

fn run_health(run: &Run) -> Health {
    match run.outcome {
        RunOutcome::Succeeded => Health::Ok,
        RunOutcome::Partial => Health::Warning,
        RunOutcome::Failed => Health::Critical,
        RunOutcome::Running => Health::Progress,
        RunOutcome::Unknown => Health::Unknown,
    }
}

/// The last runs of one backup, newest first, with duration, size against the run before, and why.
fn runs(paint: &mut Paint<'_>, area: Rect, backup: &Backup, health: Health, words: &str) {
    let rule = if paint.ascii() { "-" } else { "─" };
    paint.text(area, 0, &rule.repeat(usize::from(area.width)), Role::Border);
    let schedule = backup.schedule.as_deref().unwrap_or("no schedule");
    let title = Line::from(vec![
        paint.mark_span(health),
        paint.span(format!(" {}/{}", backup.namespace, backup.name), Role::Title),
        paint.span(format!("  {words}  schedule {schedule}, RPO {}", backup.rpo_source), Role::Dim),
    ]);
    paint.line(area, 1, title);
    paint.text(
        area,
        2,
        &format!("  {:<13} {:<11} {:>9} {:>9} {:>7}  VERIFIED", "START", "OUTCOME", "TOOK", "SIZE", "TREND"),
        Role::Dim,
    );
    let mut y = 3;
    let mut told = None;
    for (index, run) in backup.runs.iter().enumerate() {
        let before = backup.runs.iter().skip(index + 1).find_map(|r| r.size_bytes);
        let line = run_line(paint, run, before);
        paint.line(area, y, line);
        y += 1;
        // Why it failed, whole; the same reason once.
        if let Some(reason) = run.reason.as_ref().filter(|reason| told != Some(*reason)) {
            for text in wrap(reason, usize::from(area.width.saturating_sub(4))).iter().take(3) {
                paint.text(area, y, &format!("    {text}"), Role::Dim);
                y += 1;
            }
            told = Some(reason);
        }
        if y >= area.height {
            return;
        }
    }
}

fn run_line(paint: &Paint<'_>, run: &Run, before: Option<u64>) -> Line<'static> {
    let now = paint.state.now;
    let took = run.end.map_or_else(|| "–".into(), |end| human::age(end.duration_since(run.start)));
    let size = run.size_bytes.map_or_else(|| "–".into(), human::bytes);
    let trend = trend(run.size_bytes, before);
    let verified = match (run.outcome, run.verified_at) {
        (_, Some(at)) => human::moment(at, now),
        (RunOutcome::Succeeded | RunOutcome::Partial, None) => "unverified".into(),
        _ => String::new(),
    };
    let outcome = format!("{:?}", run.outcome).to_lowercase();
    Line::from(vec![
        paint.mark_span(run_health(run)),
        paint.span(format!(" {:<13} ", human::moment(run.start, now)), Role::Text),
        Span::styled(format!("{outcome:<11}"), paint.health_style(run_health(run))),
        paint.span(format!(" {took:>9} {size:>9} {trend:>7}  {verified}"), Role::Text),
    ])
}

/// '+2 %' against the run before.
fn trend(size: Option<u64>, before: Option<u64>) -> String {
    match (size, before) {
        (Some(size), Some(before)) if before > 0 => {
            let change = (size as f64 - before as f64) / before as f64 * 100.0;
            fit_right(&format!("{change:+.0} %"), 7)
        }
        _ => "–".into(),
    }
}
