//! `DescribeTrtcInteractiveTime`: per app a list of rows, in each row the columns by name, in seconds.

use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess};
use serde_json::value::RawValue;

use super::json::{Elements, Fields, List, Object};
use super::label::Label;
use super::number::Number;
use super::reading::{Gather, Reading, RowFields};
use super::rows::{Row, Rows, Values};
use super::{Query, Reply, envelope};
use crate::usage::{Media, Rejected};

const UNIT_MS: u32 = 1000;

type Columns = &'static [(&'static str, Media)];

pub(super) fn parse<R: Reading>(query: &Query, body: &str) -> Result<Reply, String> {
    let usages = Usages::<R> {
        query,
        rows: None,
        reading: PhantomData,
    };
    let response = envelope::open(body, usages)?;
    let Some(rows) = response.payload.rows else {
        return Err("neither Usages nor an Error in it".to_owned());
    };
    Ok(rows.into_reply(response.request_id, response.deprecated))
}

/// The fields of `Response`.
struct Usages<'q, R> {
    query: &'q Query,
    /// Those of `Usages`; `None` when it is missing.
    rows: Option<Rows>,
    reading: PhantomData<R>,
}

impl<'de, R: Reading> Fields<'de> for Usages<'_, R> {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        if name != "Usages" {
            return Ok(false);
        }
        let mut apps = Apps::<R> {
            query: self.query,
            rows: self.rows.insert(Rows::of(self.query)),
            reading: PhantomData,
        };
        map.next_value_seed(List(&mut apps))?;
        Ok(true)
    }
}

/// The elements of `Usages`.
struct Apps<'r, R> {
    query: &'r Query,
    rows: &'r mut Rows,
    reading: PhantomData<R>,
}

impl<'de, R: Reading> Elements<'de> for Apps<'_, R> {
    fn read<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let mut app = UsageOfApp::<R> {
            query: self.query,
            rows: self.rows,
            sdk_app_id: None,
            has_rows: false,
            put_off: None,
            reading: PhantomData,
        };
        let is_there = list.next_element_seed(Object(&mut app))?;
        if is_there == Some(false) {
            return Err(A::Error::custom("null instead of the usage of an app"));
        }
        if let Some(raw) = app.put_off {
            let mut json = serde_json::Deserializer::from_str(raw.get());
            let read = List(&mut app.gather()).deserialize(&mut json);
            read.map_err(A::Error::custom)?;
        }
        Ok(is_there.is_some())
    }
}

/// The fields of an element of `Usages`.
struct UsageOfApp<'r, 'de, R> {
    query: &'r Query,
    rows: &'r mut Rows,
    sdk_app_id: Option<&'de RawValue>,
    has_rows: bool,
    /// Rows that came before it was known whose they are.
    put_off: Option<&'de RawValue>,
    reading: PhantomData<R>,
}

impl<R> UsageOfApp<'_, '_, R> {
    /// The id was asked for as a number and comes back as a string; either is taken. An element that does not say whose
    /// it is can only be what was asked for.
    fn is_ours(&self) -> bool {
        let Some(raw) = self.sdk_app_id else {
            return true;
        };
        raw.get().trim_matches('"').parse() == Ok(self.query.app)
    }

    fn gather(&mut self) -> Gather<'_, R, NamedRow> {
        let blank = NamedRow {
            columns: self.query.action.columns,
            is_ours: self.is_ours(),
            label: Label::MISSING,
            numbers: Default::default(),
        };
        Gather::new(blank, self.rows)
    }
}

impl<'de, R: Reading> Fields<'de> for UsageOfApp<'_, 'de, R> {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        match name {
            "SdkAppId" if self.sdk_app_id.is_some() => {
                return Err(A::Error::duplicate_field("SdkAppId"));
            }
            "SdkAppId" => self.sdk_app_id = map.next_value()?,
            "SdkAppIdTrtcTimeUsages" if std::mem::replace(&mut self.has_rows, true) => {
                return Err(A::Error::duplicate_field("SdkAppIdTrtcTimeUsages"));
            }
            "SdkAppIdTrtcTimeUsages" if self.sdk_app_id.is_none() => {
                self.put_off = map.next_value()?;
            }
            "SdkAppIdTrtcTimeUsages" => drop(map.next_value_seed(List(&mut self.gather()))?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The fields of a row. A column that is missing is 0, for most accounts have no use for some.
#[derive(Clone, Copy)]
struct NamedRow {
    columns: Columns,
    is_ours: bool,
    label: Label,
    numbers: [Number; Media::ALL.len()],
}

impl<'de> Fields<'de> for NamedRow {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        if name == "TimeKey" {
            self.label = map.next_value()?;
        } else if let Some(at) = self.columns.iter().position(|&(column, _)| column == name) {
            self.numbers[at] = map.next_value()?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

impl RowFields for NamedRow {
    fn row(self) -> Result<Row, Rejected> {
        if !self.is_ours {
            return Err(Rejected::OtherApp);
        }
        let mut values = Values::default();
        for (ms, number) in values.iter_mut().zip(self.numbers) {
            *ms = number.to_ms(UNIT_MS).ok_or(Rejected::Value)?;
        }
        let label = self.label.written()?;
        Ok(Row { label, values })
    }
}
