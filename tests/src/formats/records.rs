//! Records of equal length, from files of any length.
//!
//! Takes files. Gives nothing but passed or failed.

use super::{PRINT, job};

const SOURCE: &str = "format = { type = \"binary\", record_bytes = 4 }";

#[test]
fn what_is_left_of_a_record_is_told_once_a_file() {
    let files: [(&str, &[u8]); 3] = [("a", b"abcdefghij"), ("b", b"klmn"), ("c", b"xyz")];
    let ran = job(&format!("{SOURCE}\non_bad_row = \"skip\""), PRINT, &files).run(b"");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.rows(), ["61626364", "65666768", "6b6c6d6e"]);
    let told =
        ["in/a`, at byte 8, the last record has 2 bytes, expected 4: `ij`", "in/c`, at byte 0"];
    for told in told {
        assert_eq!(ran.err.matches(told).count(), 1, "{}", ran.err);
    }
    let ran = job(SOURCE, PRINT, &files).run(b"");
    assert_eq!((ran.code, ran.rows()), (Some(1), vec![]), "{}", ran.err);
    assert!(ran.err.contains("1 bad row in `"), "{}", ran.err);
}
