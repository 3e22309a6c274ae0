//! Keys that are kept on this machine: the first of its places that holds any. What is in files is read again when they
//! change, so that keys can be rotated under a running process.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::source::Source;
use super::{Credentials, CredentialsError};
use crate::stamp::Stamp;
use crate::tencent::{Place, Role};

/// The places of this machine, in order.
#[derive(Debug)]
pub(super) struct Local {
    sources: Vec<Source>,
    state: Mutex<State>,
}

/// Keys that were found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) credentials: Arc<Credentials>,
    /// The role that is named beside them.
    pub(super) role: Option<Role>,
    pub(super) place: Place,
    /// In words.
    pub(super) source: Arc<str>,
}

#[derive(Debug, Default)]
struct State {
    /// What the files looked like when they were last read; `None` before the first time.
    stamps: Option<Vec<Option<Stamp>>>,
    /// The last good keys; they outlive a failure.
    held: Option<Found>,
    /// Why the last reading failed, if it did.
    trouble: Option<CredentialsError>,
    generation: u64,
}

impl Local {
    pub(super) fn new(sources: Vec<Source>) -> Self {
        Self {
            sources,
            state: Mutex::default(),
        }
    }

    /// What is kept here now; `None` when nothing is. Costs a `stat` per file, and a read when one changed.
    ///
    /// # Errors
    /// When the first place that holds keys has them wrong, and there never were good ones.
    pub(super) fn current(&self) -> Result<Option<Found>, CredentialsError> {
        self.refreshed(|state| match (&state.held, &state.trouble) {
            (Some(held), _) => Ok(Some(held.clone())),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Ok(None),
        })
    }

    /// How often the keys have become others, by the last look.
    pub(super) fn generation(&self) -> u64 {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.generation
    }

    /// Where is looked, in words.
    pub(super) fn places(&self) -> impl Iterator<Item = String> {
        self.sources.iter().map(ToString::to_string)
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

    fn load(&self) -> Result<Option<Found>, CredentialsError> {
        for source in &self.sources {
            if let Some(kept) = source.load()? {
                return Ok(Some(Found {
                    credentials: Arc::new(kept.credentials),
                    role: kept.role,
                    place: source.place(),
                    source: source.to_string().into(),
                }));
            }
        }
        Ok(None)
    }
}

impl State {
    fn take(&mut self, loaded: Result<Option<Found>, CredentialsError>) {
        let gone = || CredentialsError::None("the places that held them".to_owned());
        let error = match (loaded, &self.held) {
            (Ok(Some(new)), held) => {
                self.trouble = None;
                let is_other = held.as_ref().is_none_or(|held| {
                    held.credentials != new.credentials || held.role != new.role
                });
                if is_other {
                    tracing::info!(source = &*new.source, "Credentials loaded");
                    self.generation += 1;
                    self.held = Some(new);
                }
                return;
            }
            (Ok(None), None) => {
                self.trouble = None;
                return;
            }
            (Ok(None), Some(_)) => gone(),
            (Err(error), _) => error,
        };
        if let Some(held) = &self.held
            && self.trouble.as_ref() != Some(&error)
        {
            tracing::warn!(
                source = &*held.source,
                %error,
                "cannot read the credentials any more; going on with the last good ones"
            );
        }
        self.trouble = Some(error);
    }
}
