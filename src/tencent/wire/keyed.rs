//! `DescribeTrtcUsage` and its siblings: `UsageKey` names the columns once, each row lists its values in that order, in
//! minutes unless they are a rate. The answer does not say whose it is.

use std::marker::PhantomData;

use serde::de::{IgnoredAny, MapAccess, SeqAccess};

use super::columns::{Columns, PerColumn};
use super::json::{Elements, Fields, List};
use super::label::Label;
use super::number::Number;
use super::reading::{Gather, Reading, RowFields};
use super::rows::{Row, Rows};
use super::{Query, Reply, Text, envelope};
use crate::tencent::Action;
use crate::usage::{Rejected, Unit};

/// What a value of 1 is in the unit that words are counted in.
const fn scale(unit: Unit) -> u32 {
    match unit {
        Unit::Seconds => 60_000,
        Unit::Bandwidth => 1000,
    }
}

/// What `UsageKey` says.
struct Keys {
    columns: Columns,
    /// For each name its place among the columns; `None` for one that cannot be shown.
    places: Vec<Option<usize>>,
}

impl Keys {
    fn of(action: &'static Action, names: &[Text<'_>]) -> Self {
        let mut columns = Columns::of(action);
        let place = |Text(name): &Text<'_>| columns.place(name).or_else(|| columns.add(name));
        let places = names.iter().map(place).collect();
        Self { columns, places }
    }

    /// Reading on without any would report zeros for an account that has usage.
    fn are_all_unknown(&self, action: &Action) -> bool {
        let is_known = |&place: &usize| place < action.columns.len();
        !self.places.is_empty() && !self.places.iter().flatten().any(is_known)
    }
}

pub(super) fn parse<R: Reading>(query: &Query, body: &str) -> Result<Reply, String> {
    let mut response = envelope::open(body, Usage::<R>::by(query, None))?;
    if response.payload.is_list_put_off {
        let keys = response.payload.keys;
        let keys = keys.unwrap_or_else(|| Keys::of(query.action, &[]));
        response = envelope::open(body, Usage::by(query, Some(keys)))?;
    }
    let Usage { keys, rows, .. } = response.payload;
    let rows = rows.ok_or("neither UsageList nor an Error in it")?;
    if keys.is_some_and(|keys| keys.are_all_unknown(query.action)) {
        return Err("UsageKey names no known column".to_owned());
    }
    Ok(rows.into_reply(response.request_id, response.deprecated))
}

/// The fields of `Response`. Rows cannot be read without their key: should that come last, the answer has to be read once
/// more.
struct Usage<'q, R> {
    query: &'q Query,
    keys: Option<Keys>,
    /// The keys are those of an earlier reading, and final.
    are_keys_given: bool,
    /// Those of `UsageList`; `None` when it is missing.
    rows: Option<Rows>,
    is_list_put_off: bool,
    reading: PhantomData<R>,
}

impl<'q, R> Usage<'q, R> {
    fn by(query: &'q Query, keys: Option<Keys>) -> Self {
        Self {
            query,
            are_keys_given: keys.is_some(),
            keys,
            rows: None,
            is_list_put_off: false,
            reading: PhantomData,
        }
    }
}

impl<'de, R: Reading> Fields<'de> for Usage<'_, R> {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        match (name, &self.keys) {
            ("UsageKey", _) if !self.are_keys_given => {
                let names = map.next_value::<Option<Vec<Text<'_>>>>()?;
                let names = names.unwrap_or_default();
                self.keys = Some(Keys::of(self.query.action, &names));
                self.is_list_put_off |= self.rows.is_some();
            }
            ("UsageList", Some(keys)) => {
                let blank = KeyedRow {
                    scale: scale(self.query.action.unit),
                    places: &keys.places,
                    label: Label::MISSING,
                    values: None,
                };
                let rows = self.rows.insert(Rows::of(self.query, &keys.columns));
                map.next_value_seed(List(&mut Gather::<R, _>::new(blank, rows)))?;
            }
            ("UsageList", None) => {
                map.next_value::<IgnoredAny>()?;
                self.is_list_put_off = true;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The fields of an element of `UsageList`. Its `TimeStampKey`, which only one of the two sites sends, says nothing new.
#[derive(Clone, Copy)]
struct KeyedRow<'p> {
    scale: u32,
    places: &'p [Option<usize>],
    label: Label,
    /// Those of `UsageValue`, if there are as many as there are places and all can be believed.
    values: Option<PerColumn<u64>>,
}

impl<'de> Fields<'de> for KeyedRow<'_> {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        match name {
            "TimeKey" => self.label = map.next_value()?,
            "UsageValue" => {
                let mut values = ValuesInOrder {
                    scale: self.scale,
                    places: self.places.iter(),
                    values: Some(PerColumn::default()),
                };
                let is_there = map.next_value_seed(List(&mut values))?;
                let is_complete = is_there && values.places.next().is_none();
                self.values = values.values.filter(|_| is_complete);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl RowFields for KeyedRow<'_> {
    fn row(self) -> Result<Row, Rejected> {
        let values = self.values.filter(|_| !self.places.is_empty());
        let values = values.ok_or(Rejected::Value)?;
        let label = self.label.written()?;
        Ok(Row { label, values })
    }
}

/// The elements of `UsageValue`.
struct ValuesInOrder<'p> {
    scale: u32,
    /// Where the next ones go.
    places: std::slice::Iter<'p, Option<usize>>,
    /// `None` once there was one that cannot be believed or has no place. The rest is read all the same: the next row
    /// begins behind it.
    values: Option<PerColumn<u64>>,
}

impl<'de> Elements<'de> for ValuesInOrder<'_> {
    fn read<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let Some(number) = list.next_element::<Number>()? else {
            return Ok(false);
        };
        match self.places.next() {
            Some(None) => {}
            Some(Some(place)) => match (number.to_ms(self.scale), &mut self.values) {
                (Some(ms), Some(values)) => values[*place] = ms,
                _ => self.values = None,
            },
            None => self.values = None,
        }
        Ok(true)
    }
}
