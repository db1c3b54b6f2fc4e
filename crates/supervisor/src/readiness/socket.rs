use std::io;

use perilune_exec_native::usage::TreeHandle;
use perilune_exec_native::{Launch, NOTIFY_SOCKET, NotifySocket};

/// The socket at which a process shows that it is ready, by sending `READY=1` to the address in `NOTIFY_SOCKET`, as systemd
/// has it. Other notifications mean nothing here.
///
/// Keep it for as long as the process runs, and let [`rest`](Self::rest) read it: without a reader, whoever sends more than
/// the system keeps is held up.
#[derive(Debug)]
pub(crate) struct ReadySocket {
    socket: NotifySocket,
}

impl ReadySocket {
    /// Adds its address to what is launched. Needs a Tokio runtime with I/O around the call.
    pub(crate) fn attach(launch: &mut Launch) -> io::Result<Self> {
        let socket = NotifySocket::bind()?;
        launch.env.insert(NOTIFY_SOCKET.into(), socket.address().into());
        Ok(Self { socket })
    }

    /// Waits until a process of that tree says that it is ready; `false` if nobody can any more. Can be dropped and called
    /// again, and then waits for the next who says so.
    pub(crate) async fn ready(&self, tree: &TreeHandle) -> bool {
        let (mut buffer, mut told) = (buffer(), false);
        loop {
            let Ok(sent) = self.socket.receive(&mut buffer).await else { return false };
            if !sent.is_ready() {
                continue;
            }
            let (tree, os_pid) = (tree.clone(), sent.os_pid);
            // One after the other: whoever sends a descriptor behind it waits for that to be closed, and so is still there.
            match tokio::task::spawn_blocking(move || tree.has(os_pid)).await {
                Ok(true) => return true,
                // Once: whoever it is may say so for ever.
                Ok(false) if !std::mem::replace(&mut told, true) => {
                    tracing::warn!(os_pid, "`READY=1` is from somebody else, or from one that is gone already");
                }
                Ok(false) => {}
                Err(_) => return false,
            }
        }
    }

    /// Reads whatever else comes, as long as there is somebody who reads.
    pub(crate) async fn rest(&self) {
        let mut buffer = buffer();
        while self.socket.receive(&mut buffer).await.is_ok() {}
    }
}

/// Room for as much as systemd takes; what is longer is passed over.
fn buffer() -> Box<[u8]> {
    vec![0; 4096].into()
}
