//! Decimal numbers of any length, compared exactly.
//!
//! A nanosecond timestamp has 19 digits, more than a float keeps apart.

use std::cmp::Ordering;

/// A decimal number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    is_negative: bool,
    /// Without leading zeros; empty for zero.
    whole: String,
    /// Without trailing zeros.
    fraction: String,
}

impl Decimal {
    /// Reads `12`, `-3.50` or `0012`, or returns `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let are_digits = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
        if !are_digits(whole) || !are_digits(fraction) {
            return None;
        }
        let whole = whole.trim_start_matches('0').to_owned();
        let fraction = fraction.trim_end_matches('0').to_owned();
        let is_zero = whole.is_empty() && fraction.is_empty();
        Some(Self {
            is_negative: is_negative && !is_zero,
            whole,
            fraction,
        })
    }

    fn compare_size(&self, other: &Self) -> Ordering {
        (self.whole.len().cmp(&other.whole.len()))
            .then_with(|| self.whole.cmp(&other.whole))
            .then_with(|| self.fraction.cmp(&other.fraction))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.compare_size(other),
            (true, true) => other.compare_size(self),
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_length_are_in_order() {
        let texts = [
            "-100000000000000000000",
            "-10",
            "-9.5",
            "-9.25",
            "-0",
            "0.000",
            "0.1",
            "0.25",
            "1",
            "01.5",
            "9",
            "10",
            "20240102150405",
            "1700000000000000001",
            "1700000000000000002",
            "99999999999999999999999999999999999999999999",
        ];
        let numbers: Vec<Decimal> = texts.iter().map(|it| Decimal::parse(it).unwrap()).collect();
        for (index, pair) in numbers.windows(2).enumerate() {
            let expected = if texts[index] == "-0" {
                Ordering::Equal
            } else {
                Ordering::Less
            };
            assert_eq!(pair[0].cmp(&pair[1]), expected, "{pair:?}");
        }
    }

    #[test]
    fn what_is_no_decimal_number_is_none() {
        for text in ["", "-", "1.", ".5", "1e5", "+1", "0x1f", "1_000", "١"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }
}
