//! Simulated time: segments with their own step length, and the step that is under way.

use bevy_ecs::prelude::Resource;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::units::{Millis, Span};

/// A stretch of the run with one step length.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// How long the stretch lasts.
    #[serde(rename = "for")]
    pub length: Span,
    /// The length of one step within it.
    pub dt: Span,
}

/// The time of the current step.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The number of the step, from 0.
    pub step: u64,
    /// Milliseconds from the start of the run to the start of this step.
    pub time: Millis,
    /// The length of this step.
    pub dt: Span,
}

impl Now {
    /// How many multiples of `period` fall into this step (its start excluded, its end included).
    #[must_use]
    pub fn crossings(&self, period: Span) -> u64 {
        let by = |time: Millis| time.checked_div(period.0).unwrap_or(0);
        by(self.time + self.dt.0) - by(self.time)
    }

    /// How many whole events of a rate a second fall into this step.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn quota(&self, rate: f64) -> u64 {
        let by = |time: Millis| libm::floor(rate * Span(time).seconds());
        (by(self.time + self.dt.0) - by(self.time)) as u64
    }
}

/// The plan of all steps.
#[derive(Clone, Debug)]
pub struct Clock {
    segments: Vec<Segment>,
}

impl Clock {
    /// The most steps a run may have.
    pub const MAX_STEPS: u64 = 100_000_000;

    /// A clock over `segments`; an error names the first segment that makes no sense, by position.
    ///
    /// # Errors
    /// The index of a segment with no length, with a zero step, or with a step that does not divide it; or of the
    /// segment that exceeds [`Self::MAX_STEPS`].
    pub fn new(segments: Vec<Segment>) -> Result<Self, (usize, String)> {
        if segments.is_empty() {
            return Err((0, "a clock needs at least one segment, such as (for: \"1h\", dt: \"1s\")".into()));
        }
        let mut steps = 0_u64;
        for (index, segment) in segments.iter().enumerate() {
            if segment.dt.0 == 0 || segment.length.0 == 0 {
                return Err((index, "a segment and its step are longer than zero".into()));
            }
            if !segment.length.0.is_multiple_of(segment.dt.0) {
                return Err((index, format!("dt {} does not divide {}", segment.dt, segment.length)));
            }
            steps += segment.length.0 / segment.dt.0;
            if steps > Self::MAX_STEPS {
                return Err((index, format!("{steps} steps: at most {} fit a run", Self::MAX_STEPS)));
            }
        }
        Ok(Self { segments })
    }

    /// How many steps the whole plan has.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.segments.iter().map(|segment| segment.length.0 / segment.dt.0).sum()
    }

    /// The whole time the plan covers.
    #[must_use]
    pub fn length(&self) -> Span {
        Span(self.segments.iter().map(|segment| segment.length.0).sum())
    }

    /// The time of step `step`; past the end the last segment goes on.
    #[must_use]
    pub fn at(&self, step: u64) -> Now {
        let (mut left, mut time, mut dt) = (step, 0, Span(1));
        for (index, segment) in self.segments.iter().enumerate() {
            let count = segment.length.0 / segment.dt.0;
            dt = segment.dt;
            if left < count || index + 1 == self.segments.len() {
                return Now { step, time: time + left * dt.0, dt };
            }
            left -= count;
            time += segment.length.0;
        }
        Now { step, time, dt }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn segment(length: &str, dt: &str) -> Segment {
        Segment { length: length.parse().unwrap(), dt: dt.parse().unwrap() }
    }

    #[test]
    fn segments_follow_one_another() {
        let clock = Clock::new(vec![segment("2h", "1h"), segment("3s", "1s")]).unwrap();
        assert_eq!(clock.steps(), 5);
        assert_eq!(clock.at(1), Now { step: 1, time: 3_600_000, dt: Span(3_600_000) });
        assert_eq!(clock.at(4), Now { step: 4, time: 7_202_000, dt: Span(1_000) });
    }

    #[test]
    fn a_step_must_divide_its_segment() {
        assert!(Clock::new(vec![segment("10s", "3s")]).is_err());
        assert!(Clock::new(vec![]).is_err());
        assert_eq!(Clock::new(vec![segment("1s", "1s"), segment("30000d", "1ms")]).unwrap_err().0, 1);
    }

    #[test]
    fn a_period_is_crossed_once() {
        let clock = Clock::new(vec![segment("1h", "7m30s")]).unwrap();
        let crossed =
            |period: &str| -> u64 { (0..8).map(|step| clock.at(step).crossings(period.parse().unwrap())).sum() };
        assert_eq!(crossed("30m"), 2);
        assert_eq!(crossed("3m"), 20, "several may fall into one step");
    }
}
