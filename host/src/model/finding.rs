//! Model: what is wrong with a job as declared, where, and what would mend it.
//!
//! Takes words from whoever checks a job. Gives a place that a job file can turn into a line and
//! a column. Never knows files.

use std::fmt;

use crate::limits::{LISTED_WORDS_MAX, NAME_BYTES_MAX};

/// Something of a job that a person declared.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Item {
    /// The job and its settings.
    Job,
    /// A plugin by name.
    Plugin(String),
    /// A source by name.
    Source(String),
    /// A broadcast by name.
    Broadcast(String),
    /// A stream by name.
    Stream(String),
    /// A step by its stream's name and its index in it.
    Step {
        /// The stream.
        stream: String,
        /// The index, from 0.
        index: usize,
    },
    /// A sink by name.
    Sink(String),
}

impl fmt::Display for Item {
    /// Steps are counted from 1, as people do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Job => f.write_str("job"),
            Self::Plugin(name) => write!(f, "plugin `{name}`"),
            Self::Source(name) => write!(f, "source `{name}`"),
            Self::Broadcast(name) => write!(f, "broadcast `{name}`"),
            Self::Stream(name) => write!(f, "stream `{name}`"),
            Self::Step { stream, index } => write!(f, "stream `{stream}`, step {}", index + 1),
            Self::Sink(name) => write!(f, "sink `{name}`"),
        }
    }
}

/// Which part of an item is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// All of it.
    Whole,
    /// The stream it starts from.
    From,
    /// The kind of a source.
    Type,
    /// The folder of a source or sink.
    Path,
    /// A step's operation.
    Operation,
    /// A step's new column names.
    As,
    /// A step's chosen columns.
    Columns,
    /// A step's parameters.
    Params,
    /// A step's partitions.
    Partitions,
    /// A step's `append`.
    Append,
}

/// Where in a job something is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The item.
    pub item: Item,
    /// The part of it.
    pub part: Part,
}

impl Place {
    /// The whole of an item.
    pub fn whole(item: Item) -> Self {
        Self { item, part: Part::Whole }
    }

    /// A part of a step.
    pub fn step(stream: &str, index: usize, part: Part) -> Self {
        Self { item: Item::Step { stream: stream.to_owned(), index }, part }
    }
}

/// What is wrong, where, and what would mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", .place.item)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What was found, and what is allowed.
    pub message: String,
    /// What would mend it, where that is known.
    pub help: Option<String>,
}

impl Finding {
    /// A finding without a proposal.
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), help: None }
    }

    /// The same finding with a proposal.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same finding, proposing the known word that is nearest to the found one, if any is near.
    pub fn with_nearest<'a>(
        mut self,
        found: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        self.help = nearest(found, known).map(|word| format!("did you mean `{word}`?"));
        self
    }
}

/// The known word nearest to a mistyped one, if it is near enough to be meant.
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if found.len() > 2 * NAME_BYTES_MAX {
        // Comparing takes time in both lengths, and a word this long was no slip of the finger.
        return None;
    }
    let farthest = (found.chars().count() / 3).max(2);
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(found, word), word))
        .filter(|(distance, word)| {
            let repeated = || found.split(word).all(str::is_empty);
            *distance <= farthest && (*distance < word.chars().count() || repeated())
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Known words as a sentence lists them; of many, the first.
pub fn list_words<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut words: Vec<&str> = words.into_iter().collect();
    words.dedup();
    let more = words.len().saturating_sub(LISTED_WORDS_MAX);
    words.truncate(LISTED_WORDS_MAX);
    let listed: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match (listed.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (false, 0) => listed.join(", "),
        (false, more) => format!("{} and {more} more", listed.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_word_is_proposed_only_when_near() {
        let known = ["flat_map", "filter", "map"];
        assert_eq!(nearest("flatmap", known), Some("flat_map"));
        assert_eq!(nearest("fliter", known), Some("filter"));
        assert_eq!(nearest("windowed", known), None);
        assert_eq!(nearest("x", known), None);
        assert_eq!(nearest("==", ["=", "!=", ">="]), Some("="));
        assert_eq!(nearest("=>", ["=", "!=", ">="]), Some(">="));
        assert_eq!(nearest(&"flat_map".repeat(99), known), None);
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(list_words([]), "none");
        assert_eq!(list_words(["a", "a", "b"]), "`a`, `b`");
        let many: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        let listed = list_words(many.iter().map(String::as_str));
        assert!(listed.ends_with("`23` and 76 more"), "{listed}");
    }
}
