//! Decimal numbers as people write them, read and written as text: no float ever stands for a price.

use std::fmt;

/// The most decimals that a price or a ratio may have.
pub const PLACES: usize = 6;

/// Why a text is not a decimal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Something else than digits and one point between digits.
    #[error("not a decimal number")]
    Malformed,
    /// Below zero, or a zero with a sign.
    #[error("negative")]
    Negative,
    /// Finer than can be counted.
    #[error("more than {PLACES} decimals")]
    TooFine,
    /// More than 64 bits of millionths.
    #[error("too large")]
    TooLarge,
}

/// Reads a number as a count of its millionths: `25.5` is 25,500,000.
pub(super) fn millionths(text: &str) -> Result<u64, DecimalError> {
    let (is_negative, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => (true, unsigned),
        None => (false, text),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return Err(DecimalError::Malformed);
    }
    if is_negative {
        return Err(DecimalError::Negative);
    }
    if fraction.len() > PLACES {
        return Err(DecimalError::TooFine);
    }
    format!("{whole}{fraction:0<PLACES$}")
        .parse()
        .map_err(|_| DecimalError::TooLarge)
}

/// Writes a count of units of 10^-`places` as a number, without zeros at its end.
pub(super) fn write(f: &mut fmt::Formatter<'_>, count: u128, places: usize) -> fmt::Result {
    let digits = format!("{count:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    match fraction.trim_end_matches('0') {
        "" => f.write_str(whole),
        fraction => write!(f, "{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_digit_by_digit() {
        for (text, count) in [
            ("0", 0),
            ("7", 7_000_000),
            ("25.5", 25_500_000),
            ("0.000001", 1),
            ("007.10", 7_100_000),
            ("18446744073709.551615", u64::MAX),
        ] {
            assert_eq!(millionths(text), Ok(count), "{text}");
        }
    }

    #[test]
    fn anything_else_says_why() {
        for (text, error) in [
            ("", DecimalError::Malformed),
            ("-", DecimalError::Malformed),
            (".5", DecimalError::Malformed),
            ("5.", DecimalError::Malformed),
            ("+5", DecimalError::Malformed),
            ("1e3", DecimalError::Malformed),
            ("0x10", DecimalError::Malformed),
            ("1,5", DecimalError::Malformed),
            ("1.2.3", DecimalError::Malformed),
            ("¥7", DecimalError::Malformed),
            ("--1", DecimalError::Malformed),
            ("-7", DecimalError::Negative),
            ("-0", DecimalError::Negative),
            ("0.0000001", DecimalError::TooFine),
            ("18446744073709.551616", DecimalError::TooLarge),
        ] {
            assert_eq!(millionths(text), Err(error), "{text}");
        }
    }
}
