//! What every answer is wrapped in: `Response` with an error, or with the fields of its action. HTTP says 200 to both.

use serde::de::{DeserializeSeed, Error as _, MapAccess};

use super::WireError;
use super::json::{Fields, Object};

/// A `Response`; `payload` are the fields that belong to its action.
pub(super) struct Response<P> {
    pub(super) payload: P,
    pub(super) request_id: Option<String>,
    pub(super) deprecated: Option<String>,
    error: Option<UpstreamError>,
}

/// Unwraps an answer and reads its fields into `payload`, or says why there is none.
pub(super) fn open<'de, P: Fields<'de>>(body: &'de str, payload: P) -> Result<Response<P>, String> {
    match read(body, payload) {
        Ok(Some(it)) if it.error.is_none() => Ok(it),
        Ok(Some(_)) => Err("an error without form".to_owned()),
        Ok(None) => Err("no Response in it".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The error in this body, in today's form or in the old one of a gateway.
pub(super) fn refusal(body: &str) -> Option<WireError> {
    let Some(response) = read(body, Nothing).ok()? else {
        return legacy(body);
    };
    let error = response.error?;
    Some(WireError::Refused {
        code: error.code.unwrap_or_else(|| "-".to_owned()),
        message: error.message.unwrap_or_default(),
        request_id: response.request_id,
    })
}

/// The `Response` in this body; `None` when there is none.
fn read<'de, P: Fields<'de>>(
    body: &'de str,
    payload: P,
) -> serde_json::Result<Option<Response<P>>> {
    let mut envelope = Envelope {
        response: Response {
            payload,
            request_id: None,
            deprecated: None,
            error: None,
        },
        is_there: false,
    };
    let mut json = serde_json::Deserializer::from_str(body);
    Object(&mut envelope).deserialize(&mut json)?;
    json.end()?;
    Ok(envelope.is_there.then_some(envelope.response))
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
#[serde(rename_all = "PascalCase")]
struct UpstreamError {
    code: Option<String>,
    message: Option<String>,
}

/// The payload of an answer of which only the error matters.
struct Nothing;

impl<'de> Fields<'de> for Nothing {
    fn read<A: MapAccess<'de>>(&mut self, _: &str, _: &mut A) -> Result<bool, A::Error> {
        Ok(false)
    }
}

/// The object around `Response`.
struct Envelope<P> {
    response: Response<P>,
    is_there: bool,
}

impl<'de, P: Fields<'de>> Fields<'de> for Envelope<P> {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        if name != "Response" {
            return Ok(false);
        }
        if self.is_there {
            return Err(A::Error::duplicate_field("Response"));
        }
        self.is_there = map.next_value_seed(Object(&mut self.response))?;
        Ok(true)
    }
}

/// By hand because serde's `flatten` would first copy every row of the payload into a tree.
impl<'de, P: Fields<'de>> Fields<'de> for Response<P> {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        match name {
            "Error" => self.error = map.next_value()?,
            "RequestId" => self.request_id = map.next_value()?,
            "DeprecatedWarning" => self.deprecated = map.next_value()?,
            name => return self.payload.read(name, map),
        }
        Ok(true)
    }
}
