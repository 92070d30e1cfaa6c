//! Control: a swap of a job's plugins, as it is asked for over HTTP and answered.
//!
//! Takes a body. Gives files and rules, and of the driver's report an answer. Never loads a
//! component itself.

use serde_json::{Map, Value, json};

use super::ControlError;
use super::replays::{self, are_absolute};
use super::views::{PluginView, SwapBody};
use crate::driver::swap::{NewCode, SwapControl};
use crate::limits::SHADOW_BATCHES_MAX;
use crate::model::version::{
    CodeStatus, LostState, PluginChange, PluginVersion, PluginVersions, Quarantined, SwapReport,
    SwapRules,
};

/// Has a job swap plugins; takes as long as loading them does.
///
/// # Errors
/// Says what is in the way. The job is as it was then.
pub(super) fn swap(swaps: &SwapControl, body: SwapBody) -> Result<Value, ControlError> {
    let SwapBody { plugins, drop_state, restart_windows, force, watched_batches, .. } = body;
    let SwapBody { allow, slower_max, replay, same, shadow_batches, shadow_share, .. } = body;
    are_absolute(&plugins)?;
    if same && !replay {
        let message = "`same` asks for the replay that `replay` leaves out".to_owned();
        return Err(ControlError::BadRequest { message });
    }
    if !(shadow_share > 0.0 && shadow_share <= 1.0) {
        let message = format!("`shadow_share` is {shadow_share}, expected a number up to 1");
        return Err(ControlError::BadRequest { message });
    }
    if shadow_batches > SHADOW_BATCHES_MAX {
        let message =
            format!("`shadow_batches` is {shadow_batches}, allowed are {SHADOW_BATCHES_MAX}");
        return Err(ControlError::BadRequest { message });
    }
    if let Some(factor) = slower_max.filter(|factor| !(factor.is_finite() && *factor >= 1.0)) {
        let message = format!("`slower_max` is {factor}, expected a number from 1");
        return Err(ControlError::BadRequest { message });
    }
    let rules = SwapRules {
        allow,
        drop_state,
        restart_windows,
        force,
        watched_batches,
        slower_max,
        replay,
        same,
        shadow_batches,
        shadow_share,
    };
    let code = |(name, path)| (name, NewCode::Component(path));
    let plugins: Vec<_> = plugins.into_iter().map(code).collect();
    let report = swaps.swap(&plugins, rules).map_err(ControlError::Swap)?;
    Ok(answer(&report))
}

/// The plugins of a job, and how their versions stand, of which `previous` are those that a
/// rollback brings back.
pub(super) fn standing(
    plugins: Vec<PluginView>,
    code: &CodeStatus,
    previous: Option<&PluginVersions>,
) -> Value {
    let named = |versions: &PluginVersions| -> Value {
        versions.iter().map(|(name, it)| (name.clone(), version(it))).collect::<Map<_, _>>().into()
    };
    let quarantined = |it: &Quarantined| {
        json!({
            "plugin": it.plugin,
            "digest": it.version.digest,
            "version": it.version.version,
            "reason": it.reason,
        })
    };
    json!({
        "plugins": plugins,
        "previous": previous.map(named),
        "waiting": code.waiting.as_ref().map(named),
        "watched_batches": code.watched_batches,
        "quarantined": code.quarantined.iter().map(quarantined).collect::<Vec<_>>(),
        "held": code.held,
    })
}

fn answer(report: &SwapReport) -> Value {
    let plugins: Vec<Value> = report.plugins.iter().map(change).collect();
    let dropped = report.dropped_states.iter();
    let dropped: Vec<Value> =
        dropped.map(|LostState { name, keys }| json!({ "step": name, "keys": keys })).collect();
    json!({
        "plugins": plugins,
        "dropped_states": dropped,
        "restarted_windows": report.restarted_windows,
        "recomputed_windows": report.recomputed_windows,
        "replay": report.replay.as_ref().map(replays::gate),
        "shadow_batches": report.shadow_batches,
    })
}

fn change(change: &PluginChange) -> Value {
    let PluginChange { plugin, from, to, bytes, differences, granted } = change;
    json!({
        "plugin": plugin,
        "from": version(from),
        "to": version(to),
        "bytes": { "from": bytes.0, "to": bytes.1 },
        "differences": differences,
        "granted": granted,
    })
}

fn version(PluginVersion { digest, version }: &PluginVersion) -> Value {
    json!({ "digest": digest, "version": version })
}
