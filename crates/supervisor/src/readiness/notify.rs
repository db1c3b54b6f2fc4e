use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use perilune_exec_native::Launch;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use super::NOTIFY_FD;

/// The end of a pipe at which a process shows that it is ready, by writing a newline into the other end: the descriptor
/// whose number is in `SUP_NOTIFY_FD`.
///
/// Keep it for as long as the process runs, and let [`rest`](Self::rest) read it: without a reader, whoever writes more
/// than the one newline is ended by the system.
#[derive(Debug)]
pub struct NotifyPipe {
    reader: Receiver,
}

impl NotifyPipe {
    /// Adds the other end and the variable to what is launched. Needs a Tokio runtime with I/O around the call.
    ///
    /// That end belongs to `launch`: as long as anything made from it keeps the descriptor in this program, the end of the
    /// process does not end the pipe.
    pub fn attach(launch: &mut Launch) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let reader = Receiver::from_owned_fd(reader.into())?;
        let taken = &launch.options.extra_fds;
        let number = (3..).find(|number| taken.iter().all(|(_, other)| other != number)).unwrap_or(3);
        launch.options.extra_fds.push((Arc::new(OwnedFd::from(writer)), number));
        launch.env.insert(NOTIFY_FD.into(), number.to_string().into());
        Ok(Self { reader })
    }

    /// Waits for the newline; `false` if nobody is left who could write it. Can be dropped and called again.
    pub async fn ready(&mut self) -> bool {
        let mut buffer = [0; 256];
        loop {
            match self.reader.read(&mut buffer).await {
                Ok(0) | Err(_) => return false,
                Ok(count) if buffer.iter().take(count).any(|byte| *byte == b'\n') => return true,
                Ok(_) => {}
            }
        }
    }

    /// Reads whatever else comes, until nobody is left who could write.
    pub async fn rest(&mut self) {
        let mut buffer = [0; 4096];
        while let Ok(1..) = self.reader.read(&mut buffer).await {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use perilune_exec_api::EnvMode;
    use perilune_exec_native::{environment, launch};

    use super::*;

    /// What a script does to the pipe. Nobody reaps it before the test process ends.
    async fn check(script: &str, expected: bool) -> NotifyPipe {
        let mut shell = Launch::new("/bin/sh");
        shell.args = vec!["-c".into(), script.into()];
        shell.env = environment(&EnvMode::Clean, [("LANG", "C")]);
        let mut pipe = NotifyPipe::attach(&mut shell).unwrap();
        launch(shell).unwrap();
        let ready = tokio::time::timeout(Duration::from_secs(60), pipe.ready()).await.expect("an answer");
        assert_eq!(ready, expected, "{script}");
        pipe
    }

    #[tokio::test]
    async fn newline_means_ready() {
        check("eval \"echo >&$SUP_NOTIFY_FD\"", true).await;
    }

    #[tokio::test]
    async fn what_comes_before_the_newline_does_not_matter() {
        check("eval \"printf almost >&$SUP_NOTIFY_FD; printf 'ready\\\\nmore' >&$SUP_NOTIFY_FD\"", true).await;
    }

    #[tokio::test]
    async fn end_without_a_newline_is_not_ready() {
        check("eval \"printf almost >&$SUP_NOTIFY_FD\"", false).await;
        check("exit 0", false).await;
    }

    #[tokio::test]
    async fn who_writes_more_is_read() {
        let script = "eval \"exec 9>&$SUP_NOTIFY_FD\"; echo >&9; head -c 300000 /dev/zero >&9";
        let mut pipe = check(script, true).await;
        tokio::time::timeout(Duration::from_secs(60), pipe.rest()).await.expect("its end");
    }

    #[tokio::test]
    async fn number_that_is_taken_is_not_given_twice() {
        let mut shell = Launch::new("/bin/sh");
        let (_reader, writer) = io::pipe().unwrap();
        shell.options.extra_fds.push((Arc::new(writer.into()), 3));
        let _pipe = NotifyPipe::attach(&mut shell).unwrap();
        assert_eq!(shell.options.extra_fds.last().map(|(_, number)| *number), Some(4));
        assert_eq!(shell.env.get(std::ffi::OsStr::new(NOTIFY_FD)), Some(&"4".into()));
    }
}
