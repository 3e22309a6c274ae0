//! The threads of the process. Some serve and others poll, so that whatever holds the polling up, a disk that never
//! returns or a bug, keeps no scrape, no probe and no signal waiting.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// One serves while the other renews the page or encrypts.
const SERVING: usize = 2;
/// What takes long is done elsewhere, and the upstream sends little.
const POLLING: usize = 1;

/// All of them.
#[derive(Debug)]
pub struct Threads {
    serving: Runtime,
    polling: Runtime,
}

impl Threads {
    /// Starts them.
    ///
    /// # Errors
    /// When the system has none to give.
    pub fn start() -> io::Result<Self> {
        Ok(Self {
            serving: named("serve", SERVING)?,
            polling: named("poll", POLLING)?,
        })
    }

    /// Those that poll.
    pub fn polling(&self) -> &Handle {
        self.polling.handle()
    }

    /// Does `work` where nothing blocks, and ends all threads with it. Whatever they still do is left behind: it may never
    /// return.
    pub fn run<T>(self, work: impl Future<Output = T>) -> T {
        let result = self.serving.block_on(work);
        self.polling.shutdown_background();
        self.serving.shutdown_background();
        result
    }
}

fn named(name: &str, count: usize) -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(count)
        .thread_name(name)
        .enable_all()
        .build()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, mpsc};
    use std::time::Duration;

    use super::*;

    /// Long enough for any machine; only a failing test waits for it.
    const FOREVER: Duration = Duration::from_secs(60);

    #[test]
    fn polling_that_hangs_keeps_nobody_waiting() {
        let threads = Threads::start().expect("threads");
        let polling = threads.polling().clone();
        let (release, held) = mpsc::channel::<()>();
        let held = Arc::new(Mutex::new(held));
        let (begun, seen) = mpsc::channel();
        let hang = move || {
            begun.send(()).expect("heard");
            held.lock().expect("no panic").recv_timeout(FOREVER).ok();
        };
        let served = threads.run(async move {
            for _ in 0..POLLING {
                let hang = hang.clone();
                polling.spawn(async move { hang() });
            }
            polling.spawn_blocking(hang);
            for _ in 0..=POLLING {
                seen.recv_timeout(FOREVER).expect("all of them hang");
            }
            tokio::spawn(async { "served" }).await.expect("no panic")
        });
        assert_eq!(served, "served");
        release.send(()).expect("they hang still");
    }
}
