//! Files that gzip has packed: read beside others, written, damaged.
//!
//! Takes bytes that gzip itself made. Gives nothing but passed or failed.

use std::fs;

use super::{PRINT, job, written};

/// `a,1` and `b,2` on two lines, as `gzip -n9` packs them.
pub const PACKED: [u8; 28] = [
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x4b, 0xd4, 0x31, 0xe4, 0x4a, 0xd2,
    0x31, 0xe2, 0x02, 0x00, 0x6e, 0xdd, 0x35, 0x59, 0x08, 0x00, 0x00, 0x00,
];

#[test]
fn packed_files_are_read_beside_others() {
    let two = [PACKED, PACKED].concat();
    let files: [(&str, &[u8]); 3] = [("a.gz", &PACKED), ("b.txt", b"c,3\n"), ("c.gz", &two)];
    let ran = job("", PRINT, &files).run(b"");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.rows(), ["a,1", "b,2", "c,3", "a,1", "b,2", "a,1", "b,2"]);
}

#[test]
fn what_a_job_packs_another_one_reads() {
    let schema = "schema = { t = \"utf8\", n = \"int64?\" }";
    let source = format!("format = \"csv\"\n{schema}");
    let sink = "[sinks.out]\ntype = \"files\"\npath = \"out\"\nfrom = \"rows\"\nformat = \"csv\"\n\
                compress = \"gzip\"\nsuffix = \"old\"";
    let first = job(&source, sink, &[("a.gz", &PACKED), ("b.csv", b"\"c,\",\n")]);
    let ran = first.run(b"");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let files = written(&first);
    assert!(files[0].to_string_lossy().ends_with(".old/part-00000.csv.gz"), "{files:?}");
    let read = |index: usize| fs::read(&files[index]).expect("it is there");
    let (one, two) = (read(0), read(1));
    let source = format!("format = {{ type = \"csv\", header = true }}\n{schema}");
    let ran = job(&source, PRINT, &[("a.gz", &one), ("b.gz", &two)]).run(b"");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.rows(), ["(a,1)", "(b,2)", "(c,,null)"]);
}

#[test]
fn a_damaged_file_fails_its_batch_and_is_named() {
    for (file, what) in [
        (&PACKED[..20], "it ends too early"),
        (&b"never packed\n"[..], "it is damaged as a gzip file, at byte "),
    ] {
        let ran = job("", PRINT, &[("a.gz", file)]).run(b"");
        assert_eq!((ran.code, ran.rows()), (Some(1), vec![]), "{}", ran.err);
        let error = ran.err.lines().find(|line| line.starts_with("error: batch "));
        let error = error.unwrap_or_default();
        assert!(error.contains("source `rows` cannot read `"), "{}", ran.err);
        assert!(error.contains("in/a.gz`: it is damaged") && error.contains(what), "{}", ran.err);
    }
}
