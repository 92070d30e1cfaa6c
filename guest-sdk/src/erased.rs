//! The SDK's one hand-written file with unsafe code: rows whose type is erased for one push, text
//! that was checked before, the memory of an instance, and the allocation function that the host
//! calls.
//!
//! Takes slices of rows of a known type. Gives them back to whoever names the same type, and to no
//! one else. Never keeps a row longer than the push it came with.
#![allow(unsafe_code, reason = "the audited file: each block says why it is sound")]

use std::any::TypeId;
use std::marker::PhantomData;

/// Rows that differ in nothing but how long what they borrow lives.
pub trait Family: 'static {
    /// Such a row.
    type Of<'a>;
}

/// Rows of a type that the reader has to name, borrowed for `'b`, themselves borrowing for `'a`.
///
/// Invariant: `rows` and `len` came from a `&'b [T::Of<'a>]` with `TypeId::of::<T>() == family`.
/// Both lifetimes are kept exactly (`'a` invariantly), so nothing can be read back longer lived
/// than it was.
#[derive(Clone, Copy)]
pub struct Run<'b, 'a> {
    rows: *const u8,
    len: usize,
    family: TypeId,
    borrowed: PhantomData<&'b [u8]>,
    borrowing: PhantomData<fn(&'a u8) -> &'a u8>,
}

impl<'b, 'a> Run<'b, 'a> {
    /// Forgets the type of the rows.
    #[inline]
    pub fn new<T: Family>(rows: &'b [T::Of<'a>]) -> Self {
        let family = TypeId::of::<T>();
        Self {
            rows: rows.as_ptr().cast(),
            len: rows.len(),
            family,
            borrowed: PhantomData,
            borrowing: PhantomData,
        }
    }

    /// The rows, if they are rows of `T`.
    #[inline]
    pub fn rows<T: Family>(self) -> Option<&'b [T::Of<'a>]> {
        if self.family != TypeId::of::<T>() {
            return None;
        }
        // Sound: by the invariant the pointer and length came from a `&'b [T::Of<'a>]` of this very
        // `T`, whose `Of` is one function of lifetimes, and both lifetimes are those of `self`.
        Some(unsafe { std::slice::from_raw_parts(self.rows.cast(), self.len) })
    }
}

/// Says that the text columns of a batch are UTF-8, so that nobody has to look again: that look
/// costs a tenth of the time of a word count.
///
/// Invariant: made only where one of the two constructors' conditions holds, both of which lie
/// within this crate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checked(());

impl Checked {
    /// For batches that the host lowered into the sandbox: the treaty has it check text before,
    /// and a plugin is at its host's mercy in any case.
    #[cfg(target_family = "wasm")]
    pub(crate) fn by_host() -> Self {
        Self(())
    }

    /// For batches that a chain gathered, whose text columns are made of `str`s only; the next
    /// step takes columns of the same types, which is checked before a chain runs.
    pub(crate) fn by_gathering() -> Self {
        Self(())
    }

    /// The bytes of a text column as text.
    pub(crate) fn text(self, bytes: &[u8]) -> &str {
        // Sound: by the invariant the bytes are UTF-8.
        unsafe { std::str::from_utf8_unchecked(bytes) }
    }
}

/// A word that was found in a text.
///
/// The one caller, [`crate::text::Words`], is made of a `str` only and cuts it next to ASCII white
/// space and at its ends.
#[inline]
pub(crate) fn word_of_text(word: &[u8]) -> &str {
    debug_assert!(std::str::from_utf8(word).is_ok(), "cut within a character");
    // Sound: UTF-8 may be cut before and after any ASCII byte.
    unsafe { std::str::from_utf8_unchecked(word) }
}

/// Bytes of the longest value that is appended without a call.
pub(crate) const SHORT_VALUE: usize = 16;

/// Appends a value. A short one in four pieces that overlap, whatever its length: a copy of unknown
/// size leaves the sandbox, and a branch by length is guessed wrong for every third word.
#[inline]
pub(crate) fn append_value(bytes: &mut Vec<u8>, value: &[u8]) {
    const PIECE: usize = 4;
    let (before, length) = (bytes.len(), value.len());
    let room = bytes.capacity() - before;
    if !(PIECE..=SHORT_VALUE).contains(&length) || room < SHORT_VALUE {
        return match length {
            1..PIECE => value.iter().for_each(|&byte| bytes.push(byte)),
            _ => bytes.extend_from_slice(value),
        };
    }
    // 0 below 8 bytes, 4 below 16, else 8: no gap is left, neither from the front nor from the end.
    let inner = length / 8 * PIECE;
    for piece in [0, inner, length - PIECE - inner, length - PIECE] {
        // Sound: the value has 4 to 16 bytes, so each piece begins at its last fourth byte at most
        // and lies within it; behind `before` there is room for 16 bytes, which nothing else names.
        unsafe {
            let from = value.as_ptr().add(piece);
            let to = bytes.as_mut_ptr().add(before + piece);
            to.copy_from_nonoverlapping(from, PIECE);
        }
    }
    // Sound: the pieces have written that many bytes behind `before`.
    unsafe { bytes.set_len(before + length) };
}

/// Alignment of every block that the host asks for: what the treaty wants, enough for any column.
#[cfg(target_family = "wasm")]
const BLOCK_ALIGNMENT: usize = 16;

/// Memory that an instance begins with. Most slices with what comes of them fit, so most instances
/// never ask for more: asking changes page tables, which costs a fresh instance a quarter of its
/// time. What is not touched of it is never real.
#[cfg(target_family = "wasm")]
const FIRST_BYTES: usize = 4 << 20;

/// The least that is asked for beyond that, at a time.
#[cfg(target_family = "wasm")]
const MORE_BYTES: usize = 1 << 20;

#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::cell::TalcSyncCell<Memory, talc::wasm::WasmBinning> =
    talc::cell::TalcSyncCell::new_wasm(Memory { begun: false, end: None });

/// Where the allocator's memory comes from: what is there from the beginning, then the host's.
#[cfg(target_family = "wasm")]
#[derive(Debug)]
struct Memory {
    begun: bool,
    end: Option<std::ptr::NonNull<u8>>,
}

// Sound: it names no container and no other allocator.
#[cfg(target_family = "wasm")]
unsafe impl talc::source::Source for Memory {
    fn acquire<B: talc::base::binning::Binning>(
        talc: &mut talc::base::Talc<Self, B>,
        layout: std::alloc::Layout,
    ) -> Result<(), ()> {
        const PAGE: usize = 1 << 16;
        static mut FIRST: [std::mem::MaybeUninit<u8>; FIRST_BYTES] =
            [std::mem::MaybeUninit::uninit(); FIRST_BYTES];
        if !talc.source.begun {
            talc.source.begun = true;
            // Sound: nothing else names `FIRST`, and this line runs once.
            talc.source.end = unsafe { talc.claim((&raw mut FIRST).cast(), FIRST_BYTES) };
            return Ok(());
        }
        let needed = (layout.size() + layout.align() + 4 * talc::base::CHUNK_UNIT).div_ceil(PAGE);
        let wished = needed.max(MORE_BYTES / PAGE);
        let grow = |pages| match core::arch::wasm32::memory_grow::<0>(pages) {
            usize::MAX => None,
            before => Some(((before * PAGE) as *mut u8, pages * PAGE)),
        };
        let (base, bytes) = grow(wished).or_else(|| grow(needed)).ok_or(())?;
        talc.source.end = match talc.source.end {
            // Sound: the memory is new, and begins where the heap ends.
            Some(end) if end.as_ptr() == base => {
                Some(unsafe { talc.extend(end, base.wrapping_add(bytes)) })
            }
            // Sound: the memory is new.
            _ => unsafe { talc.claim(base, bytes) },
        };
        Ok(())
    }
}

/// What the host calls to place arguments: Rust's allocator, aligned for any column.
///
/// Sound although bindings free these blocks with the alignment of what they hold: the allocator
/// above frees and grows by address and size alone, which the treaty's 16 bytes rely on.
#[cfg(target_family = "wasm")]
#[unsafe(export_name = "cabi_realloc")]
unsafe extern "C" fn place_argument(
    old: *mut u8,
    old_bytes: usize,
    alignment: usize,
    bytes: usize,
) -> *mut u8 {
    use std::alloc::{Layout, alloc, handle_alloc_error, realloc};

    let alignment = alignment.max(BLOCK_ALIGNMENT);
    if bytes == 0 {
        return std::ptr::without_provenance_mut(alignment);
    }
    let size = if old_bytes == 0 { bytes } else { old_bytes };
    let Ok(layout) = Layout::from_size_align(size, alignment) else {
        handle_alloc_error(Layout::new::<u8>());
    };
    // Sound: the size is not zero, and an old block was given out above with this alignment.
    let block = unsafe { if old_bytes == 0 { alloc(layout) } else { realloc(old, layout, bytes) } };
    if block.is_null() {
        handle_alloc_error(layout);
    }
    block
}
