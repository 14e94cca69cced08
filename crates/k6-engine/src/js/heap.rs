//! Memory for JavaScript: what QuickJS asks for in pieces of a page, in huge pages of the system.
//!
//! A thousand virtual users have some 60 MB, and each iteration of one of them touches a little of
//! its share. With pages of 4 KiB most of these touches make the processor look up an address that
//! it has forgotten. QuickJS puts what is small into arenas of up to 4 KiB; these come from here, all
//! other memory from the allocator of the program.

#![expect(
    clippy::cast_ptr_alignment,
    reason = "chunks are aligned, and slots and what is in them a multiple of a word"
)]

use std::{
    alloc::{Layout, alloc, dealloc},
    cell::RefCell,
    ptr,
    rc::Rc,
};

use rquickjs::allocator::{Allocator, RustAllocator};

use super::memory::collapse;

/// What the processor remembers one address for, on most machines.
const HUGE: usize = 2 << 20;

/// The room in a slot: the largest arena.
const ROOM: usize = 4096;

/// The least that gets a slot: the smallest arena.
const LEAST: usize = 3584;

/// Before what is handed out stands its size, as in [`RustAllocator`], and here this with it.
const MARK: usize = 1 << (usize::BITS - 1);
const HEAD: usize = size_of::<usize>();
const SLOT: usize = HEAD + ROOM;

const CHUNK: Layout = match Layout::from_size_align(HUGE, HUGE) {
    Ok(layout) => layout,
    Err(_) => Layout::new::<usize>(),
};

/// The slots of a thread.
struct Pool {
    chunks: Vec<*mut u8>,
    /// How much of the last chunk has been handed out.
    taken: usize,
    /// Slots that were given back, each with the address of the next.
    free: *mut u8,
}

impl Pool {
    fn take(&mut self) -> *mut u8 {
        if !self.free.is_null() {
            let slot = self.free;
            // SAFETY: a free slot begins with the address of the next.
            self.free = unsafe { slot.cast::<*mut u8>().read() };
            return slot;
        }
        if self.chunks.is_empty() || self.taken + SLOT > HUGE {
            // Now that it is full: before, a few virtual users would take more than they need.
            if let Some(full) = self.chunks.last() {
                collapse(*full, HUGE);
            }
            // SAFETY: the layout is not empty.
            let chunk = unsafe { alloc(CHUNK) };
            if chunk.is_null() {
                return chunk;
            }
            self.chunks.push(chunk);
            self.taken = 0;
        }
        let chunk = self.chunks.last().copied().unwrap_or(ptr::null_mut());
        let slot = chunk.wrapping_add(self.taken);
        self.taken += SLOT;
        slot
    }

    fn give_back(&mut self, slot: *mut u8) {
        // SAFETY: the slot is one of this pool and in nobody's use any more.
        unsafe { slot.cast::<*mut u8>().write(self.free) };
        self.free = slot;
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for chunk in self.chunks.drain(..) {
            // SAFETY: the chunk was allocated so, and whoever had a slot in it kept the pool alive.
            unsafe { dealloc(chunk, CHUNK) };
        }
    }
}

/// The memory of a runtime.
pub(super) struct Heap {
    pool: Rc<RefCell<Pool>>,
    other: RustAllocator,
}

impl Heap {
    /// Returns one that shares its slots with all others of this thread.
    pub(super) fn new() -> Self {
        thread_local! {
            static POOL: Rc<RefCell<Pool>> = Rc::new(RefCell::new(Pool {
                chunks: Vec::new(),
                taken: 0,
                free: ptr::null_mut(),
            }));
        }
        Self {
            pool: POOL.with(Rc::clone),
            other: RustAllocator,
        }
    }
}

/// Returns what stands before `memory`.
unsafe fn head(memory: *mut u8) -> usize {
    // SAFETY: the caller has `memory` from an allocator that writes its size before it.
    unsafe { memory.sub(HEAD).cast::<usize>().read() }
}

// SAFETY: what is handed out is as large as was asked for, or as said by `usable_size`, and aligned
// to a word: chunks are, and slots are a multiple of it.
unsafe impl Allocator for Heap {
    fn alloc(&mut self, size: usize) -> *mut u8 {
        if !(LEAST..=ROOM).contains(&size) {
            return self.other.alloc(size);
        }
        let slot = self.pool.borrow_mut().take();
        if slot.is_null() {
            return slot;
        }
        // SAFETY: the slot has room for the word and for what is asked for.
        unsafe {
            slot.cast::<usize>().write(MARK | ROOM);
            slot.add(HEAD)
        }
    }

    fn calloc(&mut self, count: usize, size: usize) -> *mut u8 {
        let Some(whole) = count.checked_mul(size) else {
            return ptr::null_mut();
        };
        if !(LEAST..=ROOM).contains(&whole) {
            return self.other.calloc(count, size);
        }
        let memory = self.alloc(whole);
        if !memory.is_null() {
            // SAFETY: it is at least so large.
            unsafe { memory.write_bytes(0, whole) };
        }
        memory
    }

    unsafe fn dealloc(&mut self, memory: *mut u8) {
        // SAFETY: the memory is from this allocator, so a word stands before it that tells from which part.
        unsafe {
            if head(memory) & MARK == 0 {
                self.other.dealloc(memory);
            } else {
                self.pool.borrow_mut().give_back(memory.sub(HEAD));
            }
        }
    }

    unsafe fn realloc(&mut self, memory: *mut u8, size: usize) -> *mut u8 {
        // SAFETY: as above; what is copied fits into both.
        unsafe {
            if head(memory) & MARK == 0 {
                return self.other.realloc(memory, size);
            }
            if size <= ROOM {
                return memory;
            }
            let larger = self.other.alloc(size);
            if !larger.is_null() {
                larger.copy_from_nonoverlapping(memory, ROOM);
                self.dealloc(memory);
            }
            larger
        }
    }

    unsafe fn usable_size(memory: *mut u8) -> usize {
        // SAFETY: as above.
        unsafe { head(memory) & !MARK }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for memory, fills it, and returns it.
    fn filled(heap: &mut Heap, size: usize, with: u8) -> *mut u8 {
        let memory = heap.alloc(size);
        assert!(!memory.is_null() && memory.addr().is_multiple_of(HEAD));
        // SAFETY: it is at least so large.
        unsafe {
            assert!(Heap::usable_size(memory) >= size);
            memory.write_bytes(with, size);
        }
        memory
    }

    fn holds(memory: *mut u8, size: usize, with: u8) -> bool {
        // SAFETY: it was filled so far.
        (0..size).all(|at| unsafe { memory.add(at).read() } == with)
    }

    #[test]
    fn slots_do_not_overlap_and_are_used_again() {
        let mut heap = Heap::new();
        // More than a chunk has room for.
        let all: Vec<(*mut u8, u8)> = (0..1_200_u32)
            .map(|it| (it % 251) as u8)
            .map(|with| (filled(&mut heap, ROOM - usize::from(with), with), with))
            .collect();
        for (memory, with) in &all {
            assert!(holds(*memory, ROOM - usize::from(*with), *with));
        }
        let chunks = heap.pool.borrow().chunks.len();
        assert_eq!(chunks, 3);
        for (memory, _) in all {
            // SAFETY: it is from this heap, and given back once.
            unsafe { heap.dealloc(memory) };
        }
        // Another runtime of the thread gets them.
        let mut other = Heap::new();
        for _ in 0..1_200 {
            filled(&mut other, LEAST, 1);
        }
        assert_eq!(other.pool.borrow().chunks.len(), chunks);
    }

    #[test]
    fn memory_keeps_what_is_in_it_when_it_grows() {
        let mut heap = Heap::new();
        for (from, to) in [
            (100, 50_000),
            (100, ROOM),
            (LEAST, ROOM),
            (ROOM, ROOM + 1),
            (ROOM, 10),
        ] {
            let memory = filled(&mut heap, from, 7);
            // SAFETY: the memory is from this heap and used by nobody else.
            unsafe {
                let moved = heap.realloc(memory, to);
                assert!(Heap::usable_size(moved) >= to);
                assert!(holds(moved, from.min(to), 7), "{from} to {to}");
                heap.dealloc(moved);
            }
        }
        let zeros = heap.calloc(64, 64);
        assert!(holds(zeros, 4096, 0));
        assert!(heap.calloc(usize::MAX, 2).is_null());
        // SAFETY: as above.
        unsafe { heap.dealloc(zeros) };
    }
}
