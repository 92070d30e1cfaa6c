//! Sensors: what each measured last and at most, until nothing has come for some batches.

use tidemill_sdk::prelude::*;

/// What a sensor measured.
#[derive(Debug, Clone, Copy, PartialEq, Row)]
pub struct Measured {
    last: f64,
    most: f64,
    silent: i64,
}

/// Goes on with what a sensor measured, batch by batch; one without values for so many batches is
/// forgotten.
#[update_state_by_key(state_version = 1)]
fn measured(
    values: impl Iterator<Item = f64>,
    so_far: Option<Measured>,
    #[param(default = 2)] patience: i64,
) -> Option<Measured> {
    let silent = so_far.map_or(0, |measured| measured.silent + 1);
    let gone_on =
        values.fold(so_far.map(|measured| Measured { silent, ..measured }), |now, value| {
            let most = now.map_or(value, |measured| measured.most.max(value));
            Some(Measured { last: value, most, silent: 0 })
        });
    gone_on.filter(|measured| measured.silent <= patience)
}

plugin!(measured);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_value_stays_and_a_silent_sensor_goes() {
        let first = measured([2.0, 5.0, 3.0].into_iter(), None, 1);
        assert_eq!(first, Some(Measured { last: 3.0, most: 5.0, silent: 0 }));
        let second = measured([4.0].into_iter(), first, 1);
        assert_eq!(second, Some(Measured { last: 4.0, most: 5.0, silent: 0 }));
        let third = measured([].into_iter(), second, 1);
        assert_eq!(third, Some(Measured { last: 4.0, most: 5.0, silent: 1 }));
        assert_eq!(measured([].into_iter(), third, 1), None);
    }
}
