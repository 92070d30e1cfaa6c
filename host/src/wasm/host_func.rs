//! Wasm: what a guest may ask of the host: to log, to count, to read a broadcast, to say why it
//! will trap.
//!
//! Takes words that lie in the guest's memory. Gives them to the host's state. Never copies more
//! of them than it keeps, and never blocks.

use wasmtime::component::{Linker, WasmStr};
use wasmtime::{Engine, StoreContextMut};

use super::bindings;
use super::bindings::latest::tidemill::plugin::types::Level;
use super::host_state::{GuestLogLevel, HostState, Panicked};
use crate::limits;
use crate::model::text::escape;

/// A linker with the imports of the treaty and nothing else. The calls are spelled out here, not
/// taken from the bindings, because those copy each string before anyone looks at the budget.
///
/// # Errors
/// Only for a bug of ours.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<HostState>> {
    let mut linker = Linker::<HostState>::new(engine);
    linker.instance(&bindings::interface("types"))?;
    let name = bindings::interface("host");
    let mut host = linker.instance(&name)?;
    host.func_wrap("log", |mut store: Context<'_>, (level, message): (Level, WasmStr)| {
        if store.data_mut().takes_lines() {
            let message = words(&store, &message)?;
            store.data_mut().log(level.into(), &message);
        }
        Ok(())
    })?;
    host.func_wrap("counter", |mut store: Context<'_>, (name, delta): (WasmStr, u64)| {
        let name = words(&store, &name)?;
        store.data_mut().count(&name, delta);
        Ok(())
    })?;
    host.func_wrap("broadcast", |mut store: Context<'_>, (operator, name): (u32, WasmStr)| {
        let name = words(&store, &name)?;
        Ok((store.data_mut().broadcast(operator, &name),))
    })?;
    host.func_wrap(
        "panicked",
        |mut store: Context<'_>, (message, step, row): (WasmStr, u32, Option<u32>)| {
            let message = escape(&words(&store, &message)?, limits::GUEST_TEXT_BYTES_MAX);
            store.data_mut().panicked = Some(Panicked { message, step, row });
            Ok(())
        },
    )?;
    Ok(linker)
}

type Context<'a> = StoreContextMut<'a, HostState>;

/// As much of the guest's string as is ever kept: a character takes four bytes at most.
fn words(store: &Context<'_>, text: &WasmStr) -> wasmtime::Result<String> {
    let text = text.to_str(store)?;
    Ok(text.chars().take(limits::GUEST_TEXT_BYTES_MAX + 1).collect())
}

impl From<Level> for GuestLogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::Error,
            Level::Warn => Self::Warn,
            Level::Info => Self::Info,
            Level::Debug => Self::Debug,
        }
    }
}
