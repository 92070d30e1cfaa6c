//! Config: broadcasts, and joins with them, as they are written.
//!
//! Takes TOML through serde. Gives structs in which every value knows its place. Never decides what
//! keys mean together.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::job_file::bad_row::OnBadRowText;
use crate::config::job_file::constant::OneOrMore;
use crate::config::job_file::format::FormatText;
use crate::config::job_file::quantity::HumanBytes;
use crate::config::job_file::value::{At, Named, Vocabulary, Word};
use crate::model::join::JoinKind;

/// Where the rows of a broadcast come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config::job_file) enum BroadcastType {
    File,
}

impl Vocabulary for BroadcastType {
    const WHAT: &'static str = "broadcast type";
    const WORDS: &'static [(&'static str, Self)] = &[("file", Self::File)];
}

/// A broadcast: rows that every task can read whole.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config::job_file) struct BroadcastText {
    /// `file` reads a file.
    #[serde(rename = "type")]
    pub(in crate::config::job_file) kind: At<Word<BroadcastType>>,
    /// The file, also one that gzip has packed (`.gz`).
    pub(in crate::config::job_file) path: At<String>,
    /// How its records are written, as those of a source of type `files`. Default: "lines".
    pub(in crate::config::job_file) format: Option<At<FormatText>>,
    /// For `json` and `csv`: the columns and their types, as those of a source.
    pub(in crate::config::job_file) schema: Option<At<Named<At<String>>>>,
    /// What becomes of a record that does not fit. With "fail" the job does not start, or the rows
    /// stay that were there before. Default: "fail".
    pub(in crate::config::job_file) on_bad_row: Option<At<OnBadRowText>>,
    /// The longest line; a longer one is a bad row. Default: "1MiB".
    pub(in crate::config::job_file) line_bytes_max: Option<At<HumanBytes>>,
    /// When the file is read again: "never", "on-change" or a time such as "5m". It is looked at
    /// when a batch is due. Default: "never".
    pub(in crate::config::job_file) reload: Option<At<String>>,
}

impl Vocabulary for JoinKind {
    const WHAT: &'static str = "kind of a join with a broadcast";
    const WORDS: &'static [(&'static str, Self)] =
        &[("inner", Self::Inner), ("left", Self::LeftOuter), ("anti", Self::Anti)];
}

/// A join with a broadcast.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config::job_file) struct BroadcastJoinText {
    /// The broadcast's name.
    pub(in crate::config::job_file) with: At<String>,
    /// The columns of both that are to be equal, or the one.
    pub(in crate::config::job_file) on: At<OneOrMore>,
    /// `inner` gives each row with each of the broadcast that is equal there, `left` rows without
    /// one, too, `anti` only those. Default: "inner".
    pub(in crate::config::job_file) kind: Option<At<Word<JoinKind>>>,
    /// Whether nulls are equal, as in Spark, or match nothing, as in SQL. Default: true.
    pub(in crate::config::job_file) null_equal: Option<At<bool>>,
}
