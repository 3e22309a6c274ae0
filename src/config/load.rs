//! From a file to a configuration, or to everything that is wrong with it.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::yaml::{self, Problem, Report, Value};
use super::{Config, validate};

/// A configuration and what its operator should know about it.
#[derive(Debug)]
pub struct Loaded {
    /// What to run by.
    pub config: Config,
    /// For the log; each with file, line and place.
    pub warnings: Vec<String>,
}

/// Why there is no configuration. No variant ever holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no such file.
    #[error(
        "{}: there is no such file; name one by --config.file, or give --sdk-app-id instead of a file",
        .0.display()
    )]
    NotFound(PathBuf),
    /// The file is there but cannot be read.
    #[error("{}: cannot be read: {source}", .file.display())]
    Unreadable {
        /// As it was named.
        file: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The file has problems: all of them, one to a line of text, sorted by line of the file.
    #[error("{}", Placed { file, problems })]
    Invalid {
        /// As it was named.
        file: PathBuf,
        /// At least one.
        problems: Vec<Problem>,
    },
}

struct Placed<'a> {
    file: &'a Path,
    problems: &'a [Problem],
}

impl fmt::Display for Placed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{}:{problem}", self.file.display())?;
        }
        Ok(())
    }
}

/// Reads and validates a file, including the secret files it names.
pub fn load(file: &Path) -> Result<Loaded, ConfigError> {
    let text = read(file).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => ConfigError::NotFound(file.to_owned()),
        _ => ConfigError::Unreadable {
            file: file.to_owned(),
            source,
        },
    })?;
    parse(&text, file)
}

/// One byte more than a configuration may have is enough to see that it is too large.
pub(crate) fn read(file: &Path) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    File::open(file)?
        .take(yaml::MAX_BYTES as u64 + 1)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// Validates a text. `file` names it in problems, and paths in it are relative to that file's folder.
pub fn parse(text: &str, file: &Path) -> Result<Loaded, ConfigError> {
    let report = Report::default();
    let folder = file.parent().unwrap_or(Path::new(""));
    let config = yaml::parse(text, &report)
        .and_then(|root| validate::config(&Value::root(&root, &report), folder));
    let (problems, warnings) = report.into_sorted();
    match config {
        Some(config) if problems.is_empty() => {
            let warnings = warnings
                .iter()
                .map(|warning| format!("{}:{warning}", file.display()));
            Ok(Loaded {
                config,
                warnings: warnings.collect(),
            })
        }
        _ => Err(ConfigError::Invalid {
            file: file.to_owned(),
            problems,
        }),
    }
}
