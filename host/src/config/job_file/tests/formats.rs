//! Config: how files are written: formats by word, and their mistakes.
//!
//! Takes changes of the good job. Gives what is said of them, and what good ones mean.

use super::{GOOD, check, parse};

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
