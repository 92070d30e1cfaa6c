//! Wasm: how much memory and how many tables the store of one instance may hold.
//!
//! Takes every growth that a guest asks for. Gives yes or no, all memories counted together. Never
//! forgets what it refused: a trap that follows is then named after it.

use wasmtime::ResourceLimiter;

use crate::limits;

/// Counts the memories of one store together: wasmtime's own limiter counts each for itself.
#[derive(Debug)]
pub(super) struct StoreLimits {
    allowed: usize,
    used: usize,
    refused: Option<usize>,
}

impl StoreLimits {
    /// Limits of so many bytes for all memories together.
    pub(super) fn new(allowed: usize) -> Self {
        Self { allowed, used: 0, refused: None }
    }

    /// The bytes that the last refused growth would have come to, and those allowed.
    pub(super) fn refused(&self) -> Option<(usize, usize)> {
        Some((self.refused?, self.allowed))
    }
}

impl ResourceLimiter for StoreLimits {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let total = self.used.saturating_add(desired.saturating_sub(current));
        if total > self.allowed {
            self.refused = Some(total);
            return Ok(false);
        }
        // A growth that then fails in the system stays counted: an error on the safe side.
        self.used = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= limits::TABLE_ELEMENTS_MAX && maximum.is_none_or(|max| desired <= max))
    }

    fn instances(&self) -> usize {
        limits::COMPONENT_CORE_INSTANCES_MAX as usize
    }

    fn tables(&self) -> usize {
        limits::COMPONENT_TABLES_MAX as usize
    }

    fn memories(&self) -> usize {
        limits::COMPONENT_MEMORIES_MAX as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_counted_together() {
        let mut limits = StoreLimits::new(30);
        let mut grow = |from, to| limits.memory_growing(from, to, None).expect("an answer");
        assert!(grow(0, 15));
        assert!(grow(0, 10));
        assert!(!grow(10, 16));
        assert!(grow(10, 15));
        assert_eq!(limits.refused(), Some((31, 30)));
    }

    #[test]
    fn growth_past_a_memorys_own_maximum_is_no_refusal_of_ours() {
        let mut limits = StoreLimits::new(30);
        assert!(!limits.memory_growing(0, 20, Some(10)).expect("an answer"));
        assert_eq!(limits.refused(), None);
    }
}
