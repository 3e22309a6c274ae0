//! A number however the upstream writes it, and the way from its unit to milliseconds.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A JSON number, the same in quotes, or null for none: metadata say integer for one action, float for the other, and
/// "not null" for a field that only some accounts have. Doubles hold every believable value exactly, being good for
/// 2^53 ms in one bucket.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    /// Written without a point, as nearly all are: no rounding, which is slow.
    Whole(u64),
    /// Written in any other way.
    Decimal(f64),
}

impl Number {
    /// Whether a piece of JSON is a number, in any form but null.
    pub(super) fn is_one(json: &str) -> bool {
        json != "null" && serde_json::from_str::<Self>(json).is_ok()
    }

    /// This many units of `unit_ms` milliseconds, to the nearest millisecond; `None` when negative or not finite.
    pub(super) fn to_ms(self, unit_ms: u32) -> Option<u64> {
        match self {
            Self::Whole(units) => Some(units.saturating_mul(unit_ms.into())),
            Self::Decimal(units) => {
                let ms = (units * f64::from(unit_ms)).round();
                (units >= 0.0 && ms.is_finite()).then_some(ms as u64)
            }
        }
    }
}

impl Default for Number {
    fn default() -> Self {
        Self::Whole(0)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyForm;

        impl Visitor<'_> for AnyForm {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
                Ok(Number::Whole(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
                Ok(Number::Decimal(value as f64))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Number, E> {
                Ok(Number::Decimal(value))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                text.parse().map(Number::Decimal).map_err(E::custom)
            }

            fn visit_unit<E>(self) -> Result<Number, E> {
                Ok(Number::default())
            }
        }

        deserializer.deserialize_any(AnyForm)
    }
}
