//! The parameters of a request as they were sent: a JSON object, or a query string, in which all is text. Pure.

use serde_json::{Map, Value};

use crate::simulator::protocol::Received;
use crate::simulator::refusal::Refusal;

/// Parameters by name.
pub(super) struct Sent {
    values: Map<String, Value>,
    /// Whether numbers are written as numbers.
    is_typed: bool,
}

impl Sent {
    pub(super) fn parse(request: &Received<'_>) -> Result<Self, Refusal> {
        if request.method == "GET" {
            Self::from_pairs(request.query)
        } else {
            Self::from_json(request.body)
        }
    }

    fn from_json(body: &[u8]) -> Result<Self, Refusal> {
        let parameters: Value = serde_json::from_slice(body)
            .map_err(|err| Refusal::invalid(format!("The body is not JSON: {err}.")))?;
        match parameters {
            Value::Object(values) => Ok(Self {
                values,
                is_typed: true,
            }),
            _ => Err(Refusal::invalid("The body is not a JSON object.")),
        }
    }

    fn from_pairs(query: &str) -> Result<Self, Refusal> {
        let url = reqwest::Url::parse(&format!("http://localhost/?{query}"))
            .map_err(|err| Refusal::invalid(format!("The query string is malformed: {err}.")))?;
        let mut values = Map::new();
        for (name, text) in url.query_pairs().into_owned() {
            values.entry(name).or_insert(Value::String(text));
        }
        Ok(Self {
            values,
            is_typed: false,
        })
    }

    /// A parameter that is none of the `known` ones.
    pub(super) fn other_than(&self, known: &[&str]) -> Option<&str> {
        let mut names = self.values.keys().map(String::as_str);
        names.find(|name| !known.contains(name))
    }

    /// A text that has to be there.
    pub(super) fn text(&self, name: &str) -> Result<&str, Refusal> {
        match self.get(name) {
            None => Err(Refusal::missing(name)),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(wrong_type(name, "String")),
        }
    }

    /// A whole number that may be there; the inner `None` is one that is out of range.
    pub(super) fn number(&self, name: &str) -> Result<Option<Option<u64>>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(number.as_u64())),
            Some(Value::String(text)) if !self.is_typed => Ok(Some(text.parse().ok())),
            Some(_) => Err(wrong_type(name, "Integer")),
        }
    }

    /// `null` is as good as nothing.
    fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name).filter(|value| !value.is_null())
    }
}

fn wrong_type(name: &str, wanted: &str) -> Refusal {
    Refusal::invalid(format!("The parameter `{name}` must be of type {wanted}."))
}
