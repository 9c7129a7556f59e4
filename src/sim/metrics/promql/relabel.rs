//! `label_replace` and `label_join`.

use regex::Regex;

use super::super::labels::{get, is_label_name, with};
use super::QueryError;
use super::value::{Series, Value, join_same};

/// `texts`: destination, replacement, source, regular expression.
pub fn replace(series: Vec<Series>, texts: &[String]) -> Result<Value, QueryError> {
    let [destination, replacement, source, pattern] = texts else {
        return Err(QueryError::BadData(
            "1:1: parse error: expected 5 argument(s) in call to \"label_replace\"".into(),
        ));
    };
    let invalid =
        |what: &str, text: &str| QueryError::Execution(format!("invalid {what} in label_replace(): {text}"));
    let regex =
        Regex::new(&format!("^(?:{pattern})$")).map_err(|_| invalid("regular expression", pattern))?;
    if !is_label_name(destination) {
        return Err(invalid("destination label name", destination));
    }
    let each = |s: Series| {
        let Some(found) = regex.captures(get(&s.labels, source)) else { return s };
        let mut value = String::new();
        found.expand(replacement, &mut value);
        Series { labels: with(&s.labels, destination, &value), values: s.values }
    };
    Ok(Value::Vector(join_same(series.into_iter().map(each).collect())?))
}

/// `texts`: destination, separator, sources.
pub fn join(series: Vec<Series>, texts: &[String]) -> Result<Value, QueryError> {
    let [destination, separator, sources @ ..] = texts else {
        return Err(QueryError::BadData(
            "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\"".into(),
        ));
    };
    if let Some(bad) = sources.iter().find(|s| !is_label_name(s)) {
        return Err(QueryError::Execution(format!("invalid source label name in label_join(): {bad}")));
    }
    if !is_label_name(destination) {
        let why = format!("invalid destination label name in label_join(): {destination}");
        return Err(QueryError::Execution(why));
    }
    let each = |s: Series| {
        let values: Vec<&str> = sources.iter().map(|l| get(&s.labels, l)).collect();
        Series { labels: with(&s.labels, destination, &values.join(separator)), values: s.values }
    };
    Ok(Value::Vector(join_same(series.into_iter().map(each).collect())?))
}
