//! Plugins described in words, as job file tests need them.
//!
//! Takes one line per operator: `map pair (word: utf8) -> (word: utf8 | n: int64)`. Gives their
//! descriptions. Never runs anything.

use std::collections::HashMap;
use std::path::Path;

use tidemill::config::{JobFile, JobFileErrors};
use tidemill::model::description::{Binding, OperatorDescription, OperatorKind, PluginDescription};
use tidemill::model::parameter::{Parameter, ParameterType};
use tidemill::model::schema::{Column, StreamSchema};
use tidemill::plan::{PlanDefaults, PlannedJob, plan};

/// What the plugin `words` of these tests holds.
const WORDS: &str = "
    flat_map split (line: utf8) -> (value: utf8)
    flat_map of_text (text: utf8) -> (value: utf8) by name with mark
    map pair (word: utf8) -> (_1: utf8 | _2: int64)
    map pair_by_name (word: utf8) -> (_1: utf8 | _2: int64) by name
    map length (text: utf8) -> (value: int64)
    map optional (text: utf8?) -> (value: utf8)
    map list_key (text: utf8) -> (words: list<utf8> | n: int64)
    filter long (word: utf8) -> (word: utf8)
    filter large (word: utf8, n: int64) -> (word: utf8, n: int64)
    filter known (text: utf8?) -> (text: utf8?) by name
    map_partitions sample (word: utf8) -> (word: utf8)
    map_values double (n: int64) -> (n: int64)
    flat_map_values up_to (n: int64) -> (n: int64)
    reduce add (value: int64) -> (value: int64)
    reduce both (a: int64, b: float64) -> (a: int64, b: float64)
    reduce larger (text: utf8, n: int64) -> (text: utf8, n: int64)
    reduce broken (value: int64) -> (value: utf8)
    reduce of_n (n: int64) -> (n: int64) by name
    map_values square (value: int64) -> (value: int64)
";

/// The plugins `words`, `tags`, and `plain`: the same, but `plain` takes no chains.
pub fn catalogue() -> HashMap<String, PluginDescription> {
    let operators: Vec<OperatorDescription> =
        WORDS.lines().map(str::trim).filter(|line| !line.is_empty()).map(operator).collect();
    let plugin = |name: &str, chains: bool| {
        let description = PluginDescription {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            doc: String::new(),
            chains,
            operators: operators.clone(),
        };
        (name.to_owned(), description)
    };
    HashMap::from([plugin("words", true), plugin("tags", true), plugin("plain", false)])
}

fn operator(line: &str) -> OperatorDescription {
    let (head, schemas) = line.split_once(" (").expect("an input");
    let (word, name) = head.split_once(' ').expect("a kind and a name");
    let (input, rest) = schemas.split_once(") -> (").expect("an output");
    let (output, rest) = rest.split_once(')').expect("an end");
    let kinds = [
        OperatorKind::Map,
        OperatorKind::FlatMap,
        OperatorKind::Filter,
        OperatorKind::MapPartitions,
        OperatorKind::MapValues,
        OperatorKind::FlatMapValues,
        OperatorKind::Reduce,
    ];
    let mark = Parameter {
        name: "mark".to_owned(),
        data_type: ParameterType::Utf8,
        default: None,
        doc: String::new(),
    };
    OperatorDescription {
        name: name.to_owned(),
        kind: kinds.into_iter().find(|kind| kind.step_word() == word).expect("a kind"),
        doc: String::new(),
        binding: if rest.contains("by name") { Binding::Name } else { Binding::Position },
        input: schema(input),
        output: schema(output),
        parameters: if rest.contains("with mark") { vec![mark] } else { Vec::new() },
        keys: StreamSchema::default(),
        state: None,
        broadcasts: Vec::new(),
    }
}

/// Columns in words; those before a bar are key.
fn schema(words: &str) -> StreamSchema {
    let columns = |words: &str| -> Vec<Column> {
        words.split(", ").filter(|word| !word.is_empty()).map(column).collect()
    };
    match words.split_once(" | ") {
        Some((keys, values)) => {
            let keys = columns(keys);
            let count = keys.len();
            let all = keys.into_iter().chain(columns(values)).collect();
            StreamSchema::new(all).with_keys(count)
        }
        None => StreamSchema::new(columns(words)),
    }
}

fn column(word: &str) -> Column {
    let (name, data_type) = word.split_once(": ").expect("a name and a type");
    let (data_type, nullable) =
        data_type.strip_suffix('?').map_or((data_type, false), |data_type| (data_type, true));
    let column = Column::new(name, data_type.parse().expect("a column type"));
    if nullable { column.nullable() } else { column }
}

/// A job of one stream with these steps, from a JSON source of these columns.
pub fn job(schema: &str, steps: &str) -> String {
    let plugin = |name: &str| format!("{name} = {{ component = \"{name}.wasm\" }}");
    let plugins = ["words", "tags", "plain"].map(plugin).join(", ");
    let head = format!("name = \"j\"\nbatch_interval = \"1s\"\nplugins = {{ {plugins} }}\n");
    let source =
        format!("[sources.rows]\ntype = \"stdin\"\nformat = \"json\"\nschema = {schema}\n");
    let stream = format!("[streams.out]\nfrom = \"rows\"\nsteps = [\n{steps}\n]\n");
    format!("{head}{source}{stream}[sinks.console]\ntype = \"print\"\nfrom = \"out\"\n")
}

/// Reads and plans a job for two cores.
pub fn planned(text: &str) -> Result<(JobFile, PlannedJob), JobFileErrors> {
    let file = JobFile::parse("job.toml", text, Path::new("folder"))?;
    match plan(&file.pipeline, &catalogue(), PlanDefaults { partitions: 2 }) {
        Ok(planned) => Ok((file, planned)),
        Err(errors) => Err(file.locate(errors.0.iter().map(|error| error.finding()))),
    }
}
