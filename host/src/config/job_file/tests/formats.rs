//! Config: how records and files are written: formats by word and by table, and their mistakes.
//!
//! Takes changes of the good job. Gives what is said of them, and what good ones mean.

use super::{ADDRESS, GOOD, check, check_after, parse};
use crate::model::source::{CsvFormat, Format};

/// The format of the good job's source with that one, and a schema behind it.
fn format(written: &str) -> Format {
    let source = format!("{ADDRESS}\nformat = {written}\nschema = {{ a = \"utf8\" }}");
    parse(&GOOD.replace(ADDRESS, &source)).expect(written).pipeline.sources[0].format
}

/// What is said of a format of the good job's source.
fn refused(written: &str, expected: &str) {
    check_after(ADDRESS, &format!("\nformat = {written}\nschema = {{ a = \"utf8\" }}"), expected);
}

#[test]
fn formats_are_words_or_tables() {
    let default = CsvFormat::default();
    for (written, expected) in [
        (r#""json""#, Format::Json),
        (r#"{ type = "json" }"#, Format::Json),
        (r#""csv""#, Format::Csv(default)),
        (r#"{ type = "csv" }"#, Format::Csv(default)),
        (r#"{ type = "csv", header = true }"#, Format::Csv(CsvFormat { header: true, ..default })),
        (
            r#"{ type = "csv", delimiter = "\t", quote = "'" }"#,
            Format::Csv(CsvFormat { delimiter: b'\t', quote: Some(b'\''), ..default }),
        ),
        (r#"{ type = "csv", quote = "" }"#, Format::Csv(CsvFormat { quote: None, ..default })),
    ] {
        assert_eq!(format(written), expected, "{written}");
    }
}

#[test]
fn keys_of_another_format_are_refused() {
    refused(
        r#"{ type = "json", header = true }"#,
        "8:36: `header` does not belong to the format `json`",
    );
    refused(
        r#"{ type = "csv", record_bytes = 4 }"#,
        "8:41: `record_bytes` does not belong to the format `csv`",
    );
    check_after(
        ADDRESS,
        "\nformat = { header = true }",
        "8:10: `format` has no `type`, which is required",
    );
    check_after(
        ADDRESS,
        "\nformat = { type = \"csv\", headers = true }",
        "8:10: source `lines` has no `schema`, which the format `csv` needs\n\
         8:26: unknown key `headers` (did you mean `header`?)",
    );
}

#[test]
fn characters_of_csv_are_checked() {
    refused(
        r#"{ type = "csv", delimiter = "||" }"#,
        "8:38: `delimiter` is \"||\", expected one character of ASCII",
    );
    refused(
        r#"{ type = "csv", delimiter = "\n" }"#,
        "8:38: `delimiter` is `\\n`, expected one character of ASCII that can be seen, or a tab",
    );
    refused(
        r#"{ type = "csv", quote = "," }"#,
        "8:34: `delimiter` and `quote` are both `,`, expected two characters",
    );
    check_after(
        ADDRESS,
        "\nformat = \"csv\"",
        "8:10: source `lines` has no `schema`, which the format `csv` needs",
    );
    check_after(
        ADDRESS,
        "\nformat = \"csv\"\nschema = { a = \"list<utf8>\" }",
        "9:10: column `a` is list<utf8>, and `csv` has no lists",
    );
}

#[test]
fn records_are_of_files_and_have_a_length() {
    let source = "type = \"socket\"\naddress = \"127.0.0.1:9999\"";
    let files = "type = \"files\"\npath = \"in\"\nformat = ";
    for (record_bytes, expected) in [
        (
            "",
            "8:10: the format `binary` has no `record_bytes`, which it needs: `{ type = \
              \"binary\", record_bytes = 16 }`",
        ),
        (", record_bytes = 0", "8:44: `record_bytes` is 0, allowed are 1 to 16777216"),
    ] {
        let table = format!("{files}{{ type = \"binary\"{record_bytes} }}");
        check(source, &table, expected);
    }
    check(
        source,
        &format!("{files}{{ type = \"binary\", record_bytes = 4 }}\nschema = {{ a = \"utf8\" }}"),
        "9:10: `schema` stands beside the format `binary`, whose one column is `record`; write \
         `format = \"json\"`",
    );
    check_after(
        ADDRESS,
        "\nformat = { type = \"binary\", record_bytes = 4 }",
        "8:10: `binary` records are read by sources of type `files`",
    );
}

#[test]
fn frames_are_of_sockets_and_have_one_column() {
    check_after(ADDRESS, "\nformat = { type = \"frames\" }", "fine");
    check_after(
        ADDRESS,
        "\nformat = { type = \"frames\", record_bytes = 4 }",
        "8:44: `record_bytes` does not belong to the format `frames`",
    );
    check_after(
        ADDRESS,
        "\nformat = \"frames\"\nschema = { a = \"utf8\" }",
        "9:10: `schema` stands beside the format `frames`, whose one column is `frame`; write \
         `format = \"json\"`",
    );
    check(
        "type = \"socket\"\naddress = \"127.0.0.1:9999\"",
        "type = \"stdin\"\nformat = \"frames\"",
        "7:10: `frames` are read by sources of type `socket`",
    );
}

#[test]
fn addresses_to_listen_on_may_leave_the_port_open() {
    let listen =
        |address: &str, more: &str| format!("type = \"listen\"\naddress = \"{address}\"{more}");
    let socket = "type = \"socket\"\naddress = \"127.0.0.1:9999\"";
    assert!(parse(&GOOD.replace(socket, &listen("localhost:0", ""))).is_ok());
    check(socket, &listen("9999", ""), "7:11: `9999` is no address, expected `host:port`");
    check(
        socket,
        &listen("[::1]:9", "\nconnections_max = 0"),
        "8:19: `connections_max` is 0, allowed are 1 to 4096",
    );
    check_after(
        ADDRESS,
        "\nconnections_max = 5",
        "8:19: `connections_max` does not belong to a source of type `socket`",
    );
}

#[test]
fn files_of_sinks_are_written_in_a_format() {
    let sink = "type = \"print\"";
    let files = |more: &str| format!("type = \"files\"\npath = \"out\"\n{more}");
    assert!(parse(&GOOD.replace(sink, &files("format = \"text\"\nsuffix = \"txt\""))).is_ok());
    check(
        sink,
        &files("format = \"xml\""),
        "16:10: `xml` is no format of files, allowed are `json`, `csv`, `text`, `arrow`",
    );
    check(
        sink,
        &files("compress = \"zip\""),
        "16:12: `zip` is no way to pack files, allowed are `gzip`; did you mean `gzip`?",
    );
    check(
        sink,
        &files("format = \"arrow\"\ncompress = \"gzip\""),
        "17:12: `compress` stands beside the format `arrow`, whose files are packed already",
    );
    check(
        sink,
        &files("suffix = \"../x\""),
        "16:10: `../x` is no name, allowed are 1 to 64 letters, digits, `_` and `-`",
    );
    check(
        sink,
        "type = \"print\"\nformat = \"csv\"",
        "15:10: `format` does not belong to a sink of type `print`",
    );
}
