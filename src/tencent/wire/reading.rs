//! Two ways to read a list of rows: in one go, which is fast, and row by row, which loses only the rows that cannot be
//! read. What the first way can read the second reads just the same.

use std::marker::PhantomData;

use serde::de::{DeserializeSeed, SeqAccess};
use serde_json::value::RawValue;

use super::json::{Elements, Fields, Object};
use super::rows::{Row, Rows};
use crate::usage::Rejected;

/// How rows are taken out of a list.
pub(super) trait Reading {
    /// Reads the fields of the next row; `Some(false)` when they cannot be read, `None` when there is no further row.
    fn read<'de, A, F>(list: &mut A, fields: &mut F) -> Result<Option<bool>, A::Error>
    where
        A: SeqAccess<'de>,
        F: Fields<'de>;
}

/// In one go: a row that is not made like one ends it all.
pub(super) enum AtOnce {}

/// Each as a piece of JSON first, and only then for what is in it.
pub(super) enum OneByOne {}

impl Reading for AtOnce {
    fn read<'de, A, F>(list: &mut A, fields: &mut F) -> Result<Option<bool>, A::Error>
    where
        A: SeqAccess<'de>,
        F: Fields<'de>,
    {
        list.next_element_seed(Object(fields))
    }
}

impl Reading for OneByOne {
    fn read<'de, A, F>(list: &mut A, fields: &mut F) -> Result<Option<bool>, A::Error>
    where
        A: SeqAccess<'de>,
        F: Fields<'de>,
    {
        let raw: Option<&RawValue> = list.next_element()?;
        Ok(raw.map(|raw| {
            let mut json = serde_json::Deserializer::from_str(raw.get());
            Object(fields).deserialize(&mut json).unwrap_or(false)
        }))
    }
}

/// The fields of a row.
pub(super) trait RowFields {
    /// The row that they make, or why it has to be left out.
    fn row(self) -> Result<Row, Rejected>;
}

/// Gathers a list of rows into `rows`.
pub(super) struct Gather<'r, R, F> {
    blank: F,
    rows: &'r mut Rows,
    reading: PhantomData<R>,
}

impl<'r, R, F> Gather<'r, R, F> {
    /// `blank` are the fields of a row before any is read.
    pub(super) fn new(blank: F, rows: &'r mut Rows) -> Self {
        Self {
            blank,
            rows,
            reading: PhantomData,
        }
    }
}

impl<'de, R: Reading, F: Fields<'de> + RowFields + Copy> Elements<'de> for Gather<'_, R, F> {
    fn read<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let mut fields = self.blank;
        let Some(is_read) = R::read(list, &mut fields)? else {
            return Ok(false);
        };
        self.rows.add(if is_read {
            fields.row()
        } else {
            Err(Rejected::Value)
        });
        Ok(true)
    }
}
