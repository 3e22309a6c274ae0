//! `DescribeTrtcUsage`: `UsageKey` names the columns once, each row lists its values in that order, in minutes. The
//! answer does not say whose it is.

use serde::Deserialize;
use serde::de::MapAccess;
use serde_json::value::RawValue;

use super::envelope::{self, Payload};
use super::number::Number;
use super::rows::{Row, Rows, Values};
use super::{Query, Reply, Text, WireError};
use crate::usage::Rejected;

const UNIT_MS: f64 = 60_000.0;

pub(super) fn parse(query: &Query, body: &str) -> Result<Reply, WireError> {
    let response = envelope::open::<Usage<'_>>(body)?;
    let Some(list) = response.payload.list else {
        return Err(WireError::Malformed(
            "neither UsageList nor an Error in it".to_owned(),
        ));
    };
    let places = places(query, &response.payload.keys)?;
    let mut rows = Rows::of(query);
    for raw in list {
        rows.add(read(&places, raw));
    }
    Ok(rows.into_reply(response.request_id, response.deprecated))
}

/// For each name in `UsageKey` its place among the action's columns; `None` for a column that nobody knows yet.
fn places(query: &Query, keys: &[Text<'_>]) -> Result<Vec<Option<usize>>, WireError> {
    let columns = query.action.columns;
    let places: Vec<_> = keys
        .iter()
        .map(|Text(key)| columns.iter().position(|&(column, _)| column == key))
        .collect();
    if !keys.is_empty() && places.iter().all(Option::is_none) {
        // Reading on would report zeros for an account that has usage.
        return Err(WireError::Malformed(
            "UsageKey names no known column".to_owned(),
        ));
    }
    Ok(places)
}

/// `UsageKey` and `UsageList`: the latter `None` when it is missing, empty when it is null.
#[derive(Default)]
struct Usage<'a> {
    keys: Vec<Text<'a>>,
    list: Option<Vec<&'a RawValue>>,
}

impl<'de> Payload<'de> for Usage<'de> {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        match name {
            "UsageKey" => self.keys = map.next_value::<Option<_>>()?.unwrap_or_default(),
            "UsageList" => self.list = Some(map.next_value::<Option<_>>()?.unwrap_or_default()),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// One element of `UsageList`. Its `TimeStampKey`, which only one of the two sites sends, says nothing new.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Fields<'a> {
    #[serde(borrow)]
    time_key: Option<Text<'a>>,
    usage_value: Option<Vec<Number>>,
}

fn read(places: &[Option<usize>], raw: &RawValue) -> Result<Row, Rejected> {
    let fields: Fields<'_> = serde_json::from_str(raw.get()).map_err(|_| Rejected::Value)?;
    let numbers = fields.usage_value.unwrap_or_default();
    if numbers.is_empty() || numbers.len() != places.len() {
        return Err(Rejected::Value);
    }
    let mut values = Values::default();
    for (number, place) in numbers.into_iter().zip(places) {
        if let Some(place) = *place {
            values[place] = number.to_ms(UNIT_MS).ok_or(Rejected::Value)?;
        }
    }
    Row::at(fields.time_key.as_ref().map(|Text(text)| &**text), values)
}
