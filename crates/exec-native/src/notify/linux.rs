//! Sockets with names that are no files, whose messages carry the number of the sender.

// The standard library cannot receive credentials, and rustix takes for granted that their number is not 0.
#![allow(unsafe_code)]

use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram as Plain};
use std::ptr;

use tokio::io::Interest;
use tokio::net::UnixDatagram;
use uuid::Uuid;

use super::Notification;

#[derive(Debug)]
pub(super) struct Socket {
    socket: UnixDatagram,
    address: String,
}

impl Socket {
    pub(super) fn bind() -> io::Result<Self> {
        // Nobody can have taken a name that nobody knows.
        let name = format!("perilune-notify-{}", Uuid::new_v4());
        let socket = Plain::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
        pass_credentials(&socket)?;
        socket.set_nonblocking(true)?;
        let socket = UnixDatagram::from_std(socket)?;
        Ok(Self { socket, address: format!("@{name}") })
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) async fn receive<'a>(&self, buffer: &'a mut [u8]) -> io::Result<Notification<'a>> {
        let (os_pid, length) = loop {
            let received = self.socket.async_io(Interest::READABLE, || receive(&self.socket, buffer)).await?;
            if let Some(received) = received {
                break received;
            }
        };
        Ok(Notification { os_pid, text: buffer.get(..length).unwrap_or_default() })
    }
}

fn pass_credentials(socket: &Plain) -> io::Result<()> {
    let on: libc::c_int = 1;
    let size = mem::size_of_val(&on) as libc::socklen_t;
    // SAFETY: the descriptor is open, and the value is there and as large as is said.
    let set = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PASSCRED, (&raw const on).cast(), size)
    };
    if set < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Room for the credentials and nothing else: the system closes descriptors for which there is none.
#[repr(C)]
union Control {
    _aligned: libc::cmsghdr,
    // SAFETY: only computes a size.
    _room: [u8; unsafe { libc::CMSG_SPACE(mem::size_of::<libc::ucred>() as u32) } as usize],
}

/// The sender and the length of the next message; `None` if that cannot be used.
fn receive(socket: &UnixDatagram, buffer: &mut [u8]) -> io::Result<Option<(u32, usize)>> {
    let mut control = MaybeUninit::<Control>::uninit();
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: all of its fields are numbers and pointers that may be null.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = mem::size_of::<Control>() as _;
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the descriptor is open, and what the message points to lives longer than the call and has the sizes it says.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, flags) };
    let Ok(length) = usize::try_from(length) else { return Err(io::Error::last_os_error()) };
    if message.msg_flags & libc::MSG_TRUNC != 0 {
        return Ok(None);
    }
    // SAFETY: the system has filled as much of the control data as the message says now.
    let first = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    if first.is_null() {
        return Ok(None);
    }
    // SAFETY: it is not null, and so points to a whole header in the control data, which is aligned for one.
    let header = unsafe { ptr::read(first) };
    // SAFETY: only computes a size.
    let least = unsafe { libc::CMSG_LEN(mem::size_of::<libc::ucred>() as u32) } as usize;
    let is_theirs = header.cmsg_level == libc::SOL_SOCKET && header.cmsg_type == libc::SCM_CREDENTIALS;
    if !is_theirs || (header.cmsg_len as usize) < least {
        return Ok(None);
    }
    // SAFETY: the header says that so many bytes follow it, which may be aligned for anything.
    let sender = unsafe { ptr::read_unaligned(libc::CMSG_DATA(first).cast::<libc::ucred>()) };
    // It is 0 for whoever has no number here.
    Ok(u32::try_from(sender.pid).ok().filter(|pid| *pid > 0).map(|pid| (pid, length)))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use super::*;

    fn block_on(future: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
    }

    fn send(socket: &Socket, text: &[u8]) -> io::Result<usize> {
        let name = socket.address().strip_prefix('@').unwrap();
        let sender = Plain::unbound().unwrap();
        sender.set_nonblocking(true).unwrap();
        sender.send_to_addr(text, &SocketAddr::from_abstract_name(name).unwrap())
    }

    #[test]
    fn sender_is_known_and_what_is_too_long_is_passed_over() {
        block_on(async {
            let socket = Socket::bind().unwrap();
            send(&socket, &[b'x'; 4097]).unwrap();
            send(&socket, &[b'y'; 4096]).unwrap();
            send(&socket, b"").unwrap();
            send(&socket, b"READY=1").unwrap();
            let os_pid = std::process::id();
            assert_eq!(socket.receive(&mut [0; 4096]).await.unwrap(), Notification { os_pid, text: &[b'y'; 4096] });
            assert_eq!(socket.receive(&mut [0; 4096]).await.unwrap(), Notification { os_pid, text: b"" });
            assert_eq!(socket.receive(&mut [0; 4096]).await.unwrap(), Notification { os_pid, text: b"READY=1" });
        });
    }

    #[test]
    fn call_that_is_given_up_loses_nothing() {
        block_on(async {
            let socket = Socket::bind().unwrap();
            {
                let mut buffer = [0; 4096];
                let mut receiving = pin!(socket.receive(&mut buffer));
                assert!(poll_fn(|context| Poll::Ready(receiving.as_mut().poll(context).is_pending())).await);
            }
            send(&socket, b"a").unwrap();
            assert_eq!(socket.receive(&mut [0; 4096]).await.unwrap().text, b"a");
        });
    }

    #[test]
    fn two_have_different_addresses_and_none_is_left() {
        block_on(async {
            let (socket, other) = (Socket::bind().unwrap(), Socket::bind().unwrap());
            assert_ne!(socket.address(), other.address());
            let address = socket.address().to_owned();
            let listed = |address: &str| std::fs::read_to_string("/proc/net/unix").unwrap().contains(address);
            assert!(listed(&address));
            drop(socket);
            // Whoever is just being started by another test has a copy of everything until its program runs.
            let begun = std::time::Instant::now();
            while listed(&address) {
                assert!(begun.elapsed() < std::time::Duration::from_secs(60), "it is still there");
                std::thread::yield_now();
            }
            assert!(listed(other.address()));
        });
    }

    /// A descriptor that is received would keep the other end of its pipe open.
    #[test]
    fn descriptors_that_are_sent_along_are_closed() {
        block_on(async {
            let socket = Socket::bind().unwrap();
            let (mut reader, writer) = io::pipe().unwrap();
            send_with(&socket, b"BARRIER=1", writer.as_raw_fd());
            drop(writer);
            assert_eq!(socket.receive(&mut [0; 4096]).await.unwrap().text, b"BARRIER=1");
            let (done, closed) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || done.send(io::Read::read(&mut reader, &mut [0; 1]).unwrap()));
            let read = tokio::time::timeout(std::time::Duration::from_secs(60), closed).await.expect("an end");
            assert_eq!(read, Ok(0));
        });
    }

    fn send_with(socket: &Socket, text: &[u8], descriptor: libc::c_int) {
        let sender = Plain::unbound().unwrap();
        let name = socket.address().strip_prefix('@').unwrap();
        sender.connect_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap();
        let mut part = libc::iovec { iov_base: text.as_ptr().cast_mut().cast(), iov_len: text.len() };
        let mut control = [0_u64; 4];
        // SAFETY: all of its fields are numbers and pointers that may be null.
        let mut message: libc::msghdr = unsafe { mem::zeroed() };
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        // SAFETY: there is room for a header and a descriptor, and everything the message points to outlives the call.
        let sent = unsafe {
            message.msg_controllen = libc::CMSG_SPACE(mem::size_of::<libc::c_int>() as u32) as _;
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(mem::size_of::<libc::c_int>() as u32) as _;
            ptr::write_unaligned(libc::CMSG_DATA(header).cast(), descriptor);
            libc::sendmsg(sender.as_raw_fd(), &raw const message, 0)
        };
        assert_eq!(sent, text.len() as isize, "{}", io::Error::last_os_error());
    }
}
