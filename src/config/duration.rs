//! Durations as Prometheus writes them: `1h30m`, `90s`, `500ms`, `0`.

use std::time::Duration;

/// The units from large to small, in milliseconds. A day has 24 hours and a year 365 days.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 24 * 3_600_000),
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// What is written instead of a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// No text at all.
    #[error("the duration is empty")]
    Empty,
    /// Something that is neither digit nor unit, or a digit missing.
    #[error("not a duration")]
    Malformed,
    /// A number at the end that has no unit.
    #[error("{0} has no unit")]
    NoUnit(u64),
    /// A unit that does not exist.
    #[error("there is no unit `{0}`")]
    UnknownUnit(String),
    /// `1m1h` or `1s2s`.
    #[error("each unit may be given once, from large to small")]
    Order,
    /// More than 64 bits of milliseconds.
    #[error("the duration is too long")]
    TooLong,
}

/// Reads a duration such as `1h30m`; `0` needs no unit.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut units = UNITS.as_slice();
    let mut millis = 0_u64;
    while !rest.is_empty() {
        let (digits, behind) = split(rest, |character| character.is_ascii_digit());
        let (unit, behind) = split(behind, |character| character.is_ascii_alphabetic());
        let number = digits.parse().map_err(|_| {
            if digits.is_empty() {
                DurationError::Malformed
            } else {
                DurationError::TooLong
            }
        })?;
        if unit.is_empty() {
            let at_end = behind.is_empty();
            return Err(if at_end {
                DurationError::NoUnit(number)
            } else {
                DurationError::Malformed
            });
        }
        let of_unit = |&(name, _): &(&str, u64)| name == unit;
        let position = units.iter().position(of_unit).ok_or_else(|| {
            let exists = UNITS.iter().any(of_unit);
            if exists {
                DurationError::Order
            } else {
                DurationError::UnknownUnit(unit.to_owned())
            }
        })?;
        millis = units[position]
            .1
            .checked_mul(number)
            .and_then(|part| millis.checked_add(part))
            .ok_or(DurationError::TooLong)?;
        units = &units[position + 1..];
        rest = behind;
    }
    Ok(Duration::from_millis(millis))
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text
        .find(|character| !belongs(character))
        .unwrap_or(text.len());
    text.split_at(end)
}

/// Writes a duration in whole milliseconds the way Prometheus does: years and weeks only where nothing remains, because
/// `90d` is easier to read than `12w6d`.
pub fn format(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, millis) in UNITS {
        let only_whole = matches!(unit, "y" | "w");
        if rest >= millis && (!only_whole || rest.is_multiple_of(millis)) {
            text += &format!("{}{unit}", rest / millis);
            rest %= millis;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prometheus_notation_is_read() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("500ms", 500),
            ("90s", 90_000),
            ("1m30s", 90_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
            ("2w", 1_209_600_000),
            ("1y", 31_536_000_000),
            ("1y2w3d4h5m6s7ms", 33_019_506_007),
            ("1h0m1s", 3_601_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn anything_else_says_what_is_wrong() {
        for (text, error) in [
            ("", DurationError::Empty),
            ("90", DurationError::NoUnit(90)),
            ("1m30", DurationError::NoUnit(30)),
            ("m", DurationError::Malformed),
            ("-1m", DurationError::Malformed),
            ("1.5h", DurationError::Malformed),
            (" 1m", DurationError::Malformed),
            ("1m ", DurationError::Malformed),
            ("１m", DurationError::Malformed),
            ("1min", DurationError::UnknownUnit("min".into())),
            ("1M", DurationError::UnknownUnit("M".into())),
            ("1s1m", DurationError::Order),
            ("1m1m", DurationError::Order),
            ("99999999999999999999s", DurationError::TooLong),
            ("9999999999999y", DurationError::TooLong),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn years_and_weeks_are_written_only_when_whole() {
        for text in ["0s", "90d", "2w", "1y", "1h30m", "1d1ms", "366d", "1m"] {
            assert_eq!(format(parse(text).expect("a duration")), text);
        }
        assert_eq!(format(Duration::from_secs(90)), "1m30s");
    }

    proptest! {
        #[test]
        fn durations_round_trip(millis in any::<u64>()) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }

        #[test]
        fn no_text_makes_it_panic(text in r"([0-9]{0,25}(ms|[ywdhms]|\PC)?){0,4}") {
            if let Ok(duration) = parse(&text) {
                prop_assert_eq!(parse(&format(duration)), Ok(duration));
            }
        }
    }
}
