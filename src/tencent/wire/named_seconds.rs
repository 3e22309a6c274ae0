//! `DescribeTrtcInteractiveTime`: per app a list of rows, in each row the columns by name, in seconds.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::envelope::{self, Payload};
use super::number::Number;
use super::rows::{Row, Rows, Values};
use super::{Query, Reply, Text, WireError};
use crate::usage::{App, Media, Rejected};

const UNIT_MS: f64 = 1000.0;

type Columns = &'static [(&'static str, Media)];

pub(super) fn parse(query: &Query, body: &str) -> Result<Reply, WireError> {
    let response = envelope::open::<Usages<'_>>(body)?;
    let Usages(Some(elements)) = response.payload else {
        return Err(WireError::Malformed(
            "neither Usages nor an Error in it".to_owned(),
        ));
    };
    let mut rows = Rows::of(query);
    for element in elements {
        let ours = element.is_about(query.app);
        for raw in element.rows.unwrap_or_default() {
            rows.add(if ours {
                read(query.action.columns, raw)
            } else {
                Err(Rejected::OtherApp)
            });
        }
    }
    Ok(rows.into_reply(response.request_id, response.deprecated))
}

/// `Usages`: `None` when it is missing, empty when it is null.
#[derive(Default)]
struct Usages<'a>(Option<Vec<Element<'a>>>);

impl<'de> Payload<'de> for Usages<'de> {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        if name != "Usages" {
            return Ok(false);
        }
        self.0 = Some(map.next_value::<Option<_>>()?.unwrap_or_default());
        Ok(true)
    }
}

/// One element of `Usages`. Its rows stay raw at first: a row that cannot be read must not cost the others.
#[derive(Deserialize)]
struct Element<'a> {
    #[serde(rename = "SdkAppId", borrow)]
    sdk_app_id: Option<&'a RawValue>,
    #[serde(rename = "SdkAppIdTrtcTimeUsages", borrow)]
    rows: Option<Vec<&'a RawValue>>,
}

impl Element<'_> {
    /// The id was asked for as a number and comes back as a string; either is taken. An element that does not say whose
    /// it is can only be what was asked for.
    fn is_about(&self, app: App) -> bool {
        let Some(raw) = self.sdk_app_id else {
            return true;
        };
        raw.get().trim_matches('"').parse() == Ok(app)
    }
}

fn read(columns: Columns, raw: &RawValue) -> Result<Row, Rejected> {
    let mut json = serde_json::Deserializer::from_str(raw.get());
    let fields = Fields { columns }
        .deserialize(&mut json)
        .map_err(|_| Rejected::Value)?;
    let mut values = Values::default();
    for (ms, number) in values.iter_mut().zip(fields.numbers) {
        *ms = number.to_ms(UNIT_MS).ok_or(Rejected::Value)?;
    }
    Row::at(fields.time_key.as_ref().map(|Text(text)| &**text), values)
}

/// The fields of a row; a column that is missing is 0, for most accounts have no use for some.
struct RowFields<'a> {
    time_key: Option<Text<'a>>,
    numbers: [Number; Media::ALL.len()],
}

/// Reads [`RowFields`]: the names of the columns are known to the action, not to a type.
struct Fields {
    columns: Columns,
}

impl<'de> DeserializeSeed<'de> for Fields {
    type Value = RowFields<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields {
    type Value = RowFields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut row = RowFields {
            time_key: None,
            numbers: Default::default(),
        };
        while let Some(Text(name)) = map.next_key()? {
            if name == "TimeKey" {
                row.time_key = map.next_value()?;
            } else if let Some(at) = self.columns.iter().position(|&(column, _)| column == name) {
                row.numbers[at] = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(row)
    }
}
