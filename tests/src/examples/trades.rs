//! Trades, added up to their books.

use std::path::Path;

use crate::job_rig::scratch;
use crate::set_up::program::tidemill;

#[test]
fn trades_are_added_up_to_the_cent() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/trades");
    let artefacts = scratch("artefacts-of-programs").display().to_string();
    let ran = tidemill(&folder, &["run", "job.toml", "--artefacts", &artefacts], "");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let expected = [
        "(2024-03-01,1,10,1100.00,3,1250.50)",
        "(2024-03-01,1,20,0.30,2,0.20)",
        "(2024-03-01,2,10,0.00,2,75.00)",
        "(2024-03-01,2,20,31000.00,1,31000.00)",
        "(2024-03-04,1,10,10.00,1,10.00)",
        // From the beginning, with the average.
        "(2024-03-01,1,10,1100.00,3,366.6666666666667)",
        "(2024-03-01,1,20,0.30,2,0.15)",
        "(2024-03-01,2,10,0.00,2,0.0)",
        "(2024-03-01,2,20,31000.00,1,31000.0)",
        "(2024-03-04,1,10,10.00,1,10.0)",
    ];
    assert_eq!(ran.rows(), expected);
}
