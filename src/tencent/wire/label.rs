//! What stands under `TimeKey` in a row.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

use crate::usage::{Rejected, TimeKey};

/// The label of a row, as far as it is one.
#[derive(Clone, Copy)]
pub(super) struct Label(Option<Written>);

/// A TimeKey as it was written.
#[derive(Clone, Copy)]
pub(super) struct Written {
    pub(super) key: TimeKey,
    /// As `YYYY-MM-DD`, without a time.
    pub(super) is_bare_date: bool,
}

impl Label {
    /// None at all.
    pub(super) const MISSING: Self = Self(None);

    pub(super) fn written(self) -> Result<Written, Rejected> {
        self.0.ok_or(Rejected::TimeKey)
    }
}

/// A text that is no time is a bad label; anything but a text is none that could be read.
impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyText;

        impl Visitor<'_> for AnyText {
            type Value = Label;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a TimeKey")
            }

            fn visit_str<E>(self, text: &str) -> Result<Label, E> {
                Ok(Label(TimeKey::parse(text).map(|key| Written {
                    key,
                    is_bare_date: text.len() == "YYYY-MM-DD".len(),
                })))
            }

            fn visit_unit<E>(self) -> Result<Label, E> {
                Ok(Label::MISSING)
            }
        }

        deserializer.deserialize_any(AnyText)
    }
}
