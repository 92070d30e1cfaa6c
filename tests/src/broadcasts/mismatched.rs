//! What is said, before anything runs, of broadcasts that are not as steps and operators want them.
//!
//! Takes steps of a job file. Gives the exact words with line and column.

use std::collections::HashMap;
use std::path::Path;

use tidemill::config::job_file::JobFile;
use tidemill::model::description::{
    Binding, BroadcastWanted, OperatorDescription, OperatorKind, PluginDescription,
};
use tidemill::model::schema::StreamSchema;
use tidemill::plan::{PlanDefaults, PlanError, plan};

use super::rig::schema;

/// The job's one step stands in line 9, its broadcast in line 13.
fn job(step: &str) -> String {
    format!(
        "name = \"job\"\nbatch_interval = \"1s\"\n[plugins.shop]\ncomponent = \"shop.wasm\"\n\
         [sources.orders]\ntype = \"stdin\"\nformat = \"json\"\n\
         schema = {{ customer = \"int64\", name = \"utf8\", tags = \"list<utf8>\" }}\n\
         [streams.out]\nfrom = \"orders\"\nsteps = [{step}]\n\
         [broadcasts.customers]\ntype = \"file\"\npath = \"customers.csv\"\nformat = \"json\"\n\
         schema = {{ customer = \"int64\", name = \"utf8?\", tags = \"list<utf8>\" }}\n\
         [sinks.console]\ntype = \"print\"\nfrom = \"out\"\n"
    )
}

/// An operator that takes numbers, and wants that of a broadcast.
fn operator(name: &str, broadcast: &str, binding: Binding, wanted: &str) -> OperatorDescription {
    let wanted = BroadcastWanted { name: broadcast.to_owned(), binding, schema: schema(wanted) };
    OperatorDescription {
        name: name.to_owned(),
        kind: OperatorKind::Map,
        doc: String::new(),
        binding: Binding::Name,
        input: schema("customer: int64"),
        output: schema("value: int64"),
        parameters: Vec::new(),
        keys: StreamSchema::default(),
        state: None,
        broadcasts: vec![wanted],
    }
}

fn check(step: &str, expected: &str) {
    let operators = vec![
        operator("good", "customers", Binding::Name, "name: utf8?, customer: int64"),
        operator("unknown", "customer", Binding::Name, "name: utf8"),
        operator("typed", "customers", Binding::Name, "customer: utf8"),
        operator("strict", "customers", Binding::Name, "name: utf8"),
        operator("missing", "customers", Binding::Name, "nam: utf8"),
        operator("few", "customers", Binding::Position, "_1: int64"),
        operator("turned", "customers", Binding::Position, "_1: utf8, _2: utf8, _3: utf8"),
    ];
    let shop = PluginDescription {
        name: "shop".to_owned(),
        version: "1".to_owned(),
        doc: String::new(),
        chains: true,
        operators,
    };
    let file = JobFile::parse("job.toml", &job(step), Path::new("")).expect("the keys are right");
    let catalogue = HashMap::from([("shop".to_owned(), shop)]);
    let planned = plan(&file.pipeline, &catalogue, PlanDefaults { partitions: 2 });
    let found = match planned {
        Ok(_) => String::new(),
        Err(errors) => {
            let findings: Vec<_> = errors.0.iter().map(PlanError::finding).collect();
            assert!(file.locate(findings.clone()).to_string().contains("job.toml"));
            let told = |finding: &tidemill::model::finding::Finding| match &finding.help {
                Some(help) => format!("{finding} ({help})"),
                None => finding.to_string(),
            };
            findings.iter().map(told).collect::<Vec<_>>().join("\n")
        }
    };
    let expected = match expected {
        "" => String::new(),
        words => format!("stream `out`, step 1: {words}"),
    };
    assert_eq!(found, expected);
}

#[test]
fn what_an_operator_wants_is_looked_for_at_the_start() {
    check("{ map = \"shop.good\" }", "");
    check(
        "{ map = \"shop.unknown\" }",
        "`shop.unknown` reads broadcast `customer`, the job has `customers` (did you mean \
         `customers`?)",
    );
    check(
        "{ map = \"shop.typed\" }",
        "operator `shop.typed`: column `customer` of broadcast `customers` is int64, expected utf8 \
         that is never null (its `customer`) (make it utf8 in the broadcast's `schema`, or let \
         the operator take `i64`)",
    );
    check(
        "{ map = \"shop.strict\" }",
        "operator `shop.strict`: column `name` of broadcast `customers` is nullable utf8, expected \
         utf8 that is never null (its `name`) (make it utf8 in the broadcast's `schema`, or let \
         the operator take `Option<&str>`)",
    );
    check(
        "{ map = \"shop.missing\" }",
        "`shop.missing` of broadcast `customers` needs column `nam`, found `customer`, `name`, \
         `tags` (did you mean `name`?)",
    );
    check(
        "{ map = \"shop.few\" }",
        "operator `shop.few` takes 1 column (_1: int64) of broadcast `customers`, which has 3 \
         columns (customer: int64, name: utf8?, tags: list<utf8>)",
    );
    check(
        "{ map = \"shop.turned\" }",
        "operator `shop.turned`: column `customer` of broadcast `customers` is int64, expected \
         utf8 that is never null (its `_1`) (make it utf8 in the broadcast's `schema`, or let \
         the operator take `i64`)",
    );
}

#[test]
fn joins_are_checked_at_the_start() {
    let join = |with: &str, on: &str, more: &str| {
        format!("{{ broadcast_join = {{ with = \"{with}\", on = [\"{on}\"] }}{more} }}")
    };
    check(&join("customers", "customer", ", as = { right = \"c_\" }"), "");
    check(
        &join("customer", "customer", ""),
        "`broadcast_join` reads broadcast `customer`, the job has `customers` (did you mean \
         `customers`?)",
    );
    check(
        &join("customers", "custmer", ""),
        "`broadcast_join` needs column `custmer`, found `customer`, `name`, `tags` (did you mean \
         `customer`?)",
    );
    check(
        &join("customers", "customer", ""),
        "two columns would be called `name` after `broadcast_join customers by customer` (let \
         the names of the other begin in a way of their own: `as = { right = \"other_\" }`)",
    );
    check(
        &join("customers", "tags", ", as = { right = \"c_\" }"),
        "column `tags` is list<utf8>, and a list cannot be a key",
    );
    let renamed = "{ rename = { customer = \"number\", name = \"customer\" } }, ";
    let step = format!("{renamed}{}", join("customers", "customer", ""));
    let file = JobFile::parse("job.toml", &job(&step), Path::new("")).expect("the keys are right");
    let errors = plan(&file.pipeline, &HashMap::new(), PlanDefaults { partitions: 2 });
    assert_eq!(
        errors.expect_err("text is no number").to_string(),
        "stream `out`, step 2: column `customer` of broadcast `customers` is int64, here it is \
         utf8: both must be alike"
    );
}
