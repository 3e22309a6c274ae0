//! The limit: bodies made beforehand, served by hyper. `limit DIRECTORY` with page.prom and page.prom.gz in it.

use std::path::PathBuf;

use bytes::Bytes;

fn main() {
    let directory = PathBuf::from(std::env::args_os().nth(1).expect("a directory"));
    let read = |name| Bytes::from(std::fs::read(directory.join(name)).expect("a file"));
    let (plain, gzip) = (read("page.prom"), read("page.prom.gz"));
    whole::serve(move |wants_gzip| {
        if wants_gzip {
            gzip.clone()
        } else {
            plain.clone()
        }
    });
}
