//! A figure and its goal.

use serde::{Deserialize, Serialize};

use super::unit::Unit;

/// What a figure has to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    AtMost(f64),
    Below(f64),
    AtLeast(f64),
    /// Told beside the figures that have a goal.
    None,
}

impl Goal {
    /// Whether `value` reaches it; `None` if there is nothing to reach.
    pub(crate) fn reached(self, value: f64) -> Option<bool> {
        match self {
            Self::AtMost(bound) => Some(value <= bound),
            Self::Below(bound) => Some(value < bound),
            Self::AtLeast(bound) => Some(value >= bound),
            Self::None => None,
        }
    }

    pub(crate) fn write(self, unit: Unit) -> String {
        match self {
            Self::AtMost(bound) => format!("≤ {}", unit.write(bound)),
            Self::Below(bound) => format!("< {}", unit.write(bound)),
            Self::AtLeast(bound) => format!("≥ {}", unit.write(bound)),
            Self::None => "–".into(),
        }
    }
}

/// What came of a measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Measured {
    Value(f64),
    /// Why there is no figure.
    Not(String),
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) unit: Unit,
    pub(crate) goal: Goal,
    pub(crate) measured: Measured,
    /// Of how many samples, and against what.
    pub(crate) how: String,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, unit: Unit, goal: Goal, value: f64, how: impl Into<String>) -> Self {
        Self { what: what.into(), unit, goal, measured: Measured::Value(value), how: how.into() }
    }

    /// A figure that this machine, or this version, does not give.
    pub(crate) fn missing(what: impl Into<String>, unit: Unit, goal: Goal, why: impl Into<String>) -> Self {
        Self { what: what.into(), unit, goal, measured: Measured::Not(why.into()), how: String::new() }
    }

    /// Whether the goal is reached; `None` without a figure or a goal.
    pub(crate) fn reached(&self) -> Option<bool> {
        match self.measured {
            Measured::Value(value) => self.goal.reached(value),
            Measured::Not(_) => None,
        }
    }

    /// `goal`, `measured`, `how` and `reached`, as text.
    pub(crate) fn cells(&self) -> [String; 4] {
        let goal = self.goal.write(self.unit);
        match &self.measured {
            Measured::Not(why) => [goal, "not measured".into(), why.clone(), "–".into()],
            Measured::Value(value) => {
                let reached = match self.reached() {
                    Some(true) => "yes",
                    Some(false) => "**no**",
                    None => "–",
                };
                [goal, self.unit.write(*value), self.how.clone(), reached.into()]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_reached_at_its_bound_unless_it_says_below() {
        assert_eq!(Goal::AtMost(1.5).reached(1.5), Some(true));
        assert_eq!(Goal::Below(4.0).reached(4.0), Some(false));
        assert_eq!(Goal::AtLeast(0.95).reached(0.9499), Some(false));
        assert_eq!(Goal::None.reached(1.0), None);
        assert_eq!(Goal::AtLeast(0.5).reached(f64::NAN), Some(false));
    }

    #[test]
    fn a_figure_that_is_missing_reaches_nothing_and_says_why() {
        let row = Row::missing("load", Unit::Ratio, Goal::AtLeast(4.0), "the wheel has no program for this processor");
        assert_eq!(row.reached(), None);
        assert_eq!(row.cells(), ["≥ 4×", "not measured", "the wheel has no program for this processor", "–"]);
    }
}
