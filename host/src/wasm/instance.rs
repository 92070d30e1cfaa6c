//! Wasm: one live instance of a plugin, for one attempt of one task.
//!
//! Takes a plugin and the task's facts. Gives calls into it, their failures named. Never is called
//! again after a failure: its owner drops it.

use wasmtime::{Store, UpdateDeadline};

use super::bindings::latest::exports::tidemill::plugin::{folds, operators, stateful};
use super::cpu_time;
use super::guest_broadcasts::GuestBroadcasts;
use super::host_state::{Caller, HostState};
use super::plugin_code::PluginCode;
use super::plugin_limits::PluginLimits;
use super::trap::Fault;
use crate::limits;
use crate::model::operator::TaskFacts;
use crate::sys::cpu::thread_cpu_time;

/// A live instance.
pub(super) struct LiveInstance {
    store: Store<HostState>,
    operators: operators::Guest,
    folds: Option<folds::Guest>,
    stateful: Option<stateful::Guest>,
}

impl LiveInstance {
    /// A fresh instance with the budgets of this task.
    pub(super) fn for_task(
        code: &PluginCode,
        limits: &PluginLimits,
        facts: &TaskFacts,
        caller: Caller,
        broadcasts: GuestBroadcasts,
    ) -> Result<Self, Fault> {
        let cpu = cpu_time::budget(limits, facts);
        let copied = limits.answer.bytes.saturating_add(limits::CALL_OUTPUT_SLACK_BYTES);
        Self::start(code, HostState::new(limits, cpu, caller, broadcasts), copied)
    }

    /// A fresh instance that is only asked to describe itself.
    pub(super) fn for_description(
        code: &PluginCode,
        limits: &PluginLimits,
        caller: Caller,
    ) -> Result<Self, Fault> {
        let broadcasts = GuestBroadcasts::none();
        let state = HostState::new(limits, limits.cpu_base, caller, broadcasts);
        Self::start(code, state, limits::DESCRIPTION_BYTES_MAX)
    }

    /// `copied` bounds what wasmtime copies out of the guest in one call, before we see it.
    fn start(code: &PluginCode, state: HostState, copied: usize) -> Result<Self, Fault> {
        let mut store = Store::new(code.pre.engine(), state);
        store.limiter(|state| &mut state.limits);
        store.set_hostcall_fuel(copied);
        store.set_max_component_handles(0);
        store.epoch_deadline_callback(|mut context| {
            context.data_mut().cpu.on_tick(thread_cpu_time())?;
            Ok(UpdateDeadline::Continue(1))
        });
        store.set_epoch_deadline(1);
        let instance = code.pre.instantiate(&mut store);
        store.data_mut().cpu.on_return(thread_cpu_time);
        let instance = instance.map_err(|error| Fault::no_instance(&error, store.data()))?;
        let operators =
            code.operators.load(&mut store, &instance).map_err(|e| Fault::interface(&e))?;
        let folds = match &code.folds {
            Some(folds) => {
                Some(folds.load(&mut store, &instance).map_err(|e| Fault::interface(&e))?)
            }
            None => None,
        };
        let stateful = match &code.stateful {
            Some(stateful) => {
                Some(stateful.load(&mut store, &instance).map_err(|e| Fault::interface(&e))?)
            }
            None => None,
        };
        Ok(Self { store, operators, folds, stateful })
    }

    /// Who is named in logs from now on: two operators of one plugin may have other names for it.
    pub(super) fn set_caller(&mut self, caller: &Caller) {
        self.store.data_mut().caller.clone_from(caller);
    }

    /// What was counted since it was asked last.
    pub(super) fn take_counters(&mut self) -> Vec<(String, u64)> {
        self.store.data_mut().take_counters()
    }

    /// Calls a function of `operators`.
    pub(super) fn call<T>(
        &mut self,
        call: impl FnOnce(&operators::Guest, &mut Store<HostState>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        self.begin();
        let result = call(&self.operators, &mut self.store);
        self.end(result)
    }

    /// Calls a function of `folds`. A plugin without it has no operator that would ask for one.
    pub(super) fn call_folds<T>(
        &mut self,
        call: impl FnOnce(&folds::Guest, &mut Store<HostState>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        self.begin();
        let result = match &self.folds {
            Some(folds) => call(folds, &mut self.store),
            None => Err(wasmtime::Error::msg("the plugin has no folds")),
        };
        self.end(result)
    }

    /// Calls the function of `stateful`. A plugin without it has no operator that would ask for it.
    pub(super) fn call_stateful<T>(
        &mut self,
        call: impl FnOnce(&stateful::Guest, &mut Store<HostState>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        self.begin();
        let result = match &self.stateful {
            Some(stateful) => call(stateful, &mut self.store),
            None => Err(wasmtime::Error::msg("the plugin keeps no states")),
        };
        self.end(result)
    }

    fn begin(&mut self) {
        self.store.set_epoch_deadline(1);
        self.store.data_mut().panicked = None;
    }

    fn end<T>(&mut self, result: wasmtime::Result<T>) -> Result<T, Fault> {
        let state = self.store.data_mut();
        state.cpu.on_return(thread_cpu_time);
        result.map_err(|error| Fault::of(&error, state))
    }
}

impl Drop for LiveInstance {
    fn drop(&mut self) {
        self.store.data_mut().report_dropped_lines();
    }
}
