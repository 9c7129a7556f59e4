//! The filter line of lists: `text`, `!not`, `status=`, `restarts>3`, `age<2h`; words are joined by 'and'.

use jiff::{SignedDuration, Timestamp};

use super::pod::Pod;

/// A parsed filter. Empty: everything passes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub text: String,
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq)]
struct Term {
    negated: bool,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Text(String),
    Field(Field, String),
    Number(Field, Order, f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Status,
    Name,
    Namespace,
    Node,
    Owner,
    Ready,
    Restarts,
    /// Seconds.
    Age,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

const FIELDS: [(&str, Field); 11] = [
    ("status", Field::Status),
    ("name", Field::Name),
    ("ns", Field::Namespace),
    ("namespace", Field::Namespace),
    ("node", Field::Node),
    ("owner", Field::Owner),
    ("workload", Field::Owner),
    ("ready", Field::Ready),
    ("restarts", Field::Restarts),
    ("age", Field::Age),
    ("st", Field::Status),
];

impl Filter {
    /// Reads a filter; an error says what is wrong with which word.
    pub fn parse(text: &str) -> Result<Self, String> {
        let terms = text.split_whitespace().map(Term::parse).collect::<Result<_, _>>()?;
        Ok(Self { text: text.trim().to_owned(), terms })
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    pub fn pod(&self, pod: &Pod, now: Timestamp) -> bool {
        self.terms.iter().all(|term| term.pod(pod, now) != term.negated)
    }

    /// For rows without fields: only the words count.
    pub fn words(&self, row: &[&str]) -> bool {
        self.terms.iter().all(|term| {
            let wanted = match &term.test {
                Test::Text(t) | Test::Field(_, t) => t,
                Test::Number(..) => return true,
            };
            row.iter().any(|cell| contains(cell, wanted)) != term.negated
        })
    }
}

impl Term {
    fn parse(word: &str) -> Result<Self, String> {
        let (negated, word) = match word.strip_prefix('!') {
            Some(rest) if !rest.is_empty() => (true, rest),
            _ => (false, word),
        };
        let Some(at) = word.find(['=', '<', '>']).filter(|at| *at > 0) else {
            return Ok(Self { negated, test: Test::Text(word.to_lowercase()) });
        };
        let (name, rest) = word.split_at(at);
        let (negated, name) = match name.strip_suffix('!') {
            Some(name) => (!negated, name),
            None => (negated, name),
        };
        let Some((_, field)) = FIELDS.iter().find(|(n, _)| *n == name.to_lowercase()) else {
            let near = super::nearest::nearest(name, FIELDS.iter().map(|(n, _)| *n));
            return Err(format!("no field '{name}'{near}"));
        };
        let (order, value) = Order::split(rest);
        let test = match field {
            Field::Restarts => Test::Number(
                *field,
                order,
                value.parse().map_err(|_| format!("'{value}' is no number (restarts>3)"))?,
            ),
            Field::Age => Test::Number(*field, order, duration_s(value)?),
            _ if order != Order::Equal => return Err(format!("'{name}' is compared with =")),
            _ => Test::Field(*field, value.to_lowercase()),
        };
        Ok(Self { negated, test })
    }

    fn pod(&self, pod: &Pod, now: Timestamp) -> bool {
        let owner = || pod.owner.as_ref().map_or("", |o| o.name.as_str());
        match &self.test {
            Test::Text(t) => {
                contains(&pod.name, t)
                    || contains(&pod.status, t)
                    || contains(&pod.namespace, t)
                    || pod.node.as_deref().is_some_and(|n| contains(n, t))
            }
            Test::Field(field, t) => match field {
                Field::Status => contains(&pod.status, t),
                Field::Name => contains(&pod.name, t),
                Field::Namespace => pod.namespace.eq_ignore_ascii_case(t),
                Field::Node => pod.node.as_deref().is_some_and(|n| contains(n, t)),
                Field::Owner => contains(owner(), t),
                Field::Ready => match t.as_str() {
                    "true" | "yes" | "" => pod.is_ready,
                    "false" | "no" => !pod.is_ready,
                    of => format!("{}/{}", pod.ready, pod.containers) == *of,
                },
                Field::Restarts | Field::Age => false,
            },
            Test::Number(Field::Age, order, s) => {
                order.holds(now.duration_since(pod.created).as_secs_f64(), *s)
            }
            Test::Number(_, order, n) => order.holds(f64::from(pod.restarts), *n),
        }
    }
}

impl Order {
    fn split(rest: &str) -> (Self, &str) {
        for (sign, order) in [
            ("<=", Self::LessOrEqual),
            (">=", Self::GreaterOrEqual),
            ("==", Self::Equal),
            ("<", Self::Less),
            (">", Self::Greater),
            ("=", Self::Equal),
        ] {
            if let Some(value) = rest.strip_prefix(sign) {
                return (order, value);
            }
        }
        (Self::Equal, rest)
    }

    fn holds(self, a: f64, b: f64) -> bool {
        match self {
            Self::Less => a < b,
            Self::LessOrEqual => a <= b,
            Self::Equal => (a - b).abs() < 0.5,
            Self::GreaterOrEqual => a >= b,
            Self::Greater => a > b,
        }
    }
}

/// Case does not count; `t` is lowercase.
fn contains(cell: &str, t: &str) -> bool {
    if cell.is_ascii() && t.is_ascii() {
        let (cell, t) = (cell.as_bytes(), t.as_bytes());
        return t.is_empty() || cell.windows(t.len()).any(|w| w.eq_ignore_ascii_case(t));
    }
    cell.to_lowercase().contains(t)
}

/// '90s', '5m', '2h', '3d', '1h30m' in seconds.
fn duration_s(text: &str) -> Result<f64, String> {
    let wrong = || format!("'{text}' is no duration (90s, 5m, 2h, 3d)");
    let mut total = 0.0;
    let mut digits = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() || c == '.' {
            digits.push(c);
            continue;
        }
        let unit = match c {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(wrong()),
        };
        let n: f64 = digits.parse().map_err(|_| wrong())?;
        total += n * SignedDuration::from_secs(unit).as_secs_f64();
        digits.clear();
    }
    if !digits.is_empty() || text.is_empty() { Err(wrong()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::pod::{Phase, Resources};

    fn pod() -> Pod {
        Pod {
            namespace: "shop".into(),
            name: "api-7c9f-x2x7k".into(),
            uid: "u".into(),
            owner: None,
            template: None,
            node: Some("node-3".into()),
            ip: None,
            status: "CrashLoopBackOff".into(),
            phase: Phase::Running,
            ready: 0,
            containers: 1,
            is_ready: false,
            restarts: 7,
            last_restart: None,
            last_end: None,
            created: Timestamp::UNIX_EPOCH,
            deleting: None,
            requests: Resources::default(),
            limits: Resources::default(),
            trouble: None,
        }
    }

    #[test]
    fn terms_select() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);
        for (filter, passes) in [
            ("", true),
            ("api", true),
            ("API", true),
            ("web", false),
            ("!web", true),
            ("!api", false),
            ("status=crash", true),
            ("status!=crash", false),
            ("!status=running", true),
            ("restarts>3", true),
            ("restarts<=6", false),
            ("restarts=7", true),
            ("age<2h", true),
            ("age>61m", false),
            ("age<1h30m", true),
            ("ready=false", true),
            ("ready=0/1", true),
            ("ns=shop node=node-3 restarts>=7", true),
            ("ns=sho", false),
        ] {
            assert_eq!(Filter::parse(filter).unwrap().pod(&pod(), now), passes, "{filter}");
        }
    }

    #[test]
    fn errors_say_what_is_wrong() {
        assert_eq!(Filter::parse("restart>3").unwrap_err(), "no field 'restart', did you mean 'restarts'?");
        assert!(Filter::parse("restarts>x").unwrap_err().contains("no number"));
        assert!(Filter::parse("age<2x").unwrap_err().contains("no duration"));
        assert!(Filter::parse("status>x").unwrap_err().contains("compared with ="));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            if let Ok(filter) = Filter::parse(&text) {
                let _ = filter.pod(&pod(), Timestamp::UNIX_EPOCH);
                let _ = filter.words(&["a", "b"]);
            }
        }
    }
}
