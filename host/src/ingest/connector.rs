//! Ingest: which receiver serves which connector.
//!
//! Takes a source's declaration. Gives the future that receives it. Never occupies a core: a
//! receiver only runs while its source has something for it.

use std::net::TcpListener;
use std::sync::Arc;

use super::generate_receiver::{Rate, Text};
use super::intake::Intake;
use super::receiver::{ReceiverPorts, ReceiverSettings, Stop};
use super::reconnect::Reconnect;
use super::row_feed::RowFeed;
use super::socket_receiver::Taking;
use super::{custom_receiver, generate_receiver, listen_receiver, socket_receiver, stdin_receiver};
use crate::model::source::{SourceConnector, SourceDeclaration};

/// Receives a source until it ends or is stopped. A source that listens does so already. Files are
/// no receiver's work: they are planned.
pub(super) fn receive(
    source: SourceDeclaration,
    intake: Arc<Intake>,
    ports: ReceiverPorts,
    settings: ReceiverSettings,
    listener: Option<TcpListener>,
    stop: Stop,
) -> impl Future<Output = ()> + Send + 'static {
    // The receiver has started now, however late its future is polled for the first time.
    let started_us = ports.clock.monotonic_us();
    async move {
        let (first, longest) = (settings.reconnect_first, settings.reconnect_max);
        let reconnect = Reconnect::new(first, longest, ports.entropy);
        match &source.connector {
            SourceConnector::Socket { address } => {
                socket_receiver::run(address, &intake, Taking::Lines, reconnect, stop).await;
            }
            SourceConnector::DecodedSocket { address, decoding } => {
                let taking = Taking::Rows(RowFeed::new(&source, decoding));
                socket_receiver::run(address, &intake, taking, reconnect, stop).await;
            }
            SourceConnector::Receiver(receiver) => {
                let (receiver, schema) = (Arc::clone(&receiver.0), source.schema.to_arrow());
                custom_receiver::run(receiver, schema, intake, reconnect, stop).await;
            }
            SourceConnector::Listen { connections_max, .. } => {
                let Some(listener) = listener else { return };
                let bounds = (*connections_max, source.line_bytes_max);
                listen_receiver::run(listener, bounds, intake, reconnect, stop).await;
            }
            SourceConnector::Generate { lines_per_second, words_per_line, vocabulary, lines } => {
                let text = Text::new(settings.seed, *words_per_line, *vocabulary);
                let rate = Rate { lines_per_second: *lines_per_second, lines: *lines, started_us };
                generate_receiver::run(text, rate, &intake, &*ports.clock, stop).await;
            }
            SourceConnector::Stdin => stdin_receiver::run(std::io::stdin(), &intake, stop).await,
            SourceConnector::Files { .. }
            | SourceConnector::FileSet { .. }
            | SourceConnector::Datasets(_) => {}
        }
    }
}
