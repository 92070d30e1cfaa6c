//! Driver: when the batches of a job are made: at their times, or at once.
//!
//! Takes what a job was asked for. Gives the loop its pace, and says which sources have no end.
//! Never reads a source.

use std::ops::Range;

use crate::model::finding::{Finding, Item, Part, Place};
use crate::model::pipeline::Pipeline;
use crate::model::source::{SourceConnector, SourceDeclaration};
use crate::model::time::BatchTime;

/// When the batches of a job are made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Pace {
    /// At their times, of what has come by then.
    #[default]
    Clock,
    /// At once, of all that there is, as many as the budget makes of it. Their times are those
    /// that would come next, one after the other.
    AtOnce,
    /// At once, and only one, of all that there is.
    Once(OneBatch),
}

/// One batch of all that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneBatch {
    /// Its time.
    pub time: BatchTime,
    /// The partitions of its source that have their rows; the others are empty. `None`: all.
    pub partitions: Option<Range<usize>>,
    /// Bytes of rows that its sinks may be given; a larger result fails the batch before all of it
    /// is made.
    pub result_bytes_max: Option<usize>,
}

impl Pace {
    /// Whether nobody waits for the clock.
    pub fn is_at_once(&self) -> bool {
        *self != Self::Clock
    }

    /// The pace of a job that works off what is there and ends: at once, where everything is there.
    /// What receivers read comes in its own time.
    pub fn of_bounded(pipeline: &Pipeline) -> Self {
        let is_there = |source: &SourceDeclaration| source.connector.is_there();
        if pipeline.sources.iter().all(is_there) { Self::AtOnce } else { Self::Clock }
    }

    /// Bytes of rows that sinks may be given in a batch.
    pub(super) fn result_bytes_max(&self) -> Option<usize> {
        match self {
            Self::Once(batch) => batch.result_bytes_max,
            Self::Clock | Self::AtOnce => None,
        }
    }
}

/// The same job over bounded input: files are read as they are there now.
///
/// # Errors
/// Names the sources that have no end.
pub fn bounded(mut pipeline: Pipeline) -> Result<Pipeline, Vec<Finding>> {
    let mut findings = Vec::new();
    for source in &mut pipeline.sources {
        match &mut source.connector {
            SourceConnector::Files { bounded, .. } => *bounded = true,
            SourceConnector::Socket { .. }
            | SourceConnector::DecodedSocket { .. } => findings.push(endless(
                &source.name,
                "a socket is connected to again and again, so a bounded run of it would not end",
                "write what it would send to a file, and read that with `type = \"files\"`; or \
                 pipe it into `type = \"stdin\"`",
            )),
            SourceConnector::Listen { .. } => findings.push(endless(
                &source.name,
                "others connect to it again and again, so a bounded run of it would not end",
                "write what they would send to a file, and read that with `type = \"files\"`; or \
                 pipe it into `type = \"stdin\"`",
            )),
            SourceConnector::Receiver(_) => findings.push(endless(
                &source.name,
                "a program's receiver is started again and again, so a bounded run would not end",
                "read what it would store from files",
            )),
            SourceConnector::Generate { lines: None, .. } => findings.push(endless(
                &source.name,
                "lines are generated without end, so a bounded run of them would not end",
                "say how many with `lines`",
            )),
            SourceConnector::Generate { .. }
            | SourceConnector::Stdin
            | SourceConnector::FileSet { .. }
            | SourceConnector::Datasets(_) => {}
        }
    }
    if findings.is_empty() { Ok(pipeline) } else { Err(findings) }
}

fn endless(source: &str, message: &str, help: &str) -> Finding {
    let place = Place { item: Item::Source(source.to_owned()), part: Part::Type };
    Finding::new(place, message.to_owned()).with_help(help)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::backpressure::SourceRates;
    use crate::model::bytes_decoder::BytesDecoding;
    use crate::model::pipeline::JobSettings;
    use crate::model::policy::OnBadRow;
    use crate::model::receiver::{BoxError, Receiver, ReceiverHandle, SharedReceiver};
    use crate::model::schema::StreamSchema;
    use crate::model::source::Format;

    fn job(connectors: Vec<SourceConnector>) -> Pipeline {
        let source = |(number, connector)| SourceDeclaration {
            name: format!("s{number}"),
            connector,
            format: Format::Lines,
            schema: StreamSchema::default(),
            on_bad_row: OnBadRow::Fail,
            line_bytes_max: 1,
            rates: SourceRates::default(),
        };
        Pipeline {
            name: "job".to_owned(),
            settings: JobSettings::default(),
            plugins: Vec::new(),
            sources: (0..).zip(connectors).map(source).collect(),
            broadcasts: Vec::new(),
            streams: Vec::new(),
            sinks: Vec::new(),
        }
    }

    fn generate(lines: Option<u64>) -> SourceConnector {
        let (lines_per_second, words_per_line, vocabulary) = (1, 1, 1);
        SourceConnector::Generate { lines_per_second, words_per_line, vocabulary, lines }
    }

    #[test]
    fn sources_without_an_end_are_named() {
        let socket = SourceConnector::Socket { address: "localhost:1".to_owned() };
        let address = "localhost:1".to_owned();
        let listen = SourceConnector::Listen { address, connections_max: 1 };
        let sources =
            vec![socket, generate(None), generate(Some(9)), SourceConnector::Stdin, listen];
        let findings = bounded(job(sources)).expect_err("three have no end");
        let places: Vec<Item> = findings.into_iter().map(|finding| finding.place.item).collect();
        assert_eq!(places, ["s0", "s1", "s4"].map(|name| Item::Source(name.to_owned())));
    }

    /// A receiver of a program's, as far as a plan needs one.
    struct Never;

    impl Receiver for Never {
        fn on_start(&self, _: ReceiverHandle) -> Result<(), BoxError> {
            unreachable!("a job that is refused starts no receiver")
        }
    }

    #[test]
    fn sources_that_programs_bring_have_no_end_either() {
        let receiver = SourceConnector::Receiver(SharedReceiver(Arc::new(Never)));
        let (address, decoding) = ("localhost:1".to_owned(), BytesDecoding::Frames);
        let frames = SourceConnector::DecodedSocket { address, decoding };
        let findings = bounded(job(vec![receiver, frames])).expect_err("neither has an end");
        let told: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
        let expected = [
            "a program's receiver is started again and again, so a bounded run would not end",
            "a socket is connected to again and again, so a bounded run of it would not end",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn files_are_read_at_once_and_what_is_received_in_its_time() {
        let files = || SourceConnector::Files { path: "in".into(), bounded: false };
        let job = bounded(job(vec![files()])).expect("files end");
        let connector = &job.sources[0].connector;
        assert!(matches!(connector, SourceConnector::Files { bounded: true, .. }));
        assert_eq!(Pace::of_bounded(&job), Pace::AtOnce);
        let mixed = self::job(vec![files(), SourceConnector::Stdin]);
        assert_eq!(Pace::of_bounded(&mixed), Pace::Clock);
    }
}
