//! Where keys come from: a list of sources that are tried in order, and the credentials of the first that has any. What
//! is kept in files is read again when they change, so that keys can be rotated under a running process.

mod files;
mod profile;
mod source;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use source::Source;
pub use source::{Surroundings, Variables};

use crate::secret::Secret;
use crate::secret::file::SecretTextError;
use crate::stamp::Stamp;
use crate::tencent::CredentialSource;

/// What a request is signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Names the key; sent in the clear.
    pub secret_id: String,
    /// Signs.
    pub secret_key: Secret,
    /// Goes with temporary keys.
    pub token: Option<Secret>,
}

impl Credentials {
    /// Every text in here, for whoever must keep them out of a log.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let token = self.token.as_ref().map(Secret::expose);
        [self.secret_key.expose(), &self.secret_id]
            .into_iter()
            .chain(token)
    }
}

/// Why there are no credentials. Says where to look, never what was found there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// A file could not be read.
    #[error("cannot read {path}: {reason}")]
    File {
        /// Which.
        path: PathBuf,
        /// In the system's words.
        reason: String,
    },
    /// There, but no text that could be a key.
    #[error("{place} {problem}")]
    Value {
        /// Which of them, and where it is kept.
        place: String,
        /// What is wrong with it.
        problem: SecretTextError,
    },
    /// One half of a pair.
    #[error("{there} is set, but {missing} is not")]
    Half {
        /// What is set.
        there: &'static str,
        /// What is not.
        missing: &'static str,
    },
    /// No `[default]` section in a profile file.
    #[error("{0} has no section [default]")]
    NoDefault(PathBuf),
    /// No source has any.
    #[error("found none in {0}")]
    None(String),
}

/// Hands out the credentials of an account.
#[derive(Debug)]
pub struct Provider {
    sources: Vec<Source>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What the files looked like when they were last read; `None` before the first time.
    stamps: Option<Vec<Option<Stamp>>>,
    /// The last good credentials; they outlive a failure.
    held: Option<Held>,
    /// Why the last reading failed, if it did.
    trouble: Option<CredentialsError>,
    generation: u64,
}

#[derive(Debug)]
struct Held {
    credentials: Arc<Credentials>,
    source: String,
}

impl Provider {
    /// For credentials kept as `source` says.
    pub fn new(source: &CredentialSource) -> Self {
        Self::within(source, &Surroundings::of_this_process())
    }

    /// Like [`Provider::new`], with an environment of one's own.
    pub fn within(source: &CredentialSource, surroundings: &Surroundings) -> Self {
        Self {
            sources: source::sources(source, surroundings),
            state: Mutex::default(),
        }
    }

    /// The credentials to sign with now. Cheap enough for every attempt: a `stat` per file, and a read when one changed.
    ///
    /// # Errors
    /// When no source has any, or the first that has some has them wrong, and there never were good ones.
    pub fn current(&self) -> Result<Arc<Credentials>, CredentialsError> {
        self.refreshed(|state| match (&state.held, &state.trouble) {
            (Some(held), _) => Ok(held.credentials.clone()),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Err(CredentialsError::None(self.places())),
        })
    }

    /// Counts how often the credentials have become others: whoever gave up because of them tries again when this
    /// rises. Looks at the files, like [`Provider::current`].
    pub fn generation(&self) -> u64 {
        self.refreshed(|state| state.generation)
    }

    /// Which source is in use, or which ones would be; for the log.
    pub fn source(&self) -> String {
        self.refreshed(|state| match &state.held {
            Some(held) => held.source.clone(),
            None => self.places(),
        })
    }

    fn refreshed<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Before reading, so that a change during the reading is seen the next time.
        let stamps: Vec<_> = self.files().map(|path| Stamp::of(path)).collect();
        // Again after a failure even if nothing changed: the system may have been at fault, not the file.
        if state.stamps.as_ref() != Some(&stamps) || state.trouble.is_some() {
            state.stamps = Some(stamps);
            state.take(self.load());
        }
        read(&state)
    }

    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.sources.iter().flat_map(Source::files)
    }

    fn load(&self) -> Result<Held, CredentialsError> {
        for source in &self.sources {
            if let Some(credentials) = source.load()? {
                return Ok(Held {
                    credentials: Arc::new(credentials),
                    source: source.to_string(),
                });
            }
        }
        Err(CredentialsError::None(self.places()))
    }

    fn places(&self) -> String {
        let places: Vec<_> = self.sources.iter().map(ToString::to_string).collect();
        places.join(", ")
    }
}

impl State {
    fn take(&mut self, loaded: Result<Held, CredentialsError>) {
        match loaded {
            Ok(new) => {
                self.trouble = None;
                let old = self.held.as_ref().map(|held| &held.credentials);
                if old != Some(&new.credentials) {
                    tracing::info!(source = new.source, "Credentials loaded");
                    self.generation += 1;
                    self.held = Some(new);
                }
            }
            Err(error) => {
                if let Some(held) = &self.held
                    && self.trouble.as_ref() != Some(&error)
                {
                    tracing::warn!(
                        source = held.source,
                        %error,
                        "cannot read the credentials any more; going on with the last good ones"
                    );
                }
                self.trouble = Some(error);
            }
        }
    }
}

#[cfg(test)]
mod tests;
