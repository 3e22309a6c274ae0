//! TC3-HMAC-SHA256, step by step as the upstream documents it. Pure: the timestamp is an argument, and what comes out
//! is text to put into headers.

use chrono::DateTime;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Name of the algorithm, first in the string to sign and in the `Authorization` header.
pub const ALGORITHM: &str = "TC3-HMAC-SHA256";

/// How far the timestamp of a request may be from the upstream's clock, in seconds, whichever is ahead.
pub const TOLERANCE_SECONDS: i64 = 300;

const SECONDS_PER_DAY: i64 = 86_400;

/// What every credential scope ends with.
pub const TERMINATOR: &str = "tc3_request";

/// What is hashed in the body's place when the header `X-TC-Content-SHA256` says so.
pub const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// A header that is signed: lower-case name, value as sent.
pub type Header<'a> = (&'a str, &'a str);

/// Step 1: the hash of the body (or of [`UNSIGNED_PAYLOAD`]) as lower-case hex.
pub fn hashed_payload(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

/// The names of the signed headers, joined as both the canonical request and `Authorization` want them. `headers` are
/// sorted by name.
pub fn signed_headers(headers: &[Header<'_>]) -> String {
    headers
        .iter()
        .map(|&(name, _)| name)
        .collect::<Vec<_>>()
        .join(";")
}

/// Step 2: the request in canonical form. The path is always `/`; `query` is empty for POST. `headers` are sorted by
/// name and carry their values as sent: of those that are ever signed only `x-tc-action` is written with capitals, and
/// the upstream wants it lower-cased here.
pub fn canonical_request(
    method: &str,
    query: &str,
    headers: &[Header<'_>],
    hashed_payload: &str,
) -> String {
    // Room for the usual request, so that it need not grow.
    let mut text = String::with_capacity(256);
    for part in [method, "\n/\n", query, "\n"] {
        text.push_str(part);
    }
    for (name, value) in headers {
        text.push_str(name);
        text.push(':');
        match *name {
            "x-tc-action" => text.push_str(&value.trim().to_ascii_lowercase()),
            _ => text.push_str(value.trim()),
        }
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&signed_headers(headers));
    text.push('\n');
    text.push_str(hashed_payload);
    text
}

/// The date of the credential scope: UTC, unlike the dates in a query, which are Beijing time.
pub fn utc_date(timestamp: i64) -> String {
    DateTime::from_timestamp(timestamp, 0)
        .unwrap_or_default()
        .format("%Y-%m-%d")
        .to_string()
}

/// The scope that a signature is valid for.
pub fn credential_scope(utc_date: &str, service: &str) -> String {
    format!("{utc_date}/{service}/{TERMINATOR}")
}

/// Step 3: the text that the signature covers.
pub fn string_to_sign(timestamp: i64, scope: &str, canonical_request: &str) -> String {
    let hash = hashed_payload(canonical_request.as_bytes());
    [ALGORITHM, &timestamp.to_string(), scope, &hash].join("\n")
}

/// A raw HMAC output, wiped when dropped: whoever holds it can sign for a day.
pub type Mac32 = Zeroizing<[u8; 32]>;

/// Step 4a: the key of a UTC date.
pub fn secret_date(secret_key: &str, utc_date: &str) -> Mac32 {
    let key = Zeroizing::new(format!("TC3{secret_key}"));
    hmac(key.as_bytes(), utc_date)
}

/// Step 4b: the key of a service on that date.
pub fn secret_service(secret_date: &Mac32, service: &str) -> Mac32 {
    hmac(&**secret_date, service)
}

/// Step 4c: the key that signs.
pub fn secret_signing(secret_service: &Mac32) -> Mac32 {
    hmac(&**secret_service, TERMINATOR)
}

/// Steps 4a to 4c in one.
pub fn signing_key(secret_key: &str, utc_date: &str, service: &str) -> Mac32 {
    secret_signing(&secret_service(&secret_date(secret_key, utc_date), service))
}

/// Step 4d: the signature as lower-case hex.
pub fn signature(secret_signing: &Mac32, string_to_sign: &str) -> String {
    hex(&*hmac(&**secret_signing, string_to_sign))
}

/// Step 5: the value of the `Authorization` header.
pub fn authorization(
    secret_id: &str,
    scope: &str,
    signed_headers: &str,
    signature: &str,
) -> String {
    [
        ALGORITHM,
        " Credential=",
        secret_id,
        "/",
        scope,
        ", SignedHeaders=",
        signed_headers,
        ", Signature=",
        signature,
    ]
    .concat()
}

/// The scope and the signing key of a day, kept because all signatures of that day share them: three of the four HMACs
/// of a signature, and the formatting of its date, are spared.
#[derive(Default)]
pub struct DayKey(Option<Day>);

struct Day {
    secret_key: Secret,
    number: i64,
    service: String,
    scope: String,
    signing_key: Mac32,
}

impl DayKey {
    /// The credential scope and the signing key for `timestamp`; derived anew when the secret key, the UTC date or the
    /// service is another than the last time.
    pub fn at(&mut self, secret_key: &Secret, timestamp: i64, service: &str) -> (&str, &Mac32) {
        let number = timestamp.div_euclid(SECONDS_PER_DAY);
        let held = self.0.take().filter(|day| {
            day.number == number && day.service == service && day.secret_key == *secret_key
        });
        let day = self.0.insert(held.unwrap_or_else(|| {
            let date = utc_date(timestamp);
            Day {
                secret_key: secret_key.clone(),
                number,
                service: service.to_owned(),
                scope: credential_scope(&date, service),
                signing_key: signing_key(secret_key.expose(), &date, service),
            }
        }));
        (&day.scope, &day.signing_key)
    }
}

fn hmac(key: &[u8], message: &str) -> Mac32 {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message.as_bytes());
    Zeroizing::new(mac.finalize().into_bytes().into())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(DIGITS[usize::from(digit)]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const VECTORS: &str = include_str!("../../tests/data/signing/tc3.json");

    fn text<'a>(value: &'a Value, name: &str) -> &'a str {
        value[name]
            .as_str()
            .unwrap_or_else(|| panic!("{name} of {value}"))
    }

    /// Every step of one vector: the name it has there, and what comes out here.
    fn steps(input: &Value) -> Vec<(&'static str, String)> {
        let timestamp = input["timestamp"].as_i64().expect("a timestamp");
        let (service, key) = (text(input, "service"), text(input, "secret_key"));
        let mut headers: Vec<Header<'_>> = input["sign_headers"]
            .as_object()
            .expect("headers")
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().expect("a value")))
            .collect();
        headers.sort_unstable();
        let body = match input["unsigned_payload"].as_bool() {
            Some(true) => UNSIGNED_PAYLOAD,
            _ => text(input, "body"),
        };

        let payload = hashed_payload(body.as_bytes());
        let names = signed_headers(&headers);
        let canonical = canonical_request(
            text(input, "method"),
            text(input, "query"),
            &headers,
            &payload,
        );
        let date = utc_date(timestamp);
        let scope = credential_scope(&date, service);
        let to_sign = string_to_sign(timestamp, &scope, &canonical);
        let date_key = secret_date(key, &date);
        let service_key = secret_service(&date_key, service);
        let signing_key = secret_signing(&service_key);
        let signature = signature(&signing_key, &to_sign);
        let authorization = authorization(text(input, "secret_id"), &scope, &names, &signature);
        vec![
            ("hashed_payload", payload),
            (
                "hashed_canonical_request",
                hashed_payload(canonical.as_bytes()),
            ),
            ("canonical_request", canonical),
            ("utc_date", date),
            ("credential_scope", scope),
            ("signed_headers", names),
            ("string_to_sign", to_sign),
            ("secret_date_hex", hex(&*date_key)),
            ("secret_service_hex", hex(&*service_key)),
            ("secret_signing_hex", hex(&*signing_key)),
            ("signature", signature),
            ("authorization", authorization),
        ]
    }

    #[test]
    fn every_step_of_every_vector_comes_out() {
        let vectors: Value = serde_json::from_str(VECTORS).expect("JSON");
        let vectors = vectors["vectors"].as_array().expect("a list");
        assert!(!vectors.is_empty());
        for vector in vectors {
            let expected = &vector["expected"];
            let steps = steps(&vector["input"]);
            assert_eq!(steps.len(), expected.as_object().expect("steps").len());
            for (step, got) in steps {
                assert_eq!(
                    got,
                    text(expected, step),
                    "{step} of {}",
                    text(vector, "name")
                );
            }
        }
    }

    #[test]
    fn a_day_key_follows_secret_date_and_service() {
        const MIDNIGHT: i64 = 1_599_609_600;
        let (old, new) = (Secret::new("fake-1".into()), Secret::new("fake-2".into()));
        let mut cache = DayKey::default();
        for (key, timestamp, service) in [
            (&old, MIDNIGHT - 1, "trtc"),
            (&old, MIDNIGHT - 86_400, "trtc"),
            (&old, MIDNIGHT, "trtc"),
            (&new, MIDNIGHT, "trtc"),
            (&new, MIDNIGHT, "sts"),
            (&new, -1, "sts"),
        ] {
            let date = utc_date(timestamp);
            let (scope, signing) = cache.at(key, timestamp, service);
            assert_eq!(scope, credential_scope(&date, service));
            assert_eq!(*signing, signing_key(key.expose(), &date, service));
        }
    }
}
