use std::io::Write;
use std::time::Duration;

use perilune_supervisor::{EventKind, EventReceiver, Received};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

/// How many answers wait for a reader who is slow, before whoever asks has to wait, too.
const ANSWERS: usize = 64;
/// How long a reader who does not read can hold up the end.
const PATIENCE: Duration = Duration::from_secs(1);

/// Prints events and answers, a JSON object a line. Whoever does not read them misses events, is told how many, and holds
/// up nobody but those who want answers.
#[derive(Clone)]
pub(super) struct Printer {
    answers: mpsc::Sender<Value>,
    ended: watch::Receiver<bool>,
}

impl Printer {
    pub(super) fn start(mut events: EventReceiver) -> Self {
        let (answers, mut answered) = mpsc::channel(ANSWERS);
        let (tell, ended) = watch::channel(false);
        tokio::spawn(async move {
            loop {
                // Answers first: the last event may be there already when somebody is told that it will come.
                let (line, is_last) = tokio::select! {
                    biased;
                    Some(answer) = answered.recv() => (json!({ "reply": answer }).to_string(), false),
                    received = events.recv() => match received {
                        Some(Received::Event(event)) => {
                            let is_last = matches!(event.kind, EventKind::ShutdownComplete);
                            (serde_json::to_string(&*event).unwrap_or_default(), is_last)
                        }
                        Some(Received::Lagged(missed)) => (json!({ "event": "lagged", "missed": missed }).to_string(), false),
                        None => break,
                    },
                };
                print(line).await;
                if is_last {
                    while let Ok(answer) = answered.try_recv() {
                        print(json!({ "reply": answer }).to_string()).await;
                    }
                    break;
                }
            }
            let _ = tell.send(true);
        });
        Self { answers, ended }
    }

    pub(super) async fn answer(&self, answer: Value) {
        let _ = self.answers.send(answer).await;
    }

    /// Waits until the last event is printed.
    pub(super) async fn finish(mut self) {
        let _ = tokio::time::timeout(PATIENCE, self.ended.wait_for(|ended| *ended)).await;
    }
}

/// On a thread that may wait for the reader. One that has gone is no reason to end processes.
async fn print(line: String) {
    let printed = tokio::task::spawn_blocking(move || {
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{line}").and_then(|()| stdout.flush())
    });
    if let Ok(Err(error)) = printed.await {
        tracing::debug!(%error, "nobody reads the events");
    }
}
