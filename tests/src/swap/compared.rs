//! Batches that are run on the old versions as well, where several plugins were swapped at once,
//! and where a state was dropped.
//!
//! Takes jobs of two plugins. Row 37 is the one with which a version fails that traps rarely.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};
use tidemill::api::dstream::DStream;
use tidemill::api::plugin::LoadedPlugin;
use tidemill::api::test_context::{Collected, TestContext};
use tidemill::driver::swap::NewCode;
use tidemill::model::policy::OnBadRow;
use tidemill::model::status::BatchInfo;
use tidemill::model::version::SwapRules;

use super::rig::{Ledger, PLUGIN, ids, is_completed, load, untried, version};
use crate::job_rig::{component, scratch};
use crate::lifecycle::rig::{rows, schema, test_context};

/// Row 37 is in the fourth batch.
const ROWS: usize = 12;
const BATCHES: usize = 6;
/// The plugins of a job, by their names there.
const BOTH: [&str; 2] = [PLUGIN, "stamped-2"];

/// A job of two plugins that takes out the rows with which they fail.
struct Job {
    test: TestContext,
    made: Vec<Collected>,
    letters: PathBuf,
}

impl Job {
    /// Its plugins are versions 1 and 2, which behave so.
    fn of_two(
        name: &str,
        behaviours: [&str; 2],
        build: impl Fn(&DStream, [&LoadedPlugin; 2]) -> Vec<DStream>,
    ) -> Self {
        let mut test = test_context();
        let letters = scratch("compared").join(format!("{name}.jsonl"));
        // Left by an earlier run of this test, if by anything.
        let _removed = std::fs::remove_file(&letters);
        test.context.settings().on_rejected = OnBadRow::DeadLetter(letters.clone());
        test.context.settings().poison_rows_max = 16;
        let [one, two] = [(1, behaviours[0]), (2, behaviours[1])]
            .map(|(number, behaviour)| load(&test, &version(number, behaviour)));
        assert_eq!([one.name(), two.name()], BOTH);
        let input = (0..BATCHES).map(|batch| Some(ids(batch, ROWS))).collect();
        let input = test.input(schema(), input);
        let made = build(&input, [&one, &two]).iter().map(|it| test.collect(it)).collect();
        Self { test, made, letters }
    }

    /// Swaps both at once.
    fn swap(&self, to: [PathBuf; 2], rules: SwapRules) {
        let new = BOTH.iter().zip(to);
        let new = new.map(|(name, to)| ((*name).to_owned(), NewCode::Component(to)));
        let swaps = self.test.context.swaps().expect("it runs");
        let report = swaps.swap(&new.collect::<Vec<_>>(), rules);
        assert_eq!(report.expect("nothing shows before they run").plugins.len(), 2);
    }

    fn run(&mut self, batches: usize) -> Vec<BatchInfo> {
        let ran = self.test.run(batches).expect("they run");
        ran.iter().for_each(is_completed);
        ran
    }

    fn letters(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.letters).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
    }

    fn quarantined(&self) -> BTreeSet<String> {
        let code = self.test.context.status().expect("it runs").code;
        code.quarantined.into_iter().map(|of| of.plugin).collect()
    }
}

fn stamp(ids: &DStream, plugin: &LoadedPlugin) -> DStream {
    ids.flat_map(plugin.operator("stamp").expect("the guest has it"))
}

/// A job in which each of the plugins stamps all rows by itself, swapped to versions 3 and 4 after
/// two batches; all have run. The ids that did not come out of the one, and of the other.
fn stamped_by_both(
    name: &str,
    old: [&str; 2],
    new: [&str; 2],
    versions: [[i64; BATCHES]; 2],
) -> (Job, [Vec<usize>; 2]) {
    let both = |ids: &DStream, plugins: [&LoadedPlugin; 2]| {
        plugins.map(|plugin| stamp(ids, plugin)).to_vec()
    };
    let mut job = Job::of_two(name, old, both);
    job.run(2);
    job.swap([version(3, new[0]), version(4, new[1])], untried());
    let after = job.run(BATCHES - 2);
    let goes_back = versions[0][BATCHES - 1] == 1;
    let revisions: Vec<u32> = after.iter().map(|batch| batch.code.revision).collect();
    assert_eq!(revisions, if goes_back { [1, 2, 1, 1] } else { [1; 4] });
    let lost = [0, 1].map(|place| {
        let ledger = Ledger::of(&job.made[place], 0..BATCHES * ROWS);
        assert_eq!((ledger.mixed, ledger.repeated), (0, vec![]));
        assert_eq!(ledger.versions, versions[place]);
        ledger.lost
    });
    (job, lost)
}

/// One of the two fails with a row more than the one before it: both go back together, and what the
/// other has made of the batch does not count either.
#[test]
fn one_version_that_adds_a_row_takes_all_of_its_swap_back() {
    let (new, versions) = (["honestly", "rarely"], [[1, 1, 3, 1, 1, 1], [2, 2, 4, 2, 2, 2]]);
    let (job, lost) = stamped_by_both("adds", ["honestly", "honestly"], new, versions);
    assert_eq!((lost, job.letters()), ([vec![], vec![]], vec![]));
    assert_eq!(job.quarantined(), BOTH.map(str::to_owned).into());
    let code = job.test.context.status().expect("it runs").code;
    let why = "calls failed with 1 row, on the old version with 0; 1 row ";
    assert!(code.quarantined.iter().all(|of| of.reason.contains(why)), "{code:?}");
}

#[test]
fn versions_that_fail_with_the_rows_of_those_before_stay() {
    let (rarely, versions) = (["rarely", "rarely"], [[1, 1, 3, 3, 3, 3], [2, 2, 4, 4, 4, 4]]);
    let (job, lost) = stamped_by_both("both", rarely, rarely, versions);
    assert_eq!((lost, job.quarantined()), ([vec![37], vec![37]], BTreeSet::new()));
    let letters = job.letters();
    let digests: BTreeSet<&str> =
        letters.iter().filter_map(|letter| letter["plugin_digest"].as_str()).collect();
    let current = job.test.context.status().expect("it runs").code.plugins;
    let current: BTreeSet<&str> = BOTH.iter().map(|name| &*current[*name].digest).collect();
    assert_eq!((letters.len(), digests), (2, current), "each once, of the run that counts");
}

/// The story: rows were counted over the whole job. Where one plugin was mended and another one
/// broken by one swap, there were as many before and after it, and the broken one stayed.
#[test]
fn row_that_one_version_no_longer_fails_with_makes_up_for_none_of_another() {
    let (old, new) = (["rarely", "honestly"], ["honestly", "rarely"]);
    let versions = [[1, 1, 3, 1, 1, 1], [2, 2, 4, 2, 2, 2]];
    let (job, lost) = stamped_by_both("mended", old, new, versions);
    assert_eq!(lost, [vec![37], vec![]]);
    assert_eq!(job.quarantined(), BOTH.map(str::to_owned).into());
    let letters = job.letters();
    let operators: Vec<&Value> = letters.iter().map(|letter| &letter["operator"]).collect();
    assert_eq!(operators, ["stamped.stamp"], "of the version to which the job went back");
}

/// The second plugin stamps rows, the first one keys and counts them. Then come a first plugin that
/// counts in another way, from a thousand, and so lost its state, and a second one that fails with
/// row 37 in the second batch after the swap.
fn counting(name: &str, old: &str) -> Job {
    let totals = |ids: &DStream, [first, second]: [&LoadedPlugin; 2]| {
        let of_first = |operator| first.operator(operator).expect("the guest has it");
        let keyed = stamp(ids, second).select(&["_1"]).map(of_first("key"));
        vec![keyed.update_state_by_key("totals", of_first("total"))]
    };
    let mut job = Job::of_two(name, ["honestly", old], totals);
    job.run(2);
    let rules = SwapRules { drop_state: true, ..untried() };
    job.swap([component("restamped"), version(3, "rarely")], rules);
    job
}

/// The total of each of the three keys after each batch.
fn totals(job: &Job) -> Vec<[i64; 3]> {
    let of_key = |rows: &Vec<Value>, key: i64| {
        let row = rows.iter().find(|row| row[0] == json!(key)).expect("each key has rows");
        row[1].as_i64().expect("a total")
    };
    rows(&job.made[0]).iter().map(|rows| [0, 1, 2].map(|key| of_key(rows, key))).collect()
}

/// The batch has run three times: on the new versions, to compare, and again. The old state counts
/// it once.
#[test]
fn comparison_leaves_a_dropped_state_to_the_run_that_counts() {
    let mut job = counting("goes-back", "honestly");
    let after = job.run(3);
    let revisions: Vec<u32> = after.iter().map(|batch| batch.code.revision).collect();
    assert_eq!(revisions, [1, 2, 1]);
    assert_eq!(totals(&job), [[4; 3], [8; 3], [1_004; 3], [12; 3], [16; 3]]);
    assert_eq!(job.quarantined(), BOTH.map(str::to_owned).into());
    assert_eq!(job.letters(), [] as [Value; 0]);
}

/// The new versions stay. What the old ones have made of the batch beside them is in neither state,
/// and who goes back by hand finds the old one as the swap left it.
#[test]
fn comparison_is_in_no_state_of_versions_that_stay() {
    let mut job = counting("stays", "rarely");
    let after = job.run(3);
    assert!(after.iter().all(|batch| batch.code.revision == 1), "{after:?}");
    job.test.context.roll_back().expect("there are versions before");
    job.run(1);
    let without_37 = [1_008, 1_007, 1_008];
    let expected =
        [[4; 3], [8; 3], [1_004; 3], without_37, without_37.map(|total| total + 4), [12; 3]];
    assert_eq!(totals(&job), expected);
    assert_eq!((job.letters().len(), job.quarantined()), (1, BTreeSet::new()));
}
