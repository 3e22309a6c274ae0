//! `DescribeTrtcInteractiveTime` and what is of its age: per app a list of rows, in each row the columns by name, in
//! seconds.

use std::cell::RefCell;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess};
use serde_json::value::RawValue;

use super::columns::{Columns, PerColumn};
use super::json::{Elements, Fields, List, Object};
use super::label::Label;
use super::number::Number;
use super::reading::{Gather, Reading, RowFields};
use super::rows::{Row, Rows};
use super::{Query, Reply, envelope};
use crate::usage::Rejected;

const UNIT_MS: u32 = 1000;

/// Names that are remembered of one reading; more are not worth another.
const MOST_UNKNOWN: usize = 16;

pub(super) fn parse<R: Reading>(
    query: &Query,
    apps: &str,
    rows: &str,
    body: &str,
) -> Result<Reply, String> {
    let mut columns = Columns::of(query.action);
    loop {
        let question = Question {
            query,
            apps,
            rows,
            columns: &columns,
            unknown: RefCell::default(),
        };
        let reply = read::<R>(&question, body)?;
        // Rows have places for columns that were known when they were read: those found on the way need another reading.
        let unknown = question.unknown.into_inner();
        let added: Vec<_> = unknown
            .iter()
            .filter_map(|name| columns.add(name))
            .collect();
        if added.is_empty() {
            return Ok(reply);
        }
    }
}

fn read<R: Reading>(question: &Question<'_>, body: &str) -> Result<Reply, String> {
    let usages = Usages::<R> {
        question,
        rows: None,
        reading: PhantomData,
    };
    let response = envelope::open(body, usages)?;
    let Some(rows) = response.payload.rows else {
        return Err(format!("neither {} nor an Error in it", question.apps));
    };
    Ok(rows.into_reply(response.request_id, response.deprecated))
}

/// What is looked for, and by which names.
struct Question<'q> {
    query: &'q Query,
    apps: &'q str,
    rows: &'q str,
    columns: &'q Columns,
    /// Columns that were met and have no place.
    unknown: RefCell<Vec<String>>,
}

impl Question<'_> {
    /// Whether a field that nobody knows can only be the time of some media.
    fn is_time_of_media(name: &str) -> bool {
        name.contains("Time") && (name.contains("Audio") || name.contains("Video"))
    }

    fn note_unknown(&self, name: &str) {
        let mut unknown = self.unknown.borrow_mut();
        if unknown.len() < MOST_UNKNOWN && unknown.iter().all(|noted| noted != name) {
            unknown.push(name.to_owned());
        }
    }
}

/// The fields of `Response`.
struct Usages<'q, R> {
    question: &'q Question<'q>,
    /// Those of the list of apps; `None` when it is missing.
    rows: Option<Rows>,
    reading: PhantomData<R>,
}

impl<'de, R: Reading> Fields<'de> for Usages<'_, R> {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        if name != self.question.apps {
            return Ok(false);
        }
        let rows = Rows::of(self.question.query, self.question.columns);
        let mut apps = Apps::<R> {
            question: self.question,
            rows: self.rows.insert(rows),
            reading: PhantomData,
        };
        map.next_value_seed(List(&mut apps))?;
        Ok(true)
    }
}

/// The elements of the list of apps.
struct Apps<'r, R> {
    question: &'r Question<'r>,
    rows: &'r mut Rows,
    reading: PhantomData<R>,
}

impl<'de, R: Reading> Elements<'de> for Apps<'_, R> {
    fn read<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let mut app = UsageOfApp::<R> {
            question: self.question,
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

/// The fields of an app.
struct UsageOfApp<'r, 'de, R> {
    question: &'r Question<'r>,
    rows: &'r mut Rows,
    sdk_app_id: Option<&'de RawValue>,
    has_rows: bool,
    /// Rows that came before it was known whose they are.
    put_off: Option<&'de RawValue>,
    reading: PhantomData<R>,
}

impl<'r, R> UsageOfApp<'r, '_, R> {
    /// The id was asked for as a number and comes back as a string; either is taken. An element that does not say whose
    /// it is can only be what was asked for.
    fn is_ours(&self) -> bool {
        let Some(raw) = self.sdk_app_id else {
            return true;
        };
        raw.get().trim_matches('"').parse() == Ok(self.question.query.app)
    }

    fn gather(&mut self) -> Gather<'_, R, NamedRow<'r>> {
        let blank = NamedRow {
            question: self.question,
            is_ours: self.is_ours(),
            label: Label::MISSING,
            numbers: PerColumn::default(),
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
            name if name != self.question.rows => return Ok(false),
            _ if std::mem::replace(&mut self.has_rows, true) => {
                return Err(A::Error::custom("the rows of an app twice"));
            }
            _ if self.sdk_app_id.is_none() => self.put_off = map.next_value()?,
            _ => drop(map.next_value_seed(List(&mut self.gather()))?),
        }
        Ok(true)
    }
}

/// The fields of a row. A column that is missing is 0, for most accounts have no use for some.
#[derive(Clone, Copy)]
struct NamedRow<'q> {
    question: &'q Question<'q>,
    is_ours: bool,
    label: Label,
    numbers: PerColumn<Number>,
}

impl<'de> Fields<'de> for NamedRow<'_> {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        if name == "TimeKey" {
            self.label = map.next_value()?;
        } else if let Some(place) = self.question.columns.place(name) {
            self.numbers[place] = map.next_value()?;
        } else if Question::is_time_of_media(name) {
            let value: &RawValue = map.next_value()?;
            if Number::is_one(value.get()) {
                self.question.note_unknown(name);
            }
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

impl RowFields for NamedRow<'_> {
    fn row(self) -> Result<Row, Rejected> {
        if !self.is_ours {
            return Err(Rejected::OtherApp);
        }
        let mut values = PerColumn::default();
        for (ms, number) in values.iter_mut().zip(self.numbers) {
            *ms = number.to_ms(UNIT_MS).ok_or(Rejected::Value)?;
        }
        let label = self.label.written()?;
        Ok(Row { label, values })
    }
}
