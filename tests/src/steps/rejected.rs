//! Rows that an operator refuses, and where they are found again.

use crate::job_rig::component;
use crate::set_up::job_folder::JobFolder;

/// The story: rows with a column of times could not be written down, so that a job that keeps what
/// is refused failed at the first such row.
#[test]
fn refused_rows_are_written_down_with_columns_of_every_type() {
    let job = JobFolder::new(&format!(
        "name = \"kept\"\nbatch_interval = \"20ms\"\n\
         on_rejected = {{ dead_letter = \"letters.jsonl\" }}\n\
         [plugins.kinds]\ncomponent = \"{}\"\n\
         [sources.rows]\ntype = \"stdin\"\nformat = \"json\"\n\
         schema = {{ n = \"int64\", at = \"timestamp\", day = \"date32\", \
         sum = \"decimal128(9,2)\", tags = \"list<utf8>\" }}\n\
         [streams.out]\nfrom = \"rows\"\n\
         steps = [{{ map = \"kinds.positive\", columns = [\"n\"], append = true, as = [\"m\"] }}]\n\
         [sinks.console]\ntype = \"print\"\nfrom = \"out\"\n",
        component("kinds").display()
    ));
    let row = |n| {
        format!(
            "{{\"n\":{n},\"at\":\"2024-02-29T12:00:00Z\",\"day\":\"2024-02-29\",\
             \"sum\":1.25,\"tags\":[\"a\"]}}\n"
        )
    };
    let ran = job.run((row(1) + &row(-1)).as_bytes());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.rows().len(), 1, "{}", ran.out);
    let letters = std::fs::read_to_string(job.path().join("letters.jsonl")).expect("it is there");
    let letter: serde_json::Value = serde_json::from_str(&letters).expect("one line of JSON");
    assert_eq!(letter["code"], "not-positive");
    assert_eq!(letter["row"]["n"], -1);
    assert!(letter["row"]["at"].as_str().is_some_and(|at| at.starts_with("2024-02-29T12:00:00")));
}
