//! Who may ask: names and bcrypt hashes, and what it costs to try a password.
//!
//! A hash is slow on purpose, so one is computed at a time and on a thread that may block, and what was right is
//! remembered: each user's last good password, as a keyed hash whose key never leaves the process. What was wrong is not,
//! so nobody can fill memory or push a good password out of it. A name that nobody has costs what some user's costs, so
//! time does not tell which names there are.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use hyper::header::HeaderValue;
use rustls::crypto::{GetRandomFailed, SecureRandom};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Everybody who may ask. Without anybody in it, everybody may.
pub struct Users {
    users: BTreeMap<String, User>,
    /// Of this process and of these users only.
    key: Zeroizing<[u8; 32]>,
    /// Held while a hash is computed, to the end of the computation, even when its client has left.
    turn: Arc<tokio::sync::Mutex<()>>,
}

struct User {
    hash: Arc<Secret>,
    /// The keyed hash of the password that was right.
    right: Mutex<Option<Digest>>,
}

type Digest = [u8; 32];

impl Users {
    /// Users by their names and bcrypt hashes; `random` makes the key of what is remembered.
    ///
    /// # Errors
    /// When there are no random numbers to be had.
    pub fn new(
        hashes: impl IntoIterator<Item = (String, Secret)>,
        random: &dyn SecureRandom,
    ) -> Result<Self, GetRandomFailed> {
        let mut key = Zeroizing::new([0; 32]);
        random.fill(&mut *key)?;
        let user = |(name, hash)| {
            let user = User {
                hash: Arc::new(hash),
                right: Mutex::default(),
            };
            (name, user)
        };
        Ok(Self {
            users: hashes.into_iter().map(user).collect(),
            key,
            turn: Arc::default(),
        })
    }

    /// Nobody, so that everybody may ask.
    pub fn nobody() -> Self {
        Self {
            users: BTreeMap::new(),
            key: Zeroizing::default(),
            turn: Arc::default(),
        }
    }

    /// Whether everybody may ask.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Whether the value of an `Authorization` header is a user's.
    pub(super) async fn admit(&self, authorization: Option<&HeaderValue>) -> bool {
        let Some(Credentials { name, password }) = authorization.and_then(Credentials::read) else {
            return false;
        };
        let is_user = self.users.contains_key(name.as_str());
        let Some(user) = self.users.get(name.as_str()).or_else(|| self.decoy(&name)) else {
            return false;
        };
        let digest = self.digest(&password);
        if is_user && user.remembers(&digest) {
            return true;
        }
        let turn = Arc::clone(&self.turn).lock_owned().await;
        // Another request may have brought the same password meanwhile.
        if is_user && user.remembers(&digest) {
            return true;
        }
        let hash = Arc::clone(&user.hash);
        let trying = tokio::task::spawn_blocking(move || {
            let right = bcrypt::verify(&*password, hash.expose());
            drop(turn);
            right.unwrap_or(false)
        });
        let right = is_user && trying.await.unwrap_or(false);
        if right {
            user.remember(digest);
        }
        right
    }

    /// The user whose hash is computed for a name that nobody has: always the same for the same name.
    fn decoy(&self, name: &str) -> Option<&User> {
        let [first, second, third, fourth, ..] = *self.digest(name.as_bytes());
        let number = u32::from_be_bytes([first, second, third, fourth]) as usize;
        self.users.values().nth(number % self.users.len().max(1))
    }

    fn digest(&self, text: &[u8]) -> Zeroizing<Digest> {
        let mac = Hmac::<Sha256>::new_from_slice(&*self.key);
        let mut mac = mac.expect("a key may have any length");
        mac.update(text);
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

impl User {
    fn remembers(&self, digest: &Digest) -> bool {
        // Digests under a key that nobody knows: how long they are compared tells nothing.
        *self.right() == Some(*digest)
    }

    fn remember(&self, digest: Zeroizing<Digest>) {
        *self.right() = Some(*digest);
    }

    fn right(&self) -> std::sync::MutexGuard<'_, Option<Digest>> {
        self.right.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.users.keys()).finish()
    }
}

/// What a client says of itself.
struct Credentials {
    name: Zeroizing<String>,
    password: Zeroizing<Vec<u8>>,
}

impl Credentials {
    fn read(authorization: &HeaderValue) -> Option<Self> {
        let (scheme, encoded) = authorization.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
        let colon = decoded.iter().position(|&byte| byte == b':')?;
        Some(Self {
            name: Zeroizing::new(std::str::from_utf8(&decoded[..colon]).ok()?.to_owned()),
            password: Zeroizing::new(decoded[colon + 1..].to_vec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// As cheap as bcrypt can be.
    const COST: u32 = 4;

    #[derive(Debug)]
    struct Counting;

    impl SecureRandom for Counting {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
            for (byte, value) in bytes.iter_mut().zip(0..) {
                *byte = value;
            }
            Ok(())
        }
    }

    fn users(passwords: &[(&str, &str)]) -> Users {
        let hashes = passwords.iter().map(|(name, password)| {
            let hash = bcrypt::hash_with_salt(password, COST, [7; 16]).expect("a password");
            let hash = hash.format_for_version(bcrypt::Version::TwoY);
            ((*name).to_owned(), Secret::new(hash))
        });
        Users::new(hashes, &Counting).expect("random enough")
    }

    fn basic(credentials: &str) -> HeaderValue {
        let value = format!("Basic {}", STANDARD.encode(credentials));
        value.parse().expect("a header")
    }

    #[tokio::test]
    async fn only_a_users_own_password_is_right() {
        let users = users(&[("scraper", "fake:pass"), ("anna", "faké"), ("", "nameless")]);
        for (credentials, right) in [
            ("scraper:fake:pass", true),
            ("anna:faké", true),
            (":nameless", true),
            ("scraper:faké", false),
            ("anna:fake:pass", false),
            ("Scraper:fake:pass", false),
            ("nobody:fake:pass", false),
            ("scraper:", false),
            ("scraper", false),
        ] {
            // The second time it may be known.
            for _ in 0..2 {
                let admitted = users.admit(Some(&basic(credentials))).await;
                assert_eq!(admitted, right, "{credentials}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_basic_authentication_is_refused() {
        let users = users(&[("a", "fake")]);
        assert!(!users.admit(None).await);
        for value in ["", "Basic", "Basic !", "Bearer YTpmYWtl", "Basic YTpmYWtl="] {
            let value = value.parse().expect("a header");
            assert!(!users.admit(Some(&value)).await, "{value:?}");
        }
        assert!(
            users
                .admit(Some(&"bAsIc YTpmYWtl".parse().expect("one")))
                .await
        );
    }

    #[tokio::test]
    async fn a_password_that_was_right_needs_no_turn_and_any_other_waits_for_one() {
        let users = users(&[("a", "fake"), ("b", "other")]);
        assert!(users.admit(Some(&basic("a:fake"))).await);
        let turn = Arc::clone(&users.turn).lock_owned().await;
        assert!(users.admit(Some(&basic("a:fake"))).await);
        for credentials in ["a:wrong", "b:other", "nobody:fake"] {
            let decided = AtomicBool::new(false);
            let header = basic(credentials);
            let waiting = async {
                users.admit(Some(&header)).await;
                decided.store(true, Ordering::Relaxed);
            };
            tokio::select! {
                biased;
                () = waiting => {}
                () = tokio::task::yield_now() => {}
            }
            assert!(!decided.into_inner(), "{credentials}");
        }
        drop(turn);
    }

    #[test]
    fn names_that_nobody_has_are_spread_over_the_users_and_each_keeps_its_own() {
        let users = users(&[("a", "fake"), ("b", "fake")]);
        let decoy = |name: &str| {
            let decoy = users.decoy(name).expect("there are users");
            std::ptr::eq(decoy, &users.users["a"])
        };
        let first: Vec<bool> = (0..64).map(|number| decoy(&number.to_string())).collect();
        assert!(first.contains(&true) && first.contains(&false));
        let again: Vec<bool> = (0..64).map(|number| decoy(&number.to_string())).collect();
        assert_eq!(first, again);
        assert!(Users::nobody().decoy("a").is_none());
    }
}
