//! Which build this is, as shown by `--version` and `trtc_exporter_build_info`.

/// The package's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit it was built from, shortened; `unknown` outside a checkout.
pub const REVISION: &str = env!("TRTC_EXPORTER_REVISION");

/// The version of the compiler, e.g. `1.95.0`.
pub const RUSTC: &str = env!("TRTC_EXPORTER_RUSTC");
