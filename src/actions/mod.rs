//! What can be done. Each action is one file with one function: it reads what is there and makes a
//! [`Plan`], which is plain data. Nothing here can change anything: only the [`gateway`] holds a
//! client that does, and what it sends are the [`Write`]s of a plan that was checked, shown,
//! confirmed, and recorded.

mod acknowledge;
mod apply;
mod ask;
mod autoscale;
mod back_up;
mod canary;
mod command;
mod delete_pod;
mod evict;
mod flush;
pub mod gateway;
mod pause;
mod plan;
pub mod reader;
mod restart;
mod roll_back;
pub mod runbook_command;
mod scale;
mod set_resources;
mod silence;
pub mod subjects;
mod suspend;
mod switch;
mod template;

use crate::model::Failure;
use crate::model::action::{ActionId, Question, Request};
pub use plan::{Expect, Plan, Write};
pub use reader::Reader;

/// Why there is no plan yet.
#[derive(Debug)]
pub enum Stop {
    /// Something must be known first.
    Ask(Question),
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Reads what is there and plans. The same answers over the same objects give the same plan.
///
/// # Errors
/// A question, or what was tried, what happened, what to do next.
pub async fn plan(read: &Reader<'_>, request: &Request) -> Result<Plan, Stop> {
    let (subject, answers) = (&request.subject, &request.answers);
    match request.action {
        ActionId::Scale => scale::plan(read, subject, answers).await,
        ActionId::Restart => restart::plan(read, subject).await,
        ActionId::RollBack => roll_back::plan(read, subject, answers).await,
        ActionId::Pause => pause::plan(read, subject, true).await,
        ActionId::Resume => pause::plan(read, subject, false).await,
        ActionId::DeletePod => delete_pod::plan(read, subject).await,
        ActionId::Evict => evict::plan(read, subject).await,
        ActionId::SetResources => set_resources::plan(read, subject, answers).await,
        ActionId::Autoscale => autoscale::plan(read, subject, answers).await,
        ActionId::Switch => switch::plan(read, subject, answers).await,
        ActionId::Canary => canary::plan(read, subject, answers).await,
        ActionId::FlushCache => flush::plan(read, subject, answers).await,
        ActionId::BackUp => back_up::plan(read, subject).await,
        ActionId::Suspend => suspend::plan(read, subject, true).await,
        ActionId::Unsuspend => suspend::plan(read, subject, false).await,
        ActionId::Silence => silence::plan(read, subject, answers).await,
        ActionId::Expire => silence::expire(read, subject, answers).await,
        ActionId::Acknowledge => acknowledge::plan(read, subject, answers).await,
        ActionId::Release => acknowledge::release(read, subject).await,
        ActionId::Apply => apply::plan(read, subject).await,
        ActionId::Command => command::plan(read, subject, answers).await,
        ActionId::RunbookCommand => runbook_command::plan(read, subject, answers),
    }
}
