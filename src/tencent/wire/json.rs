//! Reading JSON in place: objects field by field and lists element by element, with no tree of values in between.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Text;

/// What takes in the fields of an object.
pub(super) trait Fields<'de> {
    /// Reads the value of field `name`, or returns `false` and reads nothing when it is not one of its own.
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// What takes in the elements of a list.
pub(super) trait Elements<'de> {
    /// Reads the next element, or returns `false` when there is none.
    fn read<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error>;
}

/// Reads an object. Whether there was one: `false` stands for null.
pub(super) struct Object<'f, F>(pub(super) &'f mut F);

/// Reads a list. Whether there was one: `false` stands for null.
pub(super) struct List<'e, E>(pub(super) &'e mut E);

impl<'de, F: Fields<'de>> DeserializeSeed<'de> for Object<'_, F> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: Fields<'de>> Visitor<'de> for Object<'_, F> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        while let Some(Text(name)) = map.next_key()? {
            if !self.0.read(&name, &mut map)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(true)
    }
}

impl<'de, E: Elements<'de>> DeserializeSeed<'de> for List<'_, E> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, E: Elements<'de>> Visitor<'de> for List<'_, E> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<Error>(self) -> Result<bool, Error> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        while self.0.read(&mut list)? {}
        Ok(true)
    }
}
