//! The space that axes span, and its points: values of scenario paths with a key that stays theirs.

use std::collections::BTreeSet;

use super::axis::Axis;
use super::error::DesignError;
use crate::source::Override;
use crate::source::value;

/// Axes of distinct paths, in the order they were given.
#[derive(Clone, PartialEq, Debug)]
pub struct Space {
    axes: Vec<Axis>,
}

impl Space {
    /// The space of some axes.
    ///
    /// # Errors
    /// No axis; two of one path.
    pub fn new(axes: Vec<Axis>) -> Result<Self, DesignError> {
        if axes.is_empty() {
            return Err(DesignError::NoAxis);
        }
        let mut paths = BTreeSet::new();
        match axes.iter().find(|axis| !paths.insert(axis.path())) {
            Some(axis) => Err(DesignError::Twice(axis.path().to_owned())),
            None => Ok(Self { axes }),
        }
    }

    /// Its axes.
    #[must_use]
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// The point at a coordinate `0 ≤ u < 1` for each axis, in their order.
    ///
    /// # Panics
    /// `Invariant:` when there is not one coordinate an axis.
    #[must_use]
    pub fn at(&self, coordinates: &[f64]) -> Point {
        assert_eq!(coordinates.len(), self.axes.len(), "Invariant: one coordinate an axis");
        let values = self.axes.iter().zip(coordinates).map(|(axis, u)| (axis.path().to_owned(), axis.at(*u)));
        Point::new(values.collect()).expect("an axis holds values that were read, at a path of its own")
    }
}

/// A point of a design: a value for each of some scenario paths, and the key of these.
///
/// The key is the first 16 hex digits of a BLAKE3 of the pairs in the order of their paths, each value in one form for all
/// texts that mean it. It depends on nothing else: a point keeps its key when points or axes are added around it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Point {
    values: Vec<(String, String)>,
    key: String,
}

/// Hex digits of a key: at 10^6 points, two share one with a chance below 10^-7.
const KEY_DIGITS: usize = 16;

impl Point {
    /// A point of paths and RON texts.
    ///
    /// # Errors
    /// A value that cannot be read; a path given twice.
    pub fn new(values: Vec<(String, String)>) -> Result<Self, DesignError> {
        let form = |(path, value): &(String, String)| match value::canonical(value) {
            Ok(form) => Ok((path.clone(), form)),
            Err(problem) => {
                let (path, value) = (path.clone(), value.clone());
                Err(DesignError::Value { path, value, message: problem.message().to_owned() })
            }
        };
        let mut forms = values.iter().map(form).collect::<Result<Vec<_>, _>>()?;
        forms.sort();
        if let Some(pair) = forms.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(DesignError::Twice(pair[0].0.clone()));
        }
        Ok(Self { values, key: key_of(&forms) })
    }

    /// Its paths and the RON texts that stand there, in the order of the axes.
    #[must_use]
    pub fn values(&self) -> &[(String, String)] {
        &self.values
    }

    /// What stays the same for the same values, and for no others.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The values as `--set` takes them.
    #[must_use]
    pub fn sets(&self) -> Vec<Override> {
        self.values.iter().map(|(path, value)| Override { path: path.clone(), value: value.clone() }).collect()
    }
}

/// Each text goes with its length before it, so that no two lists of pairs are one text.
fn key_of(forms: &[(String, String)]) -> String {
    let mut hasher = blake3::Hasher::new();
    for text in forms.iter().flat_map(|(path, value)| [path, value]) {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().to_hex()[..KEY_DIGITS].to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn space(axes: &[&str]) -> Result<Space, DesignError> {
        Space::new(axes.iter().map(|axis| axis.parse().unwrap()).collect())
    }

    #[test]
    fn coordinates_are_values_in_the_order_of_axes() {
        let point = space(&["b=0..10", "a=[x,y]"]).unwrap().at(&[0.25, 0.75]);
        let sets: Vec<String> = point.sets().iter().map(ToString::to_string).collect();
        assert_eq!(sets, ["b=2.5", "a=y"]);
    }

    #[test]
    fn a_space_has_axes_of_distinct_paths() {
        assert_eq!(space(&[]).unwrap_err(), DesignError::NoAxis);
        assert_eq!(
            space(&["a=1..2", "a=[3]"]).unwrap_err().to_string(),
            "`a` is varied twice: expected one axis a path"
        );
    }

    fn key(values: &[(&str, &str)]) -> String {
        let values = values.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned()));
        Point::new(values.collect()).unwrap().key().to_owned()
    }

    /// The bytes by hand, so that keys in files stay what they are: `01 00… "a" 03 00… "0.1" 01 00… "b" 01 00… "x"`.
    #[test]
    fn keys_are_of_sorted_pairs_with_their_lengths() {
        let mut bytes = Vec::new();
        for text in ["a", "0.1", "b", "x"] {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.bytes());
        }
        assert_eq!(key(&[("b", "x"), ("a", "0.10")]), blake3::hash(&bytes).to_hex()[..16]);
    }

    #[test]
    fn keys_tell_values_apart_and_nothing_else() {
        let one = key(&[("a", "1"), ("b", "x")]);
        assert_eq!(one, key(&[("b", " x "), ("a", "1.0")]));
        for other in [
            &[("a", "1"), ("b", "y")][..],
            &[("a", "x"), ("b", "1")],
            &[("a", "1")],
            &[("a", "1"), ("b", "x"), ("c", "x")],
            // Without lengths these would be the text `a1bx` as well.
            &[("a1", "b"), ("x", "x")],
        ] {
            assert_ne!(one, key(other), "{other:?}");
        }
        assert_ne!(key(&[("a1", "2")]), key(&[("a", "12")]));
    }

    #[test]
    fn points_keep_their_keys_when_others_are_added() {
        let few = space(&["a=0..1", "b=[x,y]"]).unwrap();
        let more = space(&["b=[w,x,y]", "a=0..1"]).unwrap();
        assert_eq!(few.at(&[0.5, 0.0]).key(), more.at(&[0.4, 0.5]).key());
    }

    #[test]
    fn a_value_that_cannot_be_read_is_refused() {
        let wrong = Point::new(vec![("a".to_owned(), "[1".to_owned())]).unwrap_err();
        assert_eq!(wrong.to_string(), "`a=[1`: this `[` is never closed");
        let twice = Point::new(vec![("a".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())]);
        assert_eq!(twice.unwrap_err(), DesignError::Twice("a".to_owned()));
    }
}
