//! Where history goes: a file that is there only when it is whole, or standard output.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::BackfillError;

/// Where history goes.
pub(super) struct Output {
    to: Box<dyn Write + Send>,
    /// The file that is written, and what it is called when it is whole.
    file: Option<(PathBuf, PathBuf)>,
    workshop: Workshop,
}

/// A folder for what is needed until the output is whole.
struct Workshop {
    path: PathBuf,
    /// Whether nobody can go on from it after an interruption.
    for_once: bool,
}

impl Output {
    /// To a file, or to standard output.
    pub(super) fn to(path: Option<&Path>) -> Result<Self, BackfillError> {
        let Some(path) = path else {
            let name = format!("trtc-exporter-backfill-{}", std::process::id());
            let workshop = Workshop {
                path: std::env::temp_dir().join(name),
                for_once: true,
            };
            return Ok(Self {
                to: Box::new(BufWriter::new(io::stdout())),
                file: None,
                workshop,
            });
        };
        let part = beside(path, ".part");
        let file = File::create(&part).map_err(|source| failed(&part, source))?;
        Ok(Self {
            to: Box::new(BufWriter::new(file)),
            file: Some((part, path.to_owned())),
            workshop: Workshop {
                path: beside(path, ".days"),
                for_once: false,
            },
        })
    }

    /// The folder for what is needed until all is whole.
    pub(super) fn workshop(&self) -> &Path {
        &self.workshop.path
    }

    pub(super) fn write(&mut self, text: &str) -> Result<(), BackfillError> {
        let written = self.to.write_all(text.as_bytes());
        written.map_err(|source| failed(self.name(), source))
    }

    /// All is written: shows it, and removes what is not needed any more. Returns what it is called.
    pub(super) fn finish(mut self) -> Result<String, BackfillError> {
        self.to
            .flush()
            .map_err(|source| failed(self.name(), source))?;
        if let Some((part, whole)) = &self.file {
            File::open(part)
                .and_then(|file| file.sync_all())
                .and_then(|()| std::fs::rename(part, whole))
                .map_err(|source| failed(whole, source))?;
        }
        self.workshop.for_once = true;
        Ok(self.name().display().to_string())
    }

    fn name(&self) -> &Path {
        self.file
            .as_ref()
            .map_or(Path::new("-"), |(_, whole)| whole)
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        if self.for_once
            && self.path.exists()
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "Could not be removed");
        }
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn failed(path: &Path, source: io::Error) -> BackfillError {
    BackfillError::Output {
        path: path.to_owned(),
        source,
    }
}
