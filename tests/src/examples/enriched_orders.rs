//! Orders, billed by a table of customers.

use std::path::Path;

use crate::job_rig::scratch;
use crate::set_up::program::tidemill;

#[test]
fn orders_are_billed_with_the_table_that_is_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/enriched_orders");
    let artefacts = scratch("artefacts-of-programs").display().to_string();
    let ran = tidemill(&folder, &["run", "job.toml", "--artefacts", &artefacts], "");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.rows(), ["(1,Ada,900,true)", "(2,Bob,500,true)", "(3,null,250,false)"]);
}
