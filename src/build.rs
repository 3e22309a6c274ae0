//! Build script: which revision this is and which compiler made it, for `--version` and `trtc_exporter_build_info`.

use std::env;
use std::path::Path;
use std::process::Command;

/// Set where there is no git checkout to ask, as when building from an archive or an image.
const REVISION: &str = "TRTC_EXPORTER_REVISION";

fn main() {
    // Naming any input keeps cargo from taking every file of the package for one.
    println!("cargo::rerun-if-changed=src/build.rs");
    println!("cargo::rerun-if-env-changed={REVISION}");
    let revision = env::var(REVISION)
        .ok()
        .filter(|revision| !revision.is_empty())
        .or_else(revision_of_checkout)
        .unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env={REVISION}={revision}");
    let rustc = compiler_version().unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=TRTC_EXPORTER_RUSTC={rustc}");
}

/// The commit that is checked out; none when the package only lies inside some other repository.
fn revision_of_checkout() -> Option<String> {
    let package = env::var_os("CARGO_MANIFEST_DIR")?;
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != Path::new(&package).canonicalize().ok()? {
        return None;
    }
    // HEAD changes when another branch is checked out, the reference it points to with every commit. A reference that
    // is packed has no file of its own, and naming a file that is not there would mean building every time.
    let mut inputs = vec!["HEAD".to_owned(), "packed-refs".to_owned()];
    inputs.extend(git(&["symbolic-ref", "--quiet", "HEAD"]));
    for input in inputs {
        if let Some(path) = git(&["rev-parse", "--git-path", &input])
            && Path::new(&path).exists()
        {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

/// `1.95.0` of `rustc 1.95.0 (59807616e 2026-04-14)`.
fn compiler_version() -> Option<String> {
    let rustc = env::var_os("RUSTC")?;
    let printed = output(Command::new(rustc).arg("--version"))?;
    printed.split_whitespace().nth(1).map(ToOwned::to_owned)
}

fn git(arguments: &[&str]) -> Option<String> {
    output(Command::new("git").args(arguments))
}

/// What a command printed, if it ended well and printed anything.
fn output(command: &mut Command) -> Option<String> {
    let output = command
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
