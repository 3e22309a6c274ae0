//! What every answer is wrapped in: `Response` with an error, or with the fields of its action. HTTP says 200 to both.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{Text, WireError};

/// The fields of `Response` that belong to one action.
pub(super) trait Payload<'de>: Default {
    /// Reads the value of field `name`, or returns `false` and reads nothing when it is not one of its own.
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// A `Response` without an error.
#[derive(Default)]
pub(super) struct Response<P> {
    pub(super) payload: P,
    pub(super) request_id: Option<String>,
    pub(super) deprecated: Option<String>,
    error: Option<UpstreamError>,
}

/// Unwraps an answer whose fields are `P`.
pub(super) fn open<'de, P: Payload<'de>>(body: &'de str) -> Result<Response<P>, WireError> {
    let reason = match serde_json::from_str::<Envelope<Response<P>>>(body) {
        Ok(Envelope { response: Some(it) }) if it.error.is_none() => return Ok(it),
        Ok(Envelope { response: Some(_) }) => "an error without form".to_owned(),
        Ok(Envelope { response: None }) => "no Response in it".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(refusal(body).unwrap_or(WireError::Malformed(reason)))
}

/// The error in this body, in today's form or in the old one of a gateway.
pub(super) fn refusal(body: &str) -> Option<WireError> {
    let envelope: Envelope<Response<Nothing>> = serde_json::from_str(body).ok()?;
    let Some(response) = envelope.response else {
        return legacy(body);
    };
    let error = response.error?;
    Some(WireError::Refused {
        code: error.code.unwrap_or_else(|| "-".to_owned()),
        message: error.message.unwrap_or_default(),
        request_id: response.request_id,
    })
}

/// `{"code":4000,"message":"…","codeDesc":"InvalidParameter"}`, without `Response`; code 0 is no error.
fn legacy(body: &str) -> Option<WireError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Legacy {
        code: i64,
        message: Option<String>,
        code_desc: Option<String>,
    }

    let legacy: Legacy = serde_json::from_str(body).ok()?;
    (legacy.code != 0).then(|| WireError::Refused {
        code: legacy
            .code_desc
            .filter(|code| !code.is_empty())
            .unwrap_or_else(|| legacy.code.to_string()),
        message: legacy.message.unwrap_or_default(),
        request_id: None,
    })
}

#[derive(serde::Deserialize)]
struct Envelope<R> {
    #[serde(rename = "Response")]
    response: Option<R>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpstreamError {
    code: Option<String>,
    message: Option<String>,
}

/// The payload of an answer of which only the error matters.
#[derive(Default)]
struct Nothing;

impl<'de> Payload<'de> for Nothing {
    fn read<A: MapAccess<'de>>(&mut self, _: &str, _: &mut A) -> Result<bool, A::Error> {
        Ok(false)
    }
}

/// By hand because serde's `flatten` would first copy every row of the payload into a tree.
impl<'de, P: Payload<'de>> Deserialize<'de> for Response<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<P>(PhantomData<P>);

        impl<'de, P: Payload<'de>> Visitor<'de> for Fields<P> {
            type Value = Response<P>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the object Response")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut response = Response::<P>::default();
                while let Some(Text(name)) = map.next_key()? {
                    match &*name {
                        "Error" => response.error = map.next_value()?,
                        "RequestId" => response.request_id = map.next_value()?,
                        "DeprecatedWarning" => response.deprecated = map.next_value()?,
                        name => {
                            if !response.payload.read(name, &mut map)? {
                                map.next_value::<IgnoredAny>()?;
                            }
                        }
                    }
                }
                Ok(response)
            }
        }

        deserializer.deserialize_map(Fields(PhantomData))
    }
}
