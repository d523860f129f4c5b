//! The heap of a rule: first the memory that it was born with, more only when that is full.
//!
//! A call starts in a fresh copy of the rule's memory, and growing that is the dearest thing a
//! small rule can do: std's own heap leaves the free end of the initial memory alone and always
//! grows, which costs more than all the rest of a call together.
#![allow(
    unsafe_code,
    reason = "a heap hands out raw memory, and the linker's symbols are raw too"
)]

use core::alloc::Layout;
use core::arch::wasm32::{memory_grow, memory_size};
use core::ptr::NonNull;

use talc::base::{Talc, binning::Binning};
use talc::cell::TalcSyncCell;
use talc::source::Source;
use talc::wasm::WasmBinning;

#[global_allocator]
static HEAP: TalcSyncCell<Memory, WasmBinning> = TalcSyncCell::new_wasm(Memory {
    born: false,
    end: None,
});

const PAGE: usize = 64 * 1024;

/// What the heap may need beside the memory that was asked for: its own marks, in bytes.
const MARKS: usize = 128;

unsafe extern "C" {
    /// Where the linker's data and stack end. Only its address means anything.
    static __heap_base: u8;
}

/// The linear memory as the source of the heap.
#[derive(Debug)]
struct Memory {
    /// Whether the free end of the initial memory was taken.
    born: bool,
    /// Where the heap that was taken last ends.
    end: Option<NonNull<u8>>,
}

// SAFETY: it allocates nothing itself, and answers `Ok` only after the heap got larger.
unsafe impl Source for Memory {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        if !talc.source.born {
            talc.source.born = true;
            let base = (&raw const __heap_base).cast_mut();
            let free = (memory_size::<0>() * PAGE).saturating_sub(base.addr());
            // SAFETY: what lies between the linker's data and the memory's end is nobody's.
            talc.source.end = unsafe { talc.claim(base, free) };
            if talc.source.end.is_some() {
                return Ok(());
            }
        }
        let pages = (layout.size() + layout.align() + MARKS).div_ceil(PAGE);
        let old_size = memory_grow::<0>(pages);
        if old_size == usize::MAX {
            return Err(());
        }
        let base = core::ptr::without_provenance_mut::<u8>(old_size * PAGE);
        // SAFETY: these pages are new, so they are nobody's; they follow the heap if that reached
        // to the end of the old memory.
        talc.source.end = unsafe {
            match talc.source.end {
                Some(end) if end.as_ptr() == base => {
                    Some(talc.extend(end, base.wrapping_add(pages * PAGE)))
                }
                _ => talc.claim(base, pages * PAGE),
            }
        };
        Ok(())
    }
}
