//! Keeps the terms in force as the files say: at the start, by order, and by looking whether a file has changed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tracing::{error, info, warn};

use super::files::Files;
use super::{Loaded, Protection, load};
use crate::config::ConfigError;
use crate::web::Guard;

/// How often it looks. A file is read again when it has looked the same twice, so that it is not read while it is written.
const LOOK: Duration = Duration::from_secs(1);

/// Keeps the terms of one file.
#[derive(Debug)]
pub struct Keeper {
    file: PathBuf,
    guard: Arc<Guard>,
    watch: Mutex<Watch>,
}

#[derive(Debug)]
struct Watch {
    protection: Protection,
    /// As they were when they were last read, well or badly.
    read: Files,
    /// As they were when they were last looked at.
    seen: Files,
}

/// Terms that could be put in force.
#[derive(Debug)]
pub struct Prepared {
    loaded: Loaded,
    files: Files,
}

impl Keeper {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// When it is not usable.
    pub fn open(file: &Path) -> Result<Self, ConfigError> {
        let Prepared { loaded, files } = prepare(file)?;
        warn_of(&loaded.warnings);
        Ok(Self {
            file: file.to_owned(),
            guard: Arc::new(Guard::new(loaded.access)),
            watch: Mutex::new(Watch {
                protection: loaded.protection,
                seen: files.now(),
                read: files,
            }),
        })
    }

    /// The terms in force.
    pub fn guard(&self) -> &Arc<Guard> {
        &self.guard
    }

    /// Reads the file, and puts nothing in force yet.
    ///
    /// # Errors
    /// When it is not usable.
    pub fn prepare(&self) -> Result<Prepared, ConfigError> {
        prepare(&self.file)
    }

    /// Puts in force what was read.
    pub fn apply(&self, prepared: Prepared) {
        let Prepared { loaded, files } = prepared;
        let mut watch = self.watch();
        warn_of(&loaded.warnings);
        watch.protection = loaded.protection;
        watch.read = files;
        self.guard.replace(loaded.access);
    }

    /// Looks for changes, again and again.
    pub async fn keep_watch(self: Arc<Self>) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let keeper = Arc::clone(&self);
            // Files may be on a disk that hangs. A panic has been logged, and the next look may be luckier.
            drop(tokio::task::spawn_blocking(move || keeper.look()).await);
        }
    }

    fn look(&self) {
        let mut watch = self.watch();
        let now = watch.read.now();
        let is_settled = now == watch.seen;
        watch.seen = now;
        if !is_settled || watch.seen == watch.read {
            return;
        }
        let files = Files::default();
        let outcome = load(&self.file, &files);
        watch.read = files;
        match outcome {
            Ok(loaded) if loaded.protection.is_weaker_than(watch.protection) => warn!(
                "The web configuration has changed and protects less; the one before stays in force until a reload is \
                 asked for"
            ),
            Ok(loaded) => {
                warn_of(&loaded.warnings);
                watch.protection = loaded.protection;
                self.guard.replace(loaded.access);
                info!("The web configuration or a certificate has changed, and is in force");
            }
            Err(error) => error!(
                error = %error,
                "The web configuration has changed and is not usable; the one before stays in force"
            ),
        }
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn prepare(file: &Path) -> Result<Prepared, ConfigError> {
    let files = Files::default();
    let loaded = load(file, &files)?;
    Ok(Prepared { loaded, files })
}

fn warn_of(warnings: &[String]) {
    for warning in warnings {
        warn!(warning, "The web configuration could be better");
    }
}
