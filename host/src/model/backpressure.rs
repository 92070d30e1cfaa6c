//! Model: how fast sources may be read, as declared.
//!
//! Takes what a person wrote. Gives it to whoever estimates rates and to whoever keeps them. Never
//! measures anything.

/// How a job keeps its sources to the rate at which its batches are worked off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backpressure {
    /// Whether rates follow how batches went (Spark's `spark.streaming.backpressure.enabled`).
    /// Without it the byte budget alone slows sources, which loses nothing either.
    pub enabled: bool,
    /// Rows a second of each source until its batches tell a better rate; `None`: the most.
    pub initial_rate: Option<f64>,
    /// Rows a second that a source may bring at most, unless it says so itself.
    pub max_rate: Option<f64>,
    /// Rows a second below which no source is slowed. Spark's 100 is too many where a row takes
    /// long.
    pub min_rate: f64,
    /// Weight of the difference between the rate and how fast the last batch was.
    pub proportional: f64,
    /// Weight of the rows that waited.
    pub integral: f64,
    /// Weight of how that difference changes.
    pub derivative: f64,
}

impl Default for Backpressure {
    /// Off, as in Spark, with Spark's weights.
    fn default() -> Self {
        Self {
            enabled: false,
            initial_rate: None,
            max_rate: None,
            min_rate: 1.0,
            proportional: 1.0,
            integral: 0.2,
            derivative: 0.0,
        }
    }
}

/// The most that one source may bring.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SourceRates {
    /// Rows a second; `None`: what the job says.
    pub max_rate: Option<f64>,
    /// Bytes a second.
    pub max_bytes_rate: Option<f64>,
}

impl Backpressure {
    /// What cannot be meant so, and what is allowed.
    pub fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = [
            ("initial_rate", self.initial_rate),
            ("max_rate", self.max_rate),
            ("min_rate", Some(self.min_rate)),
        ]
        .into_iter()
        .filter_map(|(key, rate)| wrong_rate(key, rate?))
        .collect();
        for (key, weight) in [
            ("proportional", self.proportional),
            ("integral", self.integral),
            ("derivative", self.derivative),
        ] {
            if !(weight.is_finite() && weight >= 0.0) {
                problems.push(format!("`{key}` is {weight}, allowed are numbers from 0 on"));
            }
        }
        if let Some(max_rate) = self.max_rate
            && self.enabled
            && self.min_rate > max_rate
        {
            let min_rate = self.min_rate;
            problems.push(format!("`min_rate` is {min_rate}, above `max_rate`, {max_rate}"));
        }
        if let (Some(initial_rate), Some(max_rate)) = (self.initial_rate, self.max_rate)
            && initial_rate > max_rate
            && max_rate > 0.0
        {
            problems
                .push(format!("`initial_rate` is {initial_rate}, above `max_rate`, {max_rate}"));
        }
        if self.initial_rate.is_some() && !self.enabled {
            let instead = "it holds until batches tell a better rate; a fixed one is `max_rate`";
            problems.push(format!("`initial_rate` needs `enabled = true`: {instead}"));
        }
        problems
    }
}

impl SourceRates {
    /// What cannot be meant so, and what is allowed.
    pub fn problems(&self) -> Vec<String> {
        let rates = [("max_rate", self.max_rate), ("max_bytes_rate", self.max_bytes_rate)];
        rates.into_iter().filter_map(|(key, rate)| wrong_rate(key, rate?)).collect()
    }
}

/// A rate of nothing would never let anything through; in Spark it was said to mean no limit, and
/// failed where it was used.
fn wrong_rate(key: &str, rate: f64) -> Option<String> {
    let fits = rate.is_finite() && rate > 0.0;
    let allowed = "allowed is more than 0 a second";
    (!fits).then(|| format!("`{key}` is {rate}, {allowed}; leave it out for its default"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_nothing_are_refused_by_name() {
        assert_eq!(Backpressure::default().problems(), Vec::<String>::new());
        let wrong = Backpressure {
            enabled: true,
            initial_rate: Some(0.0),
            max_rate: Some(-3.0),
            min_rate: f64::NAN,
            derivative: -1.0,
            ..Backpressure::default()
        };
        let expected = [
            "`initial_rate` is 0, allowed is more than 0 a second; leave it out for its default",
            "`max_rate` is -3, allowed is more than 0 a second; leave it out for its default",
            "`min_rate` is NaN, allowed is more than 0 a second; leave it out for its default",
            "`derivative` is -1, allowed are numbers from 0 on",
        ];
        assert_eq!(wrong.problems(), expected);
        let rates = SourceRates { max_rate: None, max_bytes_rate: Some(f64::INFINITY) };
        assert_eq!(rates.problems().len(), 1);
    }

    #[test]
    fn rates_that_contradict_each_other_are_refused() {
        let crossed =
            Backpressure { enabled: true, max_rate: Some(0.5), ..Backpressure::default() };
        assert_eq!(crossed.problems(), ["`min_rate` is 1, above `max_rate`, 0.5"]);
        let fast = Backpressure {
            enabled: true,
            initial_rate: Some(9.0),
            max_rate: Some(8.0),
            ..Backpressure::default()
        };
        assert_eq!(fast.problems(), ["`initial_rate` is 9, above `max_rate`, 8"]);
        let idle = Backpressure { initial_rate: Some(5.0), ..Backpressure::default() };
        assert!(idle.problems()[0].starts_with("`initial_rate` needs `enabled = true`"));
    }
}
