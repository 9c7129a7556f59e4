//! The error budget: what is left of it, how fast it burns, and whether someone should be woken.
//!
//! The windows and rates are those of the SRE workbook's chapter 'Alerting on SLOs', table 5-8:
//! at 14.4 times the sustainable rate, 2 % of a 30-day budget is gone in an hour.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::Health;
use super::objective::{Better, Objective};
use super::signal::BurnWindow;

/// The budget's own window.
const WINDOW: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Two windows that must both burn faster than `rate`, so that an alert is neither late nor long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    pub long: BurnWindow,
    pub short: BurnWindow,
    /// In multiples of the rate that would use the budget up in exactly 30 days.
    pub rate: f64,
    pub verdict: Verdict,
}

pub const PAIRS: [Pair; 4] = [
    Pair { long: BurnWindow::H1, short: BurnWindow::M5, rate: 14.4, verdict: Verdict::Page },
    Pair { long: BurnWindow::H6, short: BurnWindow::M30, rate: 6.0, verdict: Verdict::Page },
    Pair { long: BurnWindow::D1, short: BurnWindow::H2, rate: 3.0, verdict: Verdict::Ticket },
    Pair { long: BurnWindow::D3, short: BurnWindow::H6, rate: 1.0, verdict: Verdict::Ticket },
];

/// What the burn rates ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    None,
    /// Some of the windows are not known, and the known ones ask for nothing.
    #[default]
    Unknown,
    Ticket,
    Page,
}

/// The state of the budget.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Budget {
    pub verdict: Verdict,
    /// The share that is left, below 0 where it is overspent. None: the 30 days are not known.
    pub left: Option<f64>,
    /// The pair that decided the verdict, with its burn rate over the long window.
    pub burning: Option<(Pair, f64)>,
    /// The burn rate over the last hour.
    pub rate: Option<f64>,
    /// When it is gone at that rate; None: not at this rate, or not known.
    pub gone_in: Option<SignedDuration>,
    /// Too few requests for a ratio to mean something.
    pub low_traffic: bool,
    /// Pairs whose rate can't be reached even if every request fails.
    pub unreachable: Vec<Pair>,
}

impl Budget {
    /// `objective` is that of the error ratio or of the availability; `over` is the error ratio
    /// over a window; `requests_per_s` the present rate.
    pub fn of(
        objective: &Objective,
        over: impl Fn(BurnWindow) -> Option<f64>,
        requests_per_s: Option<f64>,
    ) -> Self {
        let allowed = match objective.better {
            Better::Lower => objective.target,
            Better::Higher => 1.0 - objective.target,
        };
        // A target of 100 % has no budget, and one of 0 % promises nothing.
        if !(1e-9..1.0).contains(&allowed) {
            return Self::default();
        }
        let burn = |window| over(window).filter(|ratio| ratio.is_finite()).map(|ratio| ratio / allowed);
        // One failure an hour must not be more than the whole budget of that hour.
        let low_traffic = requests_per_s.is_some_and(|rate| rate * 3600.0 < 1.0 / allowed);
        let mut budget = Self {
            left: burn(BurnWindow::D30).map(|spent| 1.0 - spent),
            rate: burn(BurnWindow::H1),
            low_traffic,
            unreachable: PAIRS.into_iter().filter(|pair| pair.rate * allowed > 1.0).collect(),
            ..Self::default()
        };
        let mut unknown = budget.left.is_none();
        for pair in PAIRS {
            match (burn(pair.long), burn(pair.short)) {
                (Some(long), Some(short)) if long > pair.rate && short > pair.rate => {
                    budget.burning = budget.burning.or(Some((pair, long)));
                }
                (Some(_), Some(_)) => {}
                _ => unknown = true,
            }
        }
        budget.verdict = match budget.burning {
            // At ten requests an hour one failure is a thousand times the rate: nobody is woken.
            Some((pair, _)) if low_traffic => pair.verdict.min(Verdict::Ticket),
            Some((pair, _)) => pair.verdict,
            None if unknown => Verdict::Unknown,
            None => Verdict::None,
        };
        budget.gone_in = match (budget.left, budget.rate) {
            (Some(left), Some(rate)) if left > 0.0 && rate > 0.0 => {
                SignedDuration::try_from_secs_f64(WINDOW.as_secs_f64() * left / rate).ok()
            }
            _ => None,
        };
        budget
    }

    pub fn health(&self) -> Health {
        match self.verdict {
            Verdict::Page => Health::Critical,
            _ if self.left.is_some_and(|left| left <= 0.0) => Health::Critical,
            Verdict::Ticket => Health::Warning,
            Verdict::Unknown => Health::Unknown,
            // A calm hour with three requests proves nothing.
            Verdict::None if self.low_traffic => Health::Unknown,
            Verdict::None => Health::Ok,
        }
    }

    /// 'budget 61 % left, gone in 2.2 days at this rate (burn 14.9×, 1h+5m)'.
    pub fn words(&self) -> String {
        let mut words = match self.left {
            None => "budget not known".to_owned(),
            Some(left) if left <= 0.0 => format!("budget overspent by {:.0} %", -left * 100.0),
            // Rounded down: 'nothing left' must not read as 1 %, nor 99.96 % as all of it.
            Some(left) => format!("budget {:.0} % left", (left * 100.0).floor()),
        };
        if let Some(gone) = self.gone_in.filter(|gone| *gone < WINDOW) {
            let hours = gone.as_secs_f64() / 3600.0;
            let span =
                if hours < 48.0 { format!("{hours:.0} h") } else { format!("{:.1} days", hours / 24.0) };
            words += &format!(", gone in {span} at this rate");
        }
        if let Some((pair, rate)) = self.burning {
            words += &format!(" (burn {rate:.1}×, {}+{})", pair.long.promql(), pair.short.promql());
        }
        if self.low_traffic {
            words += ", low traffic";
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::signal::SignalId;

    fn objective(target: f64) -> Objective {
        let (warning, critical) = (target, target);
        Objective { signal: SignalId::Availability, better: Better::Higher, target, warning, critical }
    }

    /// The same ratio over every window but the 30 days.
    fn steady(target: f64, ratio: f64, spent: f64) -> Budget {
        let over = |w| Some(if w == BurnWindow::D30 { spent * (1.0 - target) } else { ratio });
        Budget::of(&objective(target), over, Some(1000.0))
    }

    #[test]
    fn the_workbook_s_numbers() {
        // 99.9 % over 30 d is 43.2 min; at 14.4 times it is gone in 50 h.
        assert!((30.0 * 24.0 * 60.0 * 0.001 - 43.2f64).abs() < 1e-9);
        let full = steady(0.999, 14.4 * 0.001, 0.0);
        let hours = full.gone_in.unwrap().as_secs_f64() / 3600.0;
        assert!((hours - 50.0).abs() < 0.01, "{hours}");
        let page = steady(0.999, 0.0145, 0.39);
        assert_eq!((page.verdict, page.health()), (Verdict::Page, Health::Critical));
        assert_eq!(page.words(), "budget 61 % left, gone in 30 h at this rate (burn 14.5×, 1h+5m)");
    }

    #[test]
    fn each_pair_needs_both_of_its_windows() {
        for pair in PAIRS {
            let at = |long: f64, short: f64| {
                let over = move |w| {
                    Some(
                        if w == pair.long {
                            long
                        } else if w == pair.short {
                            short
                        } else {
                            0.0
                        } * 0.001,
                    )
                };
                Budget::of(&objective(0.999), over, Some(1000.0)).verdict
            };
            assert_eq!(at(pair.rate * 1.01, pair.rate * 1.01), pair.verdict, "{pair:?}");
            assert_eq!(at(pair.rate * 1.01, 0.0), Verdict::None, "{pair:?}");
            assert_eq!(at(0.0, pair.rate * 0.99), Verdict::None, "{pair:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_never_green() {
        for missing in BurnWindow::ALL {
            let calm = Budget::of(&objective(0.999), |w| (w != missing).then_some(0.0), Some(1000.0));
            assert_eq!(calm.health(), Health::Unknown, "{missing:?}");
            let nan = Budget::of(
                &objective(0.999),
                |w| Some(if w == missing { f64::NAN } else { 0.0 }),
                Some(1000.0),
            );
            assert_eq!(nan.health(), Health::Unknown, "{missing:?}");
        }
        assert_eq!(steady(0.999, 0.0, 0.0).health(), Health::Ok);
        assert_eq!(steady(1.0, 0.0, 0.0).health(), Health::Unknown);
        assert_eq!(steady(0.999, 0.0, 1.2).health(), Health::Critical, "overspent");
        assert_eq!(steady(0.999, 0.0, 1.2).words(), "budget overspent by 20 %");
    }

    #[test]
    fn nobody_is_woken_by_one_failure_in_ten_requests() {
        let over = |_| Some(0.1);
        let few = Budget::of(&objective(0.999), over, Some(10.0 / 3600.0));
        assert_eq!((few.verdict, few.low_traffic), (Verdict::Ticket, true));
        assert!(few.words().ends_with("low traffic"));
        let calm = Budget::of(&objective(0.999), |_| Some(0.0), Some(10.0 / 3600.0));
        assert_eq!(calm.health(), Health::Unknown);
    }

    #[test]
    fn rates_that_no_outage_reaches_are_told() {
        // 1 / 14.4 is 6.94 %.
        assert_eq!(steady(0.9306, 1.0, 0.0).unreachable, []);
        let loose = steady(0.93, 1.0, 0.0);
        assert_eq!(loose.unreachable, [PAIRS[0]]);
        assert_eq!(loose.burning.unwrap().0, PAIRS[1]);
    }

    #[test]
    fn an_objective_of_the_error_ratio_means_the_same() {
        let of_errors = Objective { signal: SignalId::ErrorRatio, better: Better::Lower, ..objective(0.001) };
        let over = |_| Some(0.02);
        let both = [of_errors, objective(0.999)].map(|o| Budget::of(&o, over, Some(1000.0)));
        assert_eq!(both[0].verdict, both[1].verdict);
        assert!((both[0].left.unwrap() - both[1].left.unwrap()).abs() < 1e-6);
    }
}
