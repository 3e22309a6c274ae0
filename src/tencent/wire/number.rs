//! A number however the upstream writes it, and the way from its unit to milliseconds.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A JSON number, the same in quotes, or null for none: metadata say integer for one action, float for the other, and
/// "not null" for a field that only some accounts have. Doubles hold every believable value exactly, being good for
/// 2^53 ms in one bucket.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Number(f64);

impl Number {
    /// This many units of `unit_ms` milliseconds, to the nearest millisecond; `None` when negative or not finite.
    pub(super) fn to_ms(self, unit_ms: f64) -> Option<u64> {
        let ms = (self.0 * unit_ms).round();
        (self.0 >= 0.0 && ms.is_finite()).then_some(ms as u64)
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
                Ok(Number(value as f64))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Number, E> {
                Ok(Number(value))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                text.parse().map(Number).map_err(E::custom)
            }

            fn visit_unit<E>(self) -> Result<Number, E> {
                Ok(Number::default())
            }
        }

        deserializer.deserialize_any(AnyForm)
    }
}
