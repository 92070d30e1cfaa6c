//! The SDK's one hand-written file with unsafe code: rows whose type is erased for one push, and
//! the allocation function that the host calls.
//!
//! Takes slices of rows of a known type. Gives them back to whoever names the same type, and to no
//! one else. Never keeps a row longer than the push it came with.
#![allow(unsafe_code, reason = "the audited file: each block says why it is sound")]

use std::any::TypeId;
use std::marker::PhantomData;

use crate::row::Columns;

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
    pub fn new<T: Columns>(rows: &'b [T::Of<'a>]) -> Self {
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
    pub fn rows<T: Columns>(self) -> Option<&'b [T::Of<'a>]> {
        if self.family != TypeId::of::<T>() {
            return None;
        }
        // Sound: by the invariant the pointer and length came from a `&'b [T::Of<'a>]` of this very
        // `T`, whose `Of` is one function of lifetimes, and both lifetimes are those of `self`.
        Some(unsafe { std::slice::from_raw_parts(self.rows.cast(), self.len) })
    }
}

/// Alignment of every block that the host asks for: what the treaty wants, enough for any column.
#[cfg(target_family = "wasm")]
const BLOCK_ALIGNMENT: usize = 16;

/// What the host calls to place arguments: Rust's allocator, aligned for any column.
///
/// Sound although bindings free these blocks with the alignment of what they hold: on this target
/// Rust's allocator frees and grows by the address alone, which the treaty's 16 bytes rely on.
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
