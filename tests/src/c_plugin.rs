//! The treaty is not Rust-shaped: a plugin in C passes the border's tests.
//!
//! Takes `plugins/word_count_c`, built by a C compiler that the set-up brings. Never takes chains,
//! and has no hash map: grouping is the host's business.

use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use serde_json::Map;
use tempfile::TempDir;
use tidemill::model::description::OperatorKind;
use tidemill::model::operator::{Applied, AppliedRows, Operator, Phase, TaskFacts, TaskScope};
use tidemill::model::stage::ChainStep;
use tidemill::model::time::BatchTime;
use tidemill::wasm::WasmError;
use tidemill::wasm::compile::Compiler;
use tidemill::wasm::host_state::SilentPort;
use tidemill::wasm::operator::GuestOperator;
use tidemill::wasm::plugin::Plugin;
use tidemill::wasm::plugin_limits::PluginLimits;
use tidemill::wasm::sandbox::{Sandbox, SandboxConfig};
use tidemill_guest_build::{Options, build};

use crate::set_up::c_compiler::{CCompiler, Source};
use crate::set_up::c_plugin::{build_word_count, word_count_c};

struct Rig {
    plugin: Arc<Plugin>,
    _artefacts: TempDir,
}

impl Rig {
    fn load(component: &[u8], limits: PluginLimits) -> Self {
        let artefacts = tempfile::tempdir().expect("a folder");
        let sandbox = Sandbox::new(SandboxConfig {
            executors: 1,
            artefact_dir: artefacts.path().to_owned(),
            compiler: Compiler::InProcess,
        })
        .expect("a sandbox");
        let plugin = sandbox.load(component, limits).expect("it loads");
        Self { plugin, _artefacts: artefacts }
    }

    fn operator(&self, names: &[&str]) -> Result<GuestOperator, WasmError> {
        let chain = names
            .iter()
            .map(|name| ChainStep { operator: (*name).to_owned(), parameters: Map::new() });
        GuestOperator::new(Arc::clone(&self.plugin), "words", chain.collect(), Arc::new(SilentPort))
    }

    fn apply(&self, operator: &str, want_origin: bool, input: &RecordBatch) -> Applied {
        let operator = self.operator(&[operator]).expect("it is there");
        operator.apply(&mut scope(), want_origin, input).expect("it runs")
    }
}

fn scope() -> TaskScope {
    TaskScope::new(TaskFacts {
        batch_time: BatchTime(1_000),
        partition: 0,
        seed: 7,
        input_rows: 1 << 20,
        input_bytes: 1 << 26,
    })
}

fn text(rows: &[&str]) -> RecordBatch {
    let array: ArrayRef = Arc::new(StringArray::from(rows.to_vec()));
    RecordBatch::try_from_iter([("line", array)]).expect("a batch")
}

fn numbers(rows: &[i64]) -> RecordBatch {
    let array: ArrayRef = Arc::new(Int64Array::from(rows.to_vec()));
    RecordBatch::try_from_iter([("value", array)]).expect("a batch")
}

fn rows_of(applied: &Applied) -> &RecordBatch {
    match &applied.rows {
        AppliedRows::Batch(batch) => batch,
        AppliedRows::Selection(_) => panic!("found a selection, expected rows"),
    }
}

fn words_of(batch: &RecordBatch) -> Vec<&str> {
    batch.column(0).as_string::<i32>().iter().map(|word| word.expect("no nulls")).collect()
}

fn numbers_of(batch: &RecordBatch, column: usize) -> &[i64] {
    batch.column(column).as_primitive::<Int64Type>().values()
}

/// What any word count does, whatever it is written in.
fn check_word_count(component: &[u8]) {
    let rig = Rig::load(component, PluginLimits::default());
    check_description(&rig);
    check_rows(&rig);
    check_folds(&rig);
}

fn check_description(rig: &Rig) {
    let of_host = |name: &String| {
        ["host", "types"].iter().any(|i| *name == format!("tidemill:plugin/{i}@0.1.0"))
    };
    assert!(rig.plugin.imports().iter().all(of_host), "{:?}", rig.plugin.imports());
    let operators = rig.plugin.description().operators.iter();
    let found: Vec<_> = operators
        .map(|o| (o.name.as_str(), o.kind, o.input.to_string(), o.output.to_string()))
        .collect();
    let expected = [
        ("split", OperatorKind::FlatMap, "line: utf8", "value: utf8"),
        ("pair", OperatorKind::Map, "word: utf8", "_1: utf8 | _2: int64"),
        ("add", OperatorKind::Reduce, "value: int64", "value: int64"),
    ];
    assert_eq!(found.len(), expected.len());
    for ((name, kind, input, output), expected) in found.iter().zip(expected) {
        assert_eq!((*name, *kind, input.as_str(), output.as_str()), expected);
    }
}

fn check_rows(rig: &Rig) {
    let lines = text(&["to be  or", "", "\tnot\r", "être 日本 be"]);
    let split = rig.apply("split", true, &lines);
    let words = ["to", "be", "or", "not", "être", "日本", "be"];
    assert_eq!(words_of(rows_of(&split)), words);
    assert_eq!(split.origin, Some(vec![0, 0, 0, 2, 3, 3, 3]));
    assert!(split.rejected.is_empty());

    // A slice of a larger batch is lowered in canonical form.
    let split = rig.apply("split", false, &lines.slice(2, 1));
    assert_eq!((words_of(rows_of(&split)), &split.origin), (vec!["not"], &None));

    for nothing in [text(&[]), text(&["", " \t "])] {
        let split = rig.apply("split", true, &nothing);
        assert_eq!((rows_of(&split).num_rows(), &split.origin), (0, &Some(vec![])));
    }

    let pairs = rig.apply("pair", true, &text(&words));
    assert_eq!(words_of(rows_of(&pairs)), words);
    assert_eq!(numbers_of(rows_of(&pairs), 1), [1; 7]);
    assert_eq!(pairs.origin, Some((0..7).collect()));
    assert_eq!(rows_of(&rig.apply("pair", false, &text(&[]))).num_rows(), 0);
}

fn check_folds(rig: &Rig) {
    let add = rig.operator(&["add"]).expect("it is there");
    let mut scope = scope();
    for phase in [Phase::Values, Phase::Partials] {
        let values = numbers(&[1, 2, 3, -4, i64::MAX]);
        let sums = add.fold(&mut scope, phase, &values, &[2, 0, 2, 1, 3], 4).expect("it folds");
        assert_eq!(numbers_of(&sums, 0), [2, -4, 4, i64::MAX]);
    }
    let none = add.fold(&mut scope, Phase::Values, &numbers(&[]), &[], 0).expect("it folds");
    assert_eq!(none.num_rows(), 0);
    let merged = add.merge(&mut scope, &numbers(&[1, 2]), &numbers(&[10, -2])).expect("it merges");
    assert_eq!(numbers_of(&merged, 0), [11, 0]);
}

#[test]
fn c_plugin_keeps_the_treaty() {
    check_word_count(word_count_c());
}

#[test]
fn rust_plugin_keeps_the_same_treaty() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/word_count");
    let built = build(&folder, &Options::default()).expect("it builds");
    check_word_count(&std::fs::read(built.component).expect("it is there"));
}

#[test]
fn c_plugin_takes_no_chains() {
    let rig = Rig::load(word_count_c(), PluginLimits::default());
    assert!(!rig.plugin.description().chains);
    let error = rig.operator(&["split", "pair"]).expect_err("refused").to_string();
    assert!(error.contains("cannot be one call"), "{error}");
}

/// Its memory starts afresh with each call: a task of many slices needs no more than one of few.
#[test]
fn c_plugin_forgets_one_slice_before_the_next() {
    let limits = PluginLimits { memory_bytes: 4 << 20, ..PluginLimits::default() };
    let rig = Rig::load(word_count_c(), limits);
    let operators = ["split", "pair"].map(|name| rig.operator(&[name]).expect("it is there"));
    let lines = text(&vec!["one two three four"; 16 * 1024]);
    let mut scope = scope();
    for slice in 0..64 {
        for (operator, rows) in operators.iter().zip([4 * 16 * 1024, 16 * 1024]) {
            let applied = operator.apply(&mut scope, slice % 2 == 0, &lines).expect("it fits");
            assert_eq!(rows_of(&applied).num_rows(), rows);
        }
    }
}

#[test]
fn c_plugin_without_memory_fails_the_call() {
    let limits = PluginLimits { memory_bytes: 2 << 20, ..PluginLimits::default() };
    let rig = Rig::load(word_count_c(), limits);
    let split = rig.operator(&["split"]).expect("it is there");
    let lines = text(&vec!["a b c d e f g h"; 64 * 1024]);
    split.apply(&mut scope(), true, &lines).expect_err("it needs more");
    let applied = split.apply(&mut scope(), true, &text(&["a b"])).expect("the next one runs");
    assert_eq!(rows_of(&applied).num_rows(), 2);
}

/// Downloads 100 MB from the Python package index, and 34 MB from Debian's archive where there is
/// one.
#[test]
fn every_source_of_a_c_compiler_serves() {
    if std::env::var_os("TIDEMILL_SLOW").is_none_or(|value| value != "1") {
        println!("left out: it wants TIDEMILL_SLOW=1");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let debian = Path::new("/etc/debian_version").exists().then_some(Source::Debian);
    for source in debian.into_iter().chain([Source::Zig]) {
        let compiler = CCompiler::find(folder.path(), &[source]).expect("it is fetched");
        check_word_count(&build_word_count(&compiler));
        let again = CCompiler::find(folder.path(), &[source]).expect("it is kept");
        assert_eq!(again, compiler);
    }
}
