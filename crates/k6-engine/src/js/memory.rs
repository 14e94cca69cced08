//! What the system is told of this program's memory. Where it does not listen, nothing is lost.

/// Gives back the whole pages between two addresses. They read as zeros afterwards.
///
/// # Safety
///
/// The memory must be mapped and the program's own, and nobody may read it before it is written.
pub(super) unsafe fn forget(start: usize, end: usize) {
    #[cfg(target_os = "linux")]
    {
        let page = page();
        let (start, end) = (start.next_multiple_of(page), end / page * page);
        if page > 1 && start < end {
            let start = std::ptr::with_exposed_provenance_mut(start);
            // SAFETY: as promised.
            unsafe { libc::madvise(start, end - start.addr(), libc::MADV_DONTNEED) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, end);
}

/// Returns the length of a page, 1 where it is not known.
#[cfg(target_os = "linux")]
fn page() -> usize {
    // SAFETY: it only returns a number.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_pages_within_are_given_back() {
        let mut memory = vec![7_u8; 64 << 10];
        let start = memory.as_mut_ptr().expose_provenance();
        // SAFETY: the vector is this test's own; zeros are as good as sevens.
        unsafe { forget(start + 1, start + (64 << 10) - 1) };
        assert_eq!((memory[0], memory[(64 << 10) - 1]), (7, 7));
        let zeros: usize = memory.iter().map(|it| usize::from(*it == 0)).sum();
        assert!(!cfg!(target_os = "linux") || zeros >= 32 << 10, "{zeros}");
        // SAFETY: as above; nothing lies between.
        unsafe { forget(start + 10, start + 20) };
        assert_eq!(memory[0], 7);
    }
}
