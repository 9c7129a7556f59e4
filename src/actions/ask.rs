//! Questions of an action: each is asked until its answer can be used.

use super::Stop;
use crate::model::Clean;
use crate::model::action::{Answers, Choice, Question};

/// A question as its action puts it.
pub struct Asked<'a> {
    pub key: &'a str,
    pub label: &'a str,
    pub hint: &'a str,
}

impl Asked<'_> {
    /// A whole number up to `most`; the field begins with the present one.
    ///
    /// # Errors
    /// The question, where there is no answer yet, or what is wrong with it.
    pub fn number(&self, answers: &Answers, now: u32, most: u32) -> Result<u32, Stop> {
        let ask = |now: u32, problem: Option<String>| {
            let (key, label, hint) = (self.key.to_owned(), self.label.to_owned(), Clean::new(self.hint));
            let problem = problem.map(|p| Clean::new(&p));
            Stop::Ask(Question::Number { key, label, now, hint, problem })
        };
        let Some(answer) = answers.get(self.key) else { return Err(ask(now, None)) };
        answer
            .trim()
            .parse()
            .ok()
            .filter(|n| *n <= most)
            .ok_or_else(|| ask(now, Some(format!("'{answer}' is not a whole number from 0 to {most}"))))
    }

    /// A line of text that `read` can make something of; the field begins with `now`.
    ///
    /// # Errors
    /// The question, where there is no answer yet, or what is wrong with it.
    pub fn text<T>(
        &self,
        answers: &Answers,
        now: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, Stop> {
        let ask = |now: &str, problem: Option<String>| {
            let (key, label, hint) = (self.key.to_owned(), self.label.to_owned(), Clean::new(self.hint));
            let (now, problem) = (now.to_owned(), problem.map(|p| Clean::new(&p)));
            Stop::Ask(Question::Text { key, label, now, hint, problem })
        };
        let Some(answer) = answers.get(self.key) else { return Err(ask(now, None)) };
        // What was typed stays, to be mended.
        read(answer.trim()).map_err(|problem| ask(answer, Some(problem)))
    }

    /// One of several; the field begins with the `chosen`th.
    ///
    /// # Errors
    /// The question, where there is no answer yet, or none of these.
    pub fn pick(&self, answers: &Answers, options: Vec<Choice>, chosen: usize) -> Result<String, Stop> {
        match answers.get(self.key) {
            Some(answer) if options.iter().any(|o| o.value == *answer) => Ok(answer.clone()),
            _ => {
                let (key, label) = (self.key.to_owned(), self.label.to_owned());
                Err(Stop::Ask(Question::Pick { key, label, options, chosen }))
            }
        }
    }
}

/// An answer without a difference to be shown.
pub fn choice(value: &str, label: &str) -> Choice {
    Choice { value: value.to_owned(), label: Clean::new(label), difference: Vec::new() }
}
