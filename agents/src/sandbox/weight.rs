//! What a value costs to copy, in bytes that are the same on every machine: near what an allocator takes, but counted.

use rhai::{Array, Dynamic, ImmutableString, Map};

/// A value in an array.
const CELL: usize = 16;
/// An array or a map without its values.
const CONTAINER: usize = 64;
/// A node of a map, half full on average.
const MAP_NODE: usize = 480;
const MAP_NODE_VALUES: usize = 6;
/// A closure, or a value that rhai keeps in a box.
const CLOSURE: usize = 96;
const BOXED: usize = 48;
/// A text of its own, as an array of texts holds them.
pub(crate) const TEXT: usize = 72;

/// The weight of `value`.
pub(crate) fn of(value: &Dynamic) -> usize {
    if let Some(array) = value.read_lock::<Array>() {
        array.iter().fold(CONTAINER, |sum, item| sum + CELL + of(item))
    } else if let Some(map) = value.read_lock::<Map>() {
        of_keys(map.keys().map(|key| key.len())) + map.values().map(of).sum::<usize>()
    } else if let Some(text) = value.read_lock::<ImmutableString>() {
        text.len()
    } else if value.is_fnptr() {
        CLOSURE
    } else if value.is_variant() {
        BOXED
    } else {
        0
    }
}

/// The weight of an array of so many values that weigh nothing themselves.
pub(crate) const fn of_cells(count: usize) -> usize {
    CONTAINER + CELL * count
}

/// The weight of a map of values that weigh nothing themselves, by the lengths of its keys.
pub(crate) fn of_keys(lengths: impl ExactSizeIterator<Item = usize>) -> usize {
    CONTAINER + MAP_NODE * lengths.len().div_ceil(MAP_NODE_VALUES) + lengths.sum::<usize>()
}

/// The weight of the heaviest value that so many indexes or fields lead to.
pub(crate) fn below(value: &Dynamic, depth: u8) -> usize {
    let Some(depth) = depth.checked_sub(1) else { return of(value) };
    if let Some(array) = value.read_lock::<Array>() {
        array.iter().map(|item| below(item, depth)).max().unwrap_or(0)
    } else if let Some(map) = value.read_lock::<Map>() {
        map.values().map(|item| below(item, depth)).max().unwrap_or(0)
    } else {
        0
    }
}

/// How many values an array of `value` alone counts as.
pub(crate) fn cells(value: &Dynamic) -> usize {
    if let Some(array) = value.read_lock::<Array>() {
        array.iter().fold(1, |sum, item| sum + cells(item))
    } else if let Some(map) = value.read_lock::<Map>() {
        map.values().fold(1, |sum, item| sum + cells(item))
    } else {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, depth: u8, expected: usize) {
        let value: Dynamic = rhai::Engine::new_raw().eval(text).expect(text);
        assert_eq!(below(&value, depth), expected, "{text} at {depth}");
    }

    #[test]
    fn copies_weigh_what_they_take() {
        check("1.5", 0, 0);
        check("\"abc\"", 0, 3);
        check("[1, 2, 3]", 0, 64 + 48);
        check("[[], [1]]", 0, 64 + 2 * 16 + 64 + 64 + 16);
        check("#{ab: 1}", 0, 64 + 480 + 2);
        check("#{a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1}", 0, 64 + 960 + 7);
        check("[|x| x]", 0, 64 + 16 + 96);
        check("[0..3]", 0, 64 + 16 + 48);
    }

    #[test]
    fn only_what_is_taken_out_weighs() {
        check("[[1, 2], [1], 7]", 1, 64 + 32);
        check("[[1, 2], [1], 7]", 2, 0);
        check("#{rows: [[1, 2]]}", 2, 64 + 32);
        check("5", 1, 0);
    }
}
