//! TC3-HMAC-SHA256, step by step as the upstream documents it. Pure: the timestamp is an argument, and what comes out
//! is text to put into headers.

use std::fmt::Write as _;

use chrono::DateTime;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Name of the algorithm, first in the string to sign and in the `Authorization` header.
pub const ALGORITHM: &str = "TC3-HMAC-SHA256";

/// What every credential scope ends with.
pub const TERMINATOR: &str = "tc3_request";

/// A header that is signed: lower-case name, value as sent.
pub type Header<'a> = (&'a str, &'a str);

/// Step 1: the hash of the body as lower-case hex.
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

/// Step 2: the request in canonical form. The path is always `/`; `query` is empty for POST.
pub fn canonical_request(
    method: &str,
    query: &str,
    headers: &[Header<'_>],
    hashed_payload: &str,
) -> String {
    let mut text = format!("{method}\n/\n{query}\n");
    for (name, value) in headers {
        text.push_str(name);
        text.push(':');
        text.push_str(value.trim());
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
    format!(
        "{ALGORITHM}\n{timestamp}\n{scope}\n{}",
        hashed_payload(canonical_request.as_bytes())
    )
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
    format!(
        "{ALGORITHM} Credential={secret_id}/{scope}, SignedHeaders={signed_headers}, Signature={signature}"
    )
}

fn hmac(key: &[u8], message: &str) -> Mac32 {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message.as_bytes());
    Zeroizing::new(mac.finalize().into_bytes().into())
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a String cannot fail");
            text
        })
}
