//! A thousand swaps under way lose nothing, repeat nothing and mix nothing; and a test that could
//! not notice is noticed.

use tidemill::driver::planted::PlantedFault;
use tidemill::limits::RETAINED_INPUTS_DEFAULT;
use tidemill::model::version::SwapRules;

use super::rig::{PLUGIN, Stamping, digest, load, untried, version};

const SWAPS: usize = 1_000;
/// The current version and the one before; one that waits; and those of the batches whose inputs
/// are retained, the last of which may be of the batch that ends.
const HELD_MAX: usize = 3 + RETAINED_INPUTS_DEFAULT;

#[test]
fn a_thousand_swaps_lose_and_repeat_nothing() {
    let mut job = Stamping::over(SWAPS + 1, 4, "honestly");
    job.run(1);
    let versions = [2, 3].map(|number| load(&job.test, &version(number, "honestly")));
    let swaps = job.test.context.swaps().expect("it runs");
    let mut digests = Vec::new();
    for number in 0..SWAPS {
        let new = (PLUGIN.to_owned(), versions[number % 2].as_new_code());
        let report = swaps.swap(&[new], untried()).expect("it fits");
        let batch = job.run(1).remove(0);
        assert_eq!(digest(&batch), report.plugins[0].to.digest, "batch after swap {number}");
        assert_eq!((batch.code.revision, batch.code.reason), (1, None));
        let held = job.status().code.held;
        assert!(held <= HELD_MAX, "{held} versions are held after swap {number}");
        digests.push(report.plugins[0].to.digest.clone());
    }
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 2);
    let ledger = job.ledger();
    ledger.is_whole();
    assert_eq!(ledger.versions.len(), SWAPS + 1);
    let alternating = ledger.versions[1..].iter().zip([2, 3].into_iter().cycle());
    assert!(alternating.into_iter().all(|(found, expected)| *found == expected));
}

/// The harness proves itself: with the boundary broken, one task of a batch runs the old version.
#[test]
fn broken_boundary_is_found() {
    let mut job = Stamping::over(4, 4, "honestly");
    job.run(1);
    job.test.context.swaps().expect("it runs").plant(PlantedFault::MixedVersions);
    job.swap(version(2, "honestly"), SwapRules::default()).expect("it fits");
    job.run(3);
    let ledger = job.ledger();
    assert_eq!(ledger.mixed, 3, "{ledger:?}");
    assert_eq!((ledger.lost.len(), ledger.repeated.len()), (0, 0));
}
