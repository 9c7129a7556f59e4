//! The error budget and how fast it burns: the multiwindow, multi-burn-rate alerts of the Google SRE
//! workbook (chapter 5, table 5-8). Both windows of a pair must exceed its rate.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::Health;
use super::signal::BurnWindow;

/// The period over which the objective is promised.
const PERIOD: SignedDuration = SignedDuration::from_hours(30 * 24);

/// One row of the workbook's table.
struct Pair {
    long: BurnWindow,
    short: BurnWindow,
    burn: f64,
    page: bool,
}

const PAIRS: [Pair; 4] = [
    Pair { long: BurnWindow::H1, short: BurnWindow::M5, burn: 14.4, page: true },
    Pair { long: BurnWindow::H6, short: BurnWindow::M30, burn: 6.0, page: true },
    Pair { long: BurnWindow::D1, short: BurnWindow::H2, burn: 3.0, page: false },
    Pair { long: BurnWindow::D3, short: BurnWindow::H6, burn: 1.0, page: false },
];

/// What is known of the budget.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    /// 1 − spent, over 30 days; negative where more was spent than there was. None: the 30 days
    /// are not known.
    pub left: Option<f64>,
    /// The pair that exceeds its rate, and by how much it burns over the longer window.
    pub burning: Option<(BurnWindow, BurnWindow, f64)>,
    pub health: Health,
    /// Until nothing is left, at the rate of the last hour.
    pub gone_in: Option<SignedDuration>,
    /// So few requests that one failure exceeds the rate: never a page.
    pub low_traffic: bool,
    /// Pairs whose rate is out of reach, since even with every request failing the burn rate is
    /// 1 / `allowed`: at 14.4 for targets below 93.06 %.
    pub out_of_reach: Vec<(BurnWindow, BurnWindow)>,
    /// Windows that could not be read: what they would say is unknown, not well.
    pub missing: Vec<BurnWindow>,
}

/// Judges the budget of an objective of at most `allowed` (0.001 for 99.9 %) failed requests.
///
/// `ratios`: the error ratio over each window, where it is known. `rate`: requests per second now.
pub fn assess(allowed: f64, ratios: &BTreeMap<BurnWindow, f64>, rate: Option<f64>) -> Budget {
    let known = |window: BurnWindow| ratios.get(&window).copied().filter(|r| r.is_finite());
    let burn = |window: BurnWindow| known(window).map(|ratio| ratio / allowed);
    let left = known(BurnWindow::D30).map(|ratio| 1.0 - ratio / allowed);
    // One failure would be more than the whole budget of its hour.
    let low_traffic = rate.is_some_and(|rate| rate * 3600.0 * allowed < 1.0);
    let pair = PAIRS.iter().find(|pair| {
        matches!((burn(pair.long), burn(pair.short)), (Some(l), Some(s)) if l > pair.burn && s > pair.burn)
    });
    let burning = pair.and_then(|pair| Some((pair.long, pair.short, burn(pair.long)?)));
    let missing: Vec<BurnWindow> = BurnWindow::ALL.into_iter().filter(|w| known(*w).is_none()).collect();
    let spent = left.is_some_and(|left| left <= 0.0);
    let health = match pair {
        Some(pair) if pair.page && !low_traffic => Health::Critical,
        Some(_) => Health::Warning,
        None if spent => Health::Warning,
        // Neither is what can't be seen well, nor an hour of which three requests went well.
        None if !missing.is_empty() || low_traffic => Health::Unknown,
        None => Health::Ok,
    };
    let gone_in = match (left, burn(BurnWindow::H1)) {
        (Some(left), Some(burn)) if left > 0.0 && burn > 1.0 => {
            SignedDuration::try_from_secs_f64(PERIOD.as_secs_f64() * left / burn).ok()
        }
        _ => None,
    };
    let out_of_reach = PAIRS.iter().filter(|p| p.burn * allowed > 1.0).map(|p| (p.long, p.short)).collect();
    Budget { left, burning, health, gone_in, low_traffic, out_of_reach, missing }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(ratio: f64) -> BTreeMap<BurnWindow, f64> {
        BurnWindow::ALL.into_iter().map(|w| (w, ratio)).collect()
    }

    #[test]
    fn the_workbooks_numbers() {
        // 14.4 times the rate spends the budget of 30 days in 50 hours.
        let budget = assess(0.001, &all(0.01441), None);
        assert_eq!(budget.health, Health::Critical);
        assert_eq!(budget.burning.map(|(l, s, _)| (l, s)), Some((BurnWindow::H1, BurnWindow::M5)));
        let fresh = BTreeMap::from([(BurnWindow::D30, 0.0), (BurnWindow::H1, 0.0144)]);
        assert_eq!(assess(0.001, &fresh, None).gone_in.map(|d| d.as_hours()), Some(50));
        // 99.9 % over 30 days: 43.2 minutes.
        assert!((PERIOD.as_secs_f64() * 0.001 / 60.0 - 43.2).abs() < 1e-9);
    }

    #[test]
    fn both_windows_must_exceed() {
        let mut ratios = all(0.0005);
        ratios.insert(BurnWindow::H1, 0.02);
        assert_eq!(assess(0.001, &ratios, None).health, Health::Ok);
        ratios.insert(BurnWindow::M5, 0.02);
        assert_eq!(assess(0.001, &ratios, None).health, Health::Critical);
    }

    #[test]
    fn slow_burns_are_tickets() {
        let mut ratios = all(0.0005);
        ratios.extend([(BurnWindow::D1, 0.004), (BurnWindow::H2, 0.004)]);
        let budget = assess(0.001, &ratios, None);
        assert_eq!((budget.health, budget.burning.map(|b| b.0)), (Health::Warning, Some(BurnWindow::D1)));
    }

    #[test]
    fn low_traffic_never_pages() {
        // Ten requests an hour: one failure is a rate of 100 at 99.9 %.
        let budget = assess(0.001, &all(0.1), Some(10.0 / 3600.0));
        assert!(budget.low_traffic);
        assert_eq!(budget.health, Health::Warning);
        assert!(!assess(0.001, &all(0.1), Some(1000.0)).low_traffic);
        let calm = assess(0.001, &all(0.0), Some(10.0 / 3600.0));
        assert_eq!(calm.health, Health::Unknown, "ten good requests prove nothing");
    }

    #[test]
    fn rates_that_no_outage_reaches_are_told() {
        // 1 / 14.4 is 6.94 %.
        assert_eq!(assess(1.0 - 0.9307, &all(1.0), None).out_of_reach, []);
        let loose = assess(1.0 - 0.93, &all(1.0), None);
        assert_eq!(loose.out_of_reach, [(BurnWindow::H1, BurnWindow::M5)]);
        assert_eq!(loose.burning.map(|b| b.0), Some(BurnWindow::H6));
    }

    #[test]
    fn what_is_not_known_is_never_well() {
        for missing in BurnWindow::ALL {
            let mut ratios = all(0.0);
            ratios.remove(&missing);
            assert_eq!(assess(0.001, &ratios, Some(1000.0)).health, Health::Unknown, "{missing:?}");
        }
        assert_eq!(assess(0.001, &BTreeMap::new(), None).health, Health::Unknown);
        let mut ratios = all(0.0);
        ratios.remove(&BurnWindow::D3);
        let budget = assess(0.001, &ratios, None);
        assert_eq!((budget.health, budget.missing), (Health::Unknown, vec![BurnWindow::D3]));
        ratios = all(0.0);
        ratios.insert(BurnWindow::H1, f64::NAN);
        assert_eq!(assess(0.001, &ratios, None).health, Health::Unknown);
    }

    #[test]
    fn a_spent_budget_is_told() {
        let mut ratios = all(0.0005);
        ratios.insert(BurnWindow::D30, 0.0012);
        let budget = assess(0.001, &ratios, None);
        assert_eq!(budget.health, Health::Warning);
        assert!(budget.left.is_some_and(|left| left < 0.0) && budget.gone_in.is_none());
    }
}
