use std::io::Write;
use std::sync::Arc;

use perilune_lua_bindings::{Read, ReadDone, Terminal};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Stdin};
use tokio::runtime::Handle;
use tokio::sync::Mutex;

/// Standard input and output of this program.
pub(crate) struct StdTerminal {
    args: Vec<String>,
    io: Handle,
    input: Arc<Mutex<BufReader<Stdin>>>,
}

/// Longest line that is read.
const MAX_LINE: u64 = 16 << 20;

impl StdTerminal {
    pub(crate) fn new(args: Vec<String>, io: Handle) -> Self {
        let _guard = io.enter();
        let input = Arc::new(Mutex::new(BufReader::new(tokio::io::stdin())));
        Self { args, io: io.clone(), input }
    }
}

impl Terminal for StdTerminal {
    fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        std::io::stdout().lock().write_all(bytes)
    }

    fn write_error(&self, bytes: &[u8]) -> std::io::Result<()> {
        std::io::stderr().lock().write_all(bytes)
    }

    fn flush(&self) -> std::io::Result<()> {
        std::io::stdout().lock().flush()
    }

    fn args(&self) -> Vec<String> {
        self.args.clone()
    }

    fn read(&self, what: Read, done: ReadDone) {
        let input = Arc::clone(&self.input);
        // Readers take turns, in the order in which they asked.
        self.io.spawn(async move {
            let mut input = input.lock().await;
            done(match what {
                Read::Bytes(count) => read_bytes(&mut input, count).await,
                Read::Line => read_line(&mut input).await,
            });
        });
    }
}

async fn read_bytes(input: &mut BufReader<Stdin>, count: usize) -> std::io::Result<Option<Vec<u8>>> {
    let available = input.fill_buf().await?;
    let taken = available[..available.len().min(count)].to_vec();
    input.consume(taken.len());
    Ok((!taken.is_empty()).then_some(taken))
}

async fn read_line(input: &mut BufReader<Stdin>) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if input.take(MAX_LINE).read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    } else if line.len() as u64 == MAX_LINE {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "line is longer than 16 MiB"));
    }
    Ok(Some(line))
}
