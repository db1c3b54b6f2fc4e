/// Has this program keep some megabytes that it has freed, instead of giving them back to the system each time. To be called
/// first in `main`, while there is one thread; a second call changes nothing.
///
/// A script that reads a large stream makes garbage as fast as it reads, and what the collector frees is needed again at
/// once. Without this the C library gives it back whenever there is more than 128 KiB, and the system has to clear every
/// page anew, which took a fifth of the time. Only glibc can be told; elsewhere nothing happens.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const KEPT: std::ffi::c_int = 4 << 20;
        // SAFETY: both are what glibc documents; whoever calls this has no other thread.
        unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT) };
    }
}
