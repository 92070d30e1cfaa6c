//! Wasm: why a call into a guest failed, in words fit for a terminal.
//!
//! Takes wasmtime's error and what the host's state knows of it. Gives a code, a sentence and,
//! where known, step and row. Never passes wasmtime's own text on unescaped: it quotes the guest.

use wasmtime::Trap;

use super::cpu_time::CpuTimeExceeded;
use super::exchange::ExchangeError;
use super::host_state::HostState;
use crate::error::Domain;
use crate::limits;
use crate::model::operator::CPU_TIME;
use crate::model::text::escape;
use crate::wasm::escaped_words;

/// What wasmtime says when more than `set_hostcall_fuel` is copied out of a guest. Its error has
/// no public type; a test holds this text against the pinned version.
const HOSTCALL_FUEL_TEXT: &str = "too much data is being copied between the host and the guest";

/// The code of a component whose functions have other types.
pub(super) const INTERFACE: &str = "interface";

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// A word of `OperatorError::code`.
    pub(super) code: &'static str,
    pub(super) message: String,
    /// The step of the chain, where known.
    pub(super) step: Option<u32>,
    /// The row of the call's input, where known.
    pub(super) row: Option<u32>,
    pub(super) domain: Domain,
}

impl Fault {
    pub(super) fn plugin(code: &'static str, message: String) -> Self {
        Self { code, message, step: None, row: None, domain: Domain::Plugin }
    }

    fn internal(message: String) -> Self {
        Self { domain: Domain::Internal, ..Self::plugin("kind", message) }
    }

    /// The guest said itself that the call failed.
    pub(super) fn failure(message: &str, row: Option<u32>) -> Self {
        let message = escape(message, limits::GUEST_TEXT_BYTES_MAX);
        Self { row, ..Self::plugin("failure", message) }
    }

    /// The rows for the guest are not what its operator declares: the plan is wrong.
    pub(super) fn input(error: &ExchangeError) -> Self {
        Self::internal(error.to_string())
    }

    /// What the guest gave back is not well-formed, or too large.
    pub(super) fn answer(error: &ExchangeError) -> Self {
        let code = if error.is_over_limit() { "output-limit" } else { "malformed" };
        Self::plugin(code, error.to_string())
    }

    /// A function of the treaty has other types. Only the first instance of a plugin, which
    /// describes it, can find that.
    pub(super) fn interface(error: &wasmtime::Error) -> Self {
        Self::plugin(INTERFACE, escaped_words(error))
    }

    /// No instance was to be had.
    pub(super) fn no_instance(error: &wasmtime::Error, state: &HostState) -> Self {
        if error.is::<wasmtime::PoolConcurrencyLimitError>() {
            return Self::internal("all instance slots of the sandbox are in use".to_owned());
        }
        Self::of_memory(state).unwrap_or_else(|| Self::of(error, state))
    }

    /// More memory was asked for than is allowed.
    fn of_memory(state: &HostState) -> Option<Self> {
        let (found, allowed) = state.limits.refused()?;
        let message = format!("it asked for {found} bytes of memory, limit is {allowed}");
        Some(Self::plugin("memory", message))
    }

    /// A call that ended in an error of wasmtime.
    pub(super) fn of(error: &wasmtime::Error, state: &HostState) -> Self {
        if let Some(exceeded) = error.downcast_ref::<CpuTimeExceeded>() {
            return Self::plugin(CPU_TIME, exceeded.to_string());
        }
        let Some(trap) = error.downcast_ref::<Trap>() else { return Self::of_border(error) };
        if let Some(panicked) = &state.panicked {
            let (step, row) = (Some(panicked.step), panicked.row);
            return Self { step, row, ..Self::plugin("panic", panicked.message.clone()) };
        }
        Self::of_memory(state).unwrap_or_else(|| Self::plugin("trap", trap_words(*trap)))
    }

    /// The call did not trap; what was to cross the border could not.
    fn of_border(error: &wasmtime::Error) -> Self {
        let reason = error.root_cause().to_string();
        if reason.starts_with(HOSTCALL_FUEL_TEXT) {
            let allowed = limits::CALL_OUTPUT_BYTES_MAX;
            let message = format!("the answer is larger than its limit, at most {allowed} bytes");
            return Self::plugin("output-limit", message);
        }
        let reason = escape(&reason, limits::GUEST_TEXT_BYTES_MAX);
        Self::plugin("malformed", format!("the call could not cross the border: {reason}"))
    }
}

fn trap_words(trap: Trap) -> String {
    match trap {
        Trap::StackOverflow => {
            format!("it used up its stack, limit is {} bytes", limits::GUEST_STACK_BYTES)
        }
        Trap::UnreachableCodeReached => "it trapped: `unreachable` was reached".to_owned(),
        // Most compilers put a guest's own stack at the start of its memory.
        Trap::MemoryOutOfBounds => {
            "it trapped: it reached out of its memory; recursion without an end does so when it \
             has used up the guest's stack"
                .to_owned()
        }
        // Wasmtime's words for other traps are its own, without anything of the guest.
        other => {
            let words = other.to_string();
            let words = words.strip_prefix("wasm trap: ").unwrap_or(&words);
            format!("it trapped: {}", escape(words, limits::GUEST_TEXT_BYTES_MAX))
        }
    }
}
