//! `DescribeTrtcUsage`: `UsageKey` names the columns once, each row lists its values in that order, in minutes. The
//! answer does not say whose it is.

use std::marker::PhantomData;

use serde::de::{IgnoredAny, MapAccess, SeqAccess};

use super::json::{Elements, Fields, List};
use super::label::Label;
use super::number::Number;
use super::reading::{Gather, Reading, RowFields};
use super::rows::{Row, Rows, Values};
use super::{Query, Reply, Text, envelope};
use crate::usage::Rejected;

const UNIT_MS: u32 = 60_000;

/// For each name in `UsageKey` its place among the action's columns; `None` for a column that nobody knows yet.
type Places = Vec<Option<usize>>;

pub(super) fn parse<R: Reading>(query: &Query, body: &str) -> Result<Reply, String> {
    let mut response = envelope::open(body, Usage::<R>::by(query, None))?;
    if response.payload.is_list_put_off {
        let places = response.payload.places.unwrap_or_default();
        response = envelope::open(body, Usage::by(query, Some(places)))?;
    }
    let Usage { places, rows, .. } = response.payload;
    let rows = rows.ok_or("neither UsageList nor an Error in it")?;
    let places = places.unwrap_or_default();
    if !places.is_empty() && places.iter().all(Option::is_none) {
        // Reading on would report zeros for an account that has usage.
        return Err("UsageKey names no known column".to_owned());
    }
    Ok(rows.into_reply(response.request_id, response.deprecated))
}

/// The fields of `Response`. Rows cannot be read without their key: should that come last, the answer has to be read once
/// more.
struct Usage<'q, R> {
    query: &'q Query,
    places: Option<Places>,
    /// The places are those of an earlier reading, and final.
    are_places_given: bool,
    /// Those of `UsageList`; `None` when it is missing.
    rows: Option<Rows>,
    is_list_put_off: bool,
    reading: PhantomData<R>,
}

impl<'q, R> Usage<'q, R> {
    fn by(query: &'q Query, places: Option<Places>) -> Self {
        Self {
            query,
            are_places_given: places.is_some(),
            places,
            rows: None,
            is_list_put_off: false,
            reading: PhantomData,
        }
    }

    fn place(&self, key: &str) -> Option<usize> {
        let mut columns = self.query.action.columns.iter();
        columns.position(|&(column, _)| column == key)
    }
}

impl<'de, R: Reading> Fields<'de> for Usage<'_, R> {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        match (name, &self.places) {
            ("UsageKey", _) if !self.are_places_given => {
                let keys = map.next_value::<Option<Vec<Text<'_>>>>()?;
                let keys = keys.unwrap_or_default();
                self.places = Some(keys.iter().map(|Text(key)| self.place(key)).collect());
                self.is_list_put_off |= self.rows.is_some();
            }
            ("UsageList", Some(places)) => {
                let blank = KeyedRow {
                    places,
                    label: Label::MISSING,
                    values: None,
                };
                let rows = self.rows.insert(Rows::of(self.query));
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
    places: &'p [Option<usize>],
    label: Label,
    /// Those of `UsageValue`, if there are as many as there are places and all can be believed.
    values: Option<Values>,
}

impl<'de> Fields<'de> for KeyedRow<'_> {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        match name {
            "TimeKey" => self.label = map.next_value()?,
            "UsageValue" => {
                let mut values = ValuesInOrder {
                    places: self.places.iter(),
                    values: Some(Values::default()),
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
    /// Where the next ones go.
    places: std::slice::Iter<'p, Option<usize>>,
    /// `None` once there was one that cannot be believed or has no place. The rest is read all the same: the next row
    /// begins behind it.
    values: Option<Values>,
}

impl<'de> Elements<'de> for ValuesInOrder<'_> {
    fn read<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let Some(number) = list.next_element::<Number>()? else {
            return Ok(false);
        };
        match self.places.next() {
            Some(None) => {}
            Some(Some(place)) => match (number.to_ms(UNIT_MS), &mut self.values) {
                (Some(ms), Some(values)) => values[*place] = ms,
                _ => self.values = None,
            },
            None => self.values = None,
        }
        Ok(true)
    }
}
