//! macOS: calls that ask for one process, and for the numbers of all.
//!
//! Only processes of the same user are told of, unless this program is root's. Nobody is told the environment of programs
//! that the system protects, which are those that came with it.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int, c_void};
use std::io;
use std::mem;
use std::ptr;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use perilune_exec_api::Containment;
use rustix::process::Pid;

use super::{Entry, arguments};

/// How closely trees can be held. Members are looked for by their parents and marks as well, but who is marked is not
/// always to be seen.
pub(crate) const CLOSEST: Containment = Containment::Group;

pub(super) fn list() -> Vec<Entry> {
    // Without room for them they are counted.
    let count = |pids: &mut [c_int]| {
        let size = c_int::try_from(mem::size_of_val(pids)).unwrap_or(c_int::MAX);
        // SAFETY: the room is as large as is said.
        usize::try_from(unsafe { libc::proc_listallpids(pids.as_mut_ptr().cast(), size) }).unwrap_or(0)
    };
    // SAFETY: without room nothing is written.
    let there = usize::try_from(unsafe { libc::proc_listallpids(ptr::null_mut(), 0) }).unwrap_or(0);
    let mut pids: Vec<c_int> = vec![0; there + 64];
    let mut found = count(&mut pids);
    while found >= pids.len() {
        pids.resize(pids.len() * 2, 0);
        found = count(&mut pids);
    }
    pids.truncate(found);
    pids.into_iter().filter_map(|pid| entry(u32::try_from(pid).ok()?)).collect()
}

/// One process.
pub(crate) fn entry(pid: u32) -> Option<Entry> {
    let number = c_int::try_from(pid).ok()?;
    let size = c_int::try_from(mem::size_of::<libc::proc_bsdinfo>()).ok()?;
    // SAFETY: numbers and characters, for which zeros are values.
    let mut info: libc::proc_bsdinfo = unsafe { mem::zeroed() };
    // The 1 asks for those that have ended as well.
    // SAFETY: the room is as large as is said.
    let told = unsafe { libc::proc_pidinfo(number, libc::PROC_PIDTBSDINFO, 1, (&raw mut info).cast(), size) };
    if told < size {
        return None;
    }
    let session = Pid::from_raw(number).and_then(|number| rustix::process::getsid(Some(number)).ok());
    let used = Used::of(number);
    Some(Entry {
        pid,
        parent: info.pbi_ppid,
        group: info.pbi_pgid,
        session: session.map_or(0, |session| session.as_raw_nonzero().get().unsigned_abs()),
        started: info.pbi_start_tvsec.saturating_mul(1_000_000).saturating_add(info.pbi_start_tvusec),
        ended: info.pbi_status == libc::SZOMB,
        busy: used.busy,
        collected: used.collected,
        resident: used.resident,
    })
}

/// What a process uses, in ticks and pages. Nothing is known of one that has ended.
#[derive(Default)]
struct Used {
    busy: u64,
    collected: u64,
    resident: u64,
}

impl Used {
    fn of(pid: c_int) -> Self {
        // SAFETY: numbers, for which zeros are values.
        let mut info: libc::rusage_info_v2 = unsafe { mem::zeroed() };
        // SAFETY: the room is that of the flavour; the type of the pointer is that of the header.
        let told = unsafe { libc::proc_pid_rusage(pid, libc::RUSAGE_INFO_V2, (&raw mut info).cast()) };
        if told != 0 {
            return Self::default();
        }
        let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096).max(1);
        Self {
            busy: ticks(info.ri_user_time.saturating_add(info.ri_system_time)),
            collected: ticks(info.ri_child_user_time.saturating_add(info.ri_child_system_time)),
            resident: info.ri_resident_size / page,
        }
    }
}

/// The units of the processor's clock are others on each machine.
#[expect(deprecated, reason = "the crate that has the call otherwise has nothing else of use")]
fn ticks(units: u64) -> u64 {
    static UNIT: OnceLock<(u64, u64)> = OnceLock::new();
    let (nanos, units_of) = *UNIT.get_or_init(|| {
        let mut unit = libc::mach_timebase_info { numer: 1, denom: 1 };
        // SAFETY: the room is that of the type.
        unsafe { libc::mach_timebase_info(&raw mut unit) };
        (unit.numer.max(1).into(), unit.denom.max(1).into())
    });
    let per_second = u128::from(rustix::param::clock_ticks_per_second());
    let nanos = u128::from(units) * u128::from(nanos) / u128::from(units_of);
    u64::try_from(nanos * per_second / 1_000_000_000).unwrap_or(u64::MAX)
}

pub(super) fn read_environment(pid: u32) -> Option<Vec<u8>> {
    let mut most: c_int = 0;
    let mut size = mem::size_of::<c_int>();
    ask(&[libc::CTL_KERN, libc::KERN_ARGMAX], (&raw mut most).cast(), &mut size).ok()?;
    let mut text = vec![0_u8; usize::try_from(most).ok()?];
    let mut size = text.len();
    let name = [libc::CTL_KERN, libc::KERN_PROCARGS2, c_int::try_from(pid).ok()?];
    ask(&name, text.as_mut_ptr().cast(), &mut size).ok()?;
    text.truncate(size);
    arguments::environment(&text).map(<[u8]>::to_vec)
}

/// Asks the system for a value; `room` has `size` bytes, and then so many were told.
fn ask(name: &[c_int], room: *mut c_void, size: &mut usize) -> io::Result<()> {
    let count = u32::try_from(name.len()).unwrap_or(0);
    // SAFETY: the name is only read, and those who call here have as much room as they say.
    let told = unsafe { libc::sysctl(name.as_ptr().cast_mut(), count, room, size, ptr::null_mut(), 0) };
    if told < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The present, as starts of processes are given: microseconds of the wall clock.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Names the time since the system was started last.
pub(crate) fn boot_id() -> io::Result<String> {
    let mut text = [0_u8; 64];
    let mut size = text.len();
    let (name, nothing) = (c"kern.bootsessionuuid", ptr::null_mut());
    // SAFETY: the name ends with a zero, and the room is as large as is said.
    let told = unsafe { libc::sysctlbyname(name.as_ptr(), text.as_mut_ptr().cast(), &mut size, nothing, 0) };
    if told < 0 {
        return Err(io::Error::last_os_error());
    }
    let text = CStr::from_bytes_until_nul(&text).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(text.to_string_lossy().into_owned())
}

/// Whether [`adopt`] is possible.
pub(crate) const HAS_SUBREAPER: bool = false;

/// There is no parent for orphans but the first process.
pub(crate) fn adopt(on: bool) -> io::Result<()> {
    if on { Err(io::ErrorKind::Unsupported.into()) } else { Ok(()) }
}
