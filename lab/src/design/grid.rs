//! A grid: every value of every axis with every value of the others.

use super::error::DesignError;
use super::space::{Point, Space};

/// Every combination of the axes' values, the first axis slowest, so that a further value of the first is behind all
/// others.
///
/// # Errors
/// A range of real numbers that does not say how many points; more points than `limit`.
pub fn grid(space: &Space, limit: usize) -> Result<Vec<Point>, DesignError> {
    let mut points: u128 = 1;
    for axis in space.axes() {
        let count = axis.count().ok_or_else(|| DesignError::Unbounded(axis.to_string()))?;
        points = points.saturating_mul(u128::from(count));
    }
    if points > limit as u128 {
        let points = if points == u128::MAX { "too many".to_owned() } else { points.to_string() };
        return Err(DesignError::TooManyPoints { points, limit });
    }
    let mut rows: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for axis in space.axes() {
        let levels = axis.levels();
        let with = |row: &Vec<(String, String)>, level: &String| {
            row.iter().cloned().chain([(axis.path().to_owned(), level.clone())]).collect()
        };
        rows = rows.iter().flat_map(|row| levels.iter().map(move |level| with(row, level))).collect();
    }
    rows.into_iter().map(Point::new).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(axes: &[&str], limit: usize) -> Result<Vec<String>, String> {
        let space = Space::new(axes.iter().map(|axis| axis.parse().unwrap()).collect()).unwrap();
        let points = grid(&space, limit).map_err(|error| error.to_string())?;
        let shown =
            |point: &Point| point.values().iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" ");
        Ok(points.iter().map(shown).collect())
    }

    #[test]
    fn every_combination_stands_once_the_first_axis_slowest() {
        let points = of(&["a=[x,y]", "b=1..3:int", "c=0..1/2"], 12).unwrap();
        let expected = [
            "x 1 0", "x 1 1", "x 2 0", "x 2 1", "x 3 0", "x 3 1", "y 1 0", "y 1 1", "y 2 0", "y 2 1", "y 3 0", "y 3 1",
        ];
        assert_eq!(points, expected);
    }

    #[test]
    fn a_grid_without_a_number_of_points_or_with_too_many_is_refused() {
        let unbounded = "`a=0..1:log` is a range of real numbers: expected the number of its points in the grid, such as `a=0..1:log/5`";
        assert_eq!(of(&["a=1..2:log"], 9).unwrap_err(), unbounded.replace("0..1", "1..2"));
        let error = of(&["a=[x,y]", "b=1..3:int", "c=0..1/2"], 11).unwrap_err();
        assert!(error.starts_with("the grid has 12 points: expected at most 11;"), "{error}");
        // Counted before anything is made.
        let huge = of(&["a=0..9007199254740991:int", "b=0..9007199254740991:int"], 1_000_000).unwrap_err();
        assert!(huge.starts_with("the grid has 81129638414606681695789005144064 points"), "{huge}");
        let axes: Vec<String> = (0..9).map(|axis| format!("a{axis}=0..9007199254740991:int")).collect();
        let beyond = of(&axes.iter().map(String::as_str).collect::<Vec<_>>(), 9).unwrap_err();
        assert!(beyond.starts_with("the grid has too many points"), "{beyond}");
    }
}
