use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::disk::Identity;
use super::event::{LogEvent, Reporter};
use super::rotation::piece;

/// Compresses old files, one after the other, on a thread that is there as long as there are some.
#[derive(Default)]
pub(super) struct Compressor {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<(Job, Vec<Arc<Reporter>>)>,
    is_running: bool,
}

/// All old files of one file that are not compressed.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) path: PathBuf,
    pub(super) max_files: u32,
    pub(super) mode: u32,
    /// Held by whoever gives old files new names.
    pub(super) renaming: Arc<Mutex<()>>,
}

impl Compressor {
    /// Has it done soon. Whoever is named hears of a failure; then the files stay as they are until the next time.
    pub(super) fn submit(self: &Arc<Self>, job: Job, reporters: &[Arc<Reporter>]) {
        let mut state = self.lock();
        if state.jobs.iter().any(|(waiting, _)| waiting.path == job.path) {
            return;
        }
        state.jobs.push_back((job, reporters.to_vec()));
        if !state.is_running {
            let compressor = Arc::clone(self);
            let thread = thread::Builder::new().name("log-compress".to_owned()).spawn(move || compressor.run());
            // Without a thread they wait for the next one.
            state.is_running = thread.is_ok();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        loop {
            let next = {
                let mut state = self.lock();
                let next = state.jobs.pop_front();
                state.is_running = next.is_some();
                next
            };
            let Some((job, reporters)) = next else { return };
            if let Err(error) = job.run() {
                tracing::warn!(path = %job.path.display(), %error, "could not compress old log files");
                for reporter in reporters {
                    reporter.tell(LogEvent::WriteFailed { path: job.path.clone(), error: error.to_string() });
                }
            }
        }
    }
}

impl Job {
    fn run(&self) -> io::Result<()> {
        // The oldest first: it will be the first to go.
        while let Some(found) = (1..=self.max_files).rev().map(|number| piece(&self.path, number, false)).find(is_file)
        {
            self.compress(&found)?;
        }
        Ok(())
    }

    fn compress(&self, from: &Path) -> io::Result<()> {
        let mut source = match File::open(from) {
            // It has another number by now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        let identity = Identity::from(&source.metadata()?);
        let mut unfinished = self.path.clone().into_os_string();
        unfinished.push(".gz.tmp");
        let unfinished = PathBuf::from(unfinished);
        let done = pack(&mut source, &unfinished, self.mode).and_then(|()| self.replace(identity, &unfinished));
        if done.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        done
    }

    /// Puts the compressed file in place of the other, whichever number that has by now.
    fn replace(&self, identity: Identity, unfinished: &Path) -> io::Result<()> {
        let _renaming = self.renaming.lock().unwrap_or_else(PoisonError::into_inner);
        for number in 1..=self.max_files {
            let plain = piece(&self.path, number, false);
            if Identity::of(&plain)? == Some(identity) {
                fs::rename(unfinished, piece(&self.path, number, true))?;
                return fs::remove_file(plain);
            }
        }
        // It was too old in the meantime.
        fs::remove_file(unfinished)
    }
}

fn is_file(path: &PathBuf) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
}

fn pack(source: &mut File, to: &Path, mode: u32) -> io::Result<()> {
    match fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(to)?;
    let mut encoder = GzEncoder::new(file, Compression::default());
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        encoder.write_all(buffer.get(..count).unwrap_or_default())?;
    }
    encoder.finish()?.sync_all()
}
