//! Function calls: which module answers for which name, and the functions that need no module
//! of their own.

use promql_parser::parser::{Call, Expr};

use super::super::labels::{METRIC_NAME, labels_from, none, without_name};
use super::eval::Evaluator;
use super::value::{Labels, Series, Value, join_same};
use super::{QueryError, aggregate, alternatives, calendar, histogram, overtime, relabel, trends};

/// Whether [`call`] has an answer for the function.
pub fn is_known(name: &str) -> bool {
    let own = [
        "rate",
        "increase",
        "delta",
        "irate",
        "idelta",
        "deriv",
        "predict_linear",
        "quantile_over_time",
        "absent_over_time",
        "absent",
        "histogram_quantile",
        "label_replace",
        "label_join",
        "time",
        "timestamp",
        "pi",
        "scalar",
        "vector",
        "sort",
        "sort_desc",
        "clamp",
        "clamp_min",
        "clamp_max",
        "round",
    ];
    own.contains(&name)
        || overtime::by_name(name).is_some()
        || elementwise(name).is_some()
        || calendar::by_name(name).is_some()
}

pub fn call(ev: &Evaluator, call: &Call) -> Result<Value, QueryError> {
    let name = call.func.name;
    let args = Args { ev, name, args: &call.args.args };
    if let Some(f) = overtime::by_name(name) {
        return args.over_range(|r| Ok(overtime::apply(r, ev.grid, name, f)));
    }
    if let Some(f) = elementwise(name) {
        return map(ev.vector(args.get(0)?)?, |v, _| Some(f(v)));
    }
    if let Some(part) = calendar::by_name(name) {
        let times = if args.args.is_empty() { vec![time_series(ev)] } else { ev.vector(args.get(0)?)? };
        return map(times, |v, _| Some(part(v)));
    }
    match name {
        "rate" => args.over_range(|r| Ok(trends::extrapolated(r, ev.grid, true, true))),
        "increase" => args.over_range(|r| Ok(trends::extrapolated(r, ev.grid, true, false))),
        "delta" => args.over_range(|r| Ok(trends::extrapolated(r, ev.grid, false, false))),
        "irate" => args.over_range(|r| Ok(trends::instant(r, ev.grid, true))),
        "idelta" => args.over_range(|r| Ok(trends::instant(r, ev.grid, false))),
        "deriv" => args.over_range(|r| Ok(trends::deriv(r, ev.grid))),
        "predict_linear" => {
            let ahead = args.scalar(1)?;
            args.over_range(|r| Ok(trends::predict(r, ev.grid, &ahead)))
        }
        "quantile_over_time" => {
            let q = args.scalar(0)?;
            args.over_range(|r| Ok(overtime::quantile(r, ev.grid, &q)))
        }
        "absent_over_time" => {
            let Value::Vector(present) =
                args.over_range(|r| Ok(r.each(ev.grid, without_name, |_| |_: &_| Some(1.0))))?
            else {
                return Err(args.unknown());
            };
            absent(ev, &present, args.get(0)?)
        }
        "absent" => absent(ev, &ev.vector(args.get(0)?)?, args.get(0)?),
        "histogram_quantile" => {
            let q = args.scalar(0)?;
            histogram::quantile(ev, &q, &ev.vector(args.get(1)?)?)
        }
        "label_replace" => relabel::replace(ev.vector(args.get(0)?)?, &args.texts(1)?),
        "label_join" => relabel::join(ev.vector(args.get(0)?)?, &args.texts(1)?),
        "time" => Ok(Value::Scalar(times(ev))),
        "timestamp" => timestamp(ev, args.get(0)?),
        "pi" => Ok(Value::Scalar(vec![std::f64::consts::PI; ev.grid.steps])),
        "scalar" => Ok(Value::Scalar(to_scalar(ev, &ev.vector(args.get(0)?)?))),
        "vector" => {
            let values = args.scalar(0)?.into_iter().map(Some).collect();
            Ok(Value::Vector(vec![Series { labels: none(), values }]))
        }
        "sort" => sorted(ev.vector(args.get(0)?)?, false),
        "sort_desc" => sorted(ev.vector(args.get(0)?)?, true),
        "clamp" | "clamp_min" | "clamp_max" | "round" => bounded(&args),
        _ => Err(args.unknown()),
    }
}

/// The arguments of one call.
struct Args<'a> {
    ev: &'a Evaluator<'a>,
    name: &'static str,
    args: &'a [Box<Expr>],
}

impl Args<'_> {
    fn get(&self, i: usize) -> Result<&Expr, QueryError> {
        let missing = || {
            let got = self.args.len();
            let why = format!(
                "1:1: parse error: expected {} argument(s) in call to {:?}, got {got}",
                i + 1,
                self.name
            );
            QueryError::BadData(why)
        };
        self.args.get(i).map(|a| &**a).ok_or_else(missing)
    }

    fn scalar(&self, i: usize) -> Result<Vec<f64>, QueryError> {
        self.ev.scalar(self.get(i)?)
    }

    /// The string arguments from `first` on.
    fn texts(&self, first: usize) -> Result<Vec<String>, QueryError> {
        let text = |arg: &Expr| match self.ev.eval(arg)? {
            Value::Text(text) => Ok(text),
            _ => {
                let why =
                    format!("1:1: parse error: expected type string in call to function {:?}", self.name);
                Err(QueryError::BadData(why))
            }
        };
        self.args.iter().skip(first).map(|arg| text(arg)).collect()
    }

    /// Applies `f` to the range vector among the arguments.
    fn over_range(
        &self,
        f: impl FnOnce(&super::window::Ranges) -> Result<Vec<Series>, QueryError>,
    ) -> Result<Value, QueryError> {
        let range =
            self.args.iter().find(|a| a.value_type() == promql_parser::parser::value::ValueType::Matrix);
        let ranges = self.ev.ranges(range.map_or_else(|| self.get(0), |r| Ok(&**r))?)?;
        self.ev.spend(ranges.series.len())?;
        self.ev.spend_visits(&ranges)?;
        let series = f(&ranges)?;
        Ok(Value::Vector(join_same(
            series.into_iter().filter(|s| s.values.iter().any(Option::is_some)).collect(),
        )?))
    }

    /// Never reached: [`is_known`] is asked before.
    fn unknown(&self) -> QueryError {
        QueryError::BadData(format!("1:1: parse error: unknown function with name {:?}", self.name))
    }
}

fn elementwise(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sqrt" => f64::sqrt,
        "sgn" => |v| {
            if v > 0.0 {
                1.0
            } else if v < 0.0 {
                -1.0
            } else {
                v
            }
        },
        "deg" => f64::to_degrees,
        "rad" => f64::to_radians,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => f64::acosh,
        "atanh" => f64::atanh,
        _ => return None,
    })
}

/// Applies `f` to each value at its step, and drops the metric's name.
fn map(series: Vec<Series>, f: impl Fn(f64, usize) -> Option<f64>) -> Result<Value, QueryError> {
    let each = |s: Series| Series {
        labels: without_name(&s.labels),
        values: s.values.into_iter().enumerate().map(|(i, v)| v.and_then(|v| f(v, i))).collect(),
    };
    Ok(Value::Vector(join_same(series.into_iter().map(each).collect())?))
}

fn times(ev: &Evaluator) -> Vec<f64> {
    (0..ev.grid.steps).map(|i| ev.grid.time(i) as f64 / 1000.0).collect()
}

fn time_series(ev: &Evaluator) -> Series {
    Series { labels: none(), values: times(ev).into_iter().map(Some).collect() }
}

/// Of a selector: the times of its samples. Of anything else: the time of the step.
fn timestamp(ev: &Evaluator, arg: &Expr) -> Result<Value, QueryError> {
    let mut inner = arg;
    while let Expr::Paren(p) = inner {
        inner = &p.expr;
    }
    if let Expr::VectorSelector(vs) = inner {
        return map(ev.select_instant(vs, |s, _| s.t as f64 / 1000.0)?, |v, _| Some(v));
    }
    let times = times(ev);
    map(ev.vector(arg)?, |_, i| Some(times[i]))
}

/// One series at a step is its value; none or several are NaN.
fn to_scalar(ev: &Evaluator, series: &[Series]) -> Vec<f64> {
    let at = |step: usize| {
        let mut present = series.iter().filter_map(|s| s.values[step]);
        match (present.next(), present.next()) {
            (Some(only), None) => only,
            _ => f64::NAN,
        }
    };
    (0..ev.grid.steps).map(at).collect()
}

/// Order only shows in an instant query, and there each series has the one value.
fn sorted(mut series: Vec<Series>, descending: bool) -> Result<Value, QueryError> {
    let key = |s: &Series| s.values.first().copied().flatten().unwrap_or(f64::NAN);
    series.sort_by(|a, b| aggregate::rank(key(a), key(b), descending));
    Ok(Value::Vector(series))
}

fn absent(ev: &Evaluator, series: &[Series], arg: &Expr) -> Result<Value, QueryError> {
    let at = |step: usize| if series.iter().any(|s| s.values[step].is_some()) { None } else { Some(1.0) };
    let values: Vec<Option<f64>> = (0..ev.grid.steps).map(at).collect();
    let any = values.iter().any(Option::is_some);
    Ok(Value::Vector(if any { vec![Series { labels: absent_labels(arg), values }] } else { Vec::new() }))
}

/// The labels that the missing series would have: those of equality matchers named once.
fn absent_labels(arg: &Expr) -> Labels {
    let selector = match arg {
        Expr::VectorSelector(vs) => vs,
        Expr::MatrixSelector(ms) => &ms.vs,
        _ => return none(),
    };
    let matchers = alternatives(selector).into_iter().next().unwrap_or_default();
    let once = |name: &str| matchers.iter().filter(|m| m.name == name).count() == 1;
    let equal = |m: &&promql_parser::label::Matcher| {
        m.op == promql_parser::label::MatchOp::Equal && m.name != METRIC_NAME && once(&m.name)
    };
    labels_from(matchers.iter().filter(equal).map(|m| (m.name.as_str(), m.value.as_str())))
}

fn bounded(args: &Args) -> Result<Value, QueryError> {
    let series = args.ev.vector(args.get(0)?)?;
    let bound = |i: usize, default: f64| match args.args.len() > i {
        true => args.scalar(i),
        false => Ok(vec![default; args.ev.grid.steps]),
    };
    match args.name {
        "round" => {
            let to = bound(1, 1.0)?;
            map(series, |v, i| Some((v * (1.0 / to[i]) + 0.5).floor() / (1.0 / to[i])))
        }
        "clamp" => {
            let (min, max) = (bound(1, f64::NEG_INFINITY)?, bound(2, f64::INFINITY)?);
            map(
                series,
                |v, i| if max[i] < min[i] { None } else { Some(at_least(at_most(v, max[i]), min[i])) },
            )
        }
        "clamp_min" => {
            let min = bound(1, f64::NEG_INFINITY)?;
            map(series, |v, i| Some(at_least(v, min[i])))
        }
        _ => {
            let max = bound(1, f64::INFINITY)?;
            map(series, |v, i| Some(at_most(v, max[i])))
        }
    }
}

/// Go's `math.Max`: NaN wins, unlike in `f64::max`.
fn at_least(v: f64, min: f64) -> f64 {
    if v.is_nan() || min.is_nan() { f64::NAN } else { v.max(min) }
}

/// Go's `math.Min`: NaN wins.
fn at_most(v: f64, max: f64) -> f64 {
    if v.is_nan() || max.is_nan() { f64::NAN } else { v.min(max) }
}
