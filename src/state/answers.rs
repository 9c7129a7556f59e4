//! What was asked for checks, and what came back: the same question is not under way twice, and is
//! asked again only while somebody watches.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::effect::Effect;
use crate::model::Failure;
use crate::model::ask::{Answer, Ask};

/// Questions that are remembered; a runbook of a hundred checks stays below.
const MOST: usize = 256;
/// An answer that has not come by then is lost: twice what a command may take.
const LOST_AFTER: SignedDuration = SignedDuration::from_secs(60);
/// How often what is watched is asked anew: the usual scrape interval.
pub const EVERY: SignedDuration = SignedDuration::from_secs(15);
/// An answer that is older says nothing of now: four rounds were missed.
const STALE_AFTER: SignedDuration = SignedDuration::from_secs(60);

#[derive(Clone, Debug)]
struct Entry {
    asked: Timestamp,
    is_under_way: bool,
    answer: Option<Answered>,
}

/// What came back, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    pub at: Timestamp,
    pub answer: Result<Answer, Failure>,
}

#[derive(Clone, Debug, Default)]
pub struct Answers(BTreeMap<Ask, Entry>);

impl Answers {
    /// Those of `asks` that were not asked for `every`, and are not under way.
    pub fn due(
        &mut self,
        epoch: u32,
        asks: impl IntoIterator<Item = Ask>,
        now: Timestamp,
        every: SignedDuration,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        for ask in asks {
            let waits = self.0.get(&ask).is_some_and(|e| {
                now.duration_since(e.asked) < if e.is_under_way { LOST_AFTER } else { every }
            });
            if waits {
                continue;
            }
            let answer = self.0.remove(&ask).and_then(|e| e.answer);
            self.make_room();
            self.0.insert(ask.clone(), Entry { asked: now, is_under_way: true, answer });
            effects.push(Effect::Ask { epoch, ask });
        }
        effects
    }

    /// Asked again at the next opportunity, however fresh the answer is.
    pub fn forget(&mut self, ask: &Ask) {
        if self.0.get(ask).is_some_and(|e| !e.is_under_way) {
            self.0.remove(ask);
        }
    }

    pub fn is_under_way(&self, ask: &Ask) -> bool {
        self.0.get(ask).is_some_and(|e| e.is_under_way)
    }

    /// Takes an answer; what nobody has asked for is dropped.
    pub fn arrived(&mut self, ask: &Ask, answer: Result<Answer, Failure>, at: Timestamp) {
        if let Some(entry) = self.0.get_mut(ask) {
            entry.is_under_way = false;
            entry.answer = Some(Answered { at, answer });
        }
    }

    /// The last answer.
    ///
    /// # Errors
    /// Why there is none that says something of `now`.
    pub fn fresh(&self, ask: &Ask, now: Timestamp) -> Result<(&Answer, Timestamp), String> {
        let Some(entry) = self.0.get(ask) else { return Err("not asked yet".to_owned()) };
        let Some(answered) = &entry.answer else { return Err("asked, no answer yet".to_owned()) };
        let age = now.duration_since(answered.at);
        if age > STALE_AFTER {
            return Err(format!("the last answer is {} old", crate::ui::human::span(age)));
        }
        match &answered.answer {
            Ok(answer) => Ok((answer, answered.at)),
            Err(failure) => Err(format!("{}: {}", failure.tried, failure.happened)),
        }
    }

    /// The clock was set by so much.
    pub fn step(&mut self, by: SignedDuration) {
        for entry in self.0.values_mut() {
            super::step::shift(&mut entry.asked, by);
            entry.answer.iter_mut().for_each(|answered| super::step::shift(&mut answered.at, by));
        }
    }

    fn make_room(&mut self) {
        if self.0.len() < MOST {
            return;
        }
        let oldest = self.0.iter().min_by_key(|(_, e)| e.asked).map(|(ask, _)| ask.clone());
        if let Some(oldest) = oldest {
            self.0.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn ask(n: usize) -> Ask {
        Ask::PromQl { query: format!("up{n}") }
    }

    #[test]
    fn one_question_is_asked_once_at_a_time_and_again_while_it_is_watched() {
        let mut answers = Answers::default();
        assert_eq!(answers.due(1, [ask(1), ask(1)], at(0), EVERY).len(), 1);
        assert!(answers.due(1, [ask(1)], at(20), EVERY).is_empty(), "it is under way");
        assert!(answers.fresh(&ask(1), at(20)).unwrap_err().contains("no answer yet"));
        let value = Answer::Values { values: Vec::new(), warning: None };
        answers.arrived(&ask(1), Ok(value.clone()), at(21));
        assert_eq!(answers.fresh(&ask(1), at(22)), Ok((&value, at(21))));
        assert_eq!(answers.due(1, [ask(1)], at(22), EVERY).len(), 1, "15 s after it was asked");
        assert_eq!(answers.fresh(&ask(1), at(30)), Ok((&value, at(21))), "the old answer stands");
        assert!(answers.fresh(&ask(1), at(90)).unwrap_err().contains("old"));
        assert_eq!(answers.due(1, [ask(1)], at(90), EVERY).len(), 1, "the answer was lost");
        answers.arrived(&ask(2), Ok(value), at(91));
        assert!(answers.fresh(&ask(2), at(91)).is_err(), "nobody asked");
    }

    #[test]
    fn questions_are_bounded() {
        let mut answers = Answers::default();
        for n in 0..2 * MOST {
            answers.due(1, [ask(n)], at(n as i64), EVERY);
        }
        assert_eq!(answers.0.len(), MOST);
    }
}
