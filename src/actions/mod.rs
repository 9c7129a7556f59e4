//! What can be done to a cluster. Each action is one file: it reads what is there and makes a
//! [`Plan`], which is plain data. Nothing here can change anything: only the [`gateway`] holds a
//! client that does, and what it sends are the [`Write`]s of a plan that was checked, shown,
//! confirmed, and recorded.

mod delete_pod;
pub mod gateway;
mod pause;
mod plan;
mod reader;
mod restart;
mod roll_back;
mod scale;
mod template;

use futures::future::BoxFuture;

use crate::model::Failure;
use crate::model::action::{ActionId, Answers, Question, Subject};
pub use plan::{Body, Expect, Plan, Write};
pub use reader::Reader;

/// What an action makes of a subject and the answers so far.
pub enum Step {
    Ask(Question),
    Plan(Box<Plan>),
}

/// One action.
pub trait Action: Send + Sync {
    fn id(&self) -> ActionId;

    /// Reads what is there and plans. The same answers over the same objects give the same plan.
    ///
    /// # Errors
    /// What was tried, what happened, what to do next.
    fn plan<'a>(
        &'a self,
        read: &'a Reader<'a>,
        subject: &'a Subject,
        answers: &'a Answers,
    ) -> BoxFuture<'a, Result<Step, Failure>>;
}

/// Every action, in the order in which the palette lists them.
pub static ACTIONS: &[&dyn Action] = &[
    &scale::Scale,
    &restart::Restart,
    &roll_back::RollBack,
    &pause::Pause,
    &pause::Resume,
    &delete_pod::DeletePod,
];

/// The action of that name.
pub fn action(id: ActionId) -> Option<&'static dyn Action> {
    ACTIONS.iter().find(|a| a.id() == id).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_in_the_registry() {
        assert_eq!(ACTIONS.iter().map(|a| a.id()).collect::<Vec<_>>(), ActionId::ALL);
    }
}
