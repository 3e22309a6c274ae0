//! Answers whoever asks how everything stands: has the poll loop tell it, and reads the buckets of the targets that are
//! asked for. It waits for neither for long: a loop or a disk that hangs is what people come to look at.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::build_info;
use crate::clock::Clock;
use crate::collect::Command;
use crate::status::{Plot, Question, Snapshot, Status};
use crate::store::Store;
use crate::usage::{Date, Target};
use crate::web::Inquiry;

/// Waits so long for the poll loop, which may be saving, and so long for the store.
const PATIENCE: Duration = Duration::from_secs(2);

const NO_ANSWER: &str =
    "The poll loop does not answer; see /-/healthy for whether it is alive, and try again.";

/// Who answers, one question after the other.
pub struct Desk {
    /// Leads to the poll loop.
    pub commands: mpsc::Sender<Command>,
    /// Where the buckets are.
    pub store: Arc<Mutex<Store>>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

type Reading = JoinHandle<Vec<Option<Plot>>>;

impl Desk {
    /// Answers until nobody can ask any more.
    pub async fn run(self, mut inquiries: mpsc::Receiver<Inquiry>) {
        let mut reading: Option<Reading> = None;
        while let Some(Inquiry { question, reply }) = inquiries.recv().await {
            let status = self.answer(&question, &mut reading).await;
            // Whoever asked may be gone by now.
            drop(reply.send(status));
        }
    }

    async fn answer(&self, question: &Question, reading: &mut Option<Reading>) -> Status {
        let now = self.clock.now().utc.timestamp();
        let (snapshot, trouble) = match self.ask_the_loop().await {
            Some(snapshot) => (snapshot, None),
            None => (Snapshot::default(), Some(NO_ANSWER)),
        };
        let mut status = Status::answer(question, snapshot, build_info::VERSION, now);
        status.trouble = trouble;
        let shown = status.targets.iter().map(|shown| shown.target.clone());
        let plots = self.read(shown.collect(), reading).await;
        for (target, plot) in status.targets.iter_mut().zip(plots) {
            target.plot = plot;
        }
        status
    }

    async fn ask_the_loop(&self) -> Option<Snapshot> {
        let (reply, told) = oneshot::channel();
        let asking = async {
            self.commands.send(Command::Status { reply }).await.ok()?;
            told.await.ok()
        };
        timeout(PATIENCE, asking).await.ok()?
    }

    /// Reads the buckets, off the async threads. While a reading hangs, no other is begun.
    async fn read(&self, targets: Vec<Target>, reading: &mut Option<Reading>) -> Vec<Option<Plot>> {
        if reading
            .as_ref()
            .is_some_and(|reading| !reading.is_finished())
        {
            return Vec::new();
        }
        let (store, now) = (Arc::clone(&self.store), self.clock.now().utc);
        let reading = reading.insert(tokio::task::spawn_blocking(move || {
            let today = Date::of(now);
            let dates = today.pred()..=today;
            let store = store.lock().unwrap_or_else(PoisonError::into_inner);
            let plot = |target: Target| {
                let days = store.days(&target, &dates).ok()?;
                Some(Plot::of(&days, now.timestamp()))
            };
            targets.into_iter().map(plot).collect()
        }));
        match timeout(PATIENCE, reading).await {
            Ok(Ok(plots)) => plots,
            _ => Vec::new(),
        }
    }
}
