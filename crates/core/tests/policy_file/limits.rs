//! The limits that a file makes.

use crate::{FILE, read, set};

#[test]
fn a_file_makes_what_commands_make_in_its_order() {
    let expected = [
        "claude-sonnet LIMIT tpm 80000 1m UNIT tokens LIMIT rpm 1000 60s \
         LIMIT tpd 2000000 1d UNIT tokens WINDOW OFFSET -8h LIMIT burst 500 60 BUCKET 50 \
         LIMIT inflight 20 INFLIGHT",
        "org:42 LIMIT a 16 250ms SLIDE",
        "month LIMIT spend 5 1mo UNIT cents WINDOW LIMIT calls 9007199254740991 0.25",
    ];
    assert_eq!(read(FILE), expected.map(set));
}

#[test]
fn a_file_may_be_empty_and_lines_may_end_in_cr_lf() {
    for text in ["", "\n", "# nothing yet\n", "[policy]\n", "\u{feff}"] {
        assert_eq!(read(text), [], "{text:?}");
    }
    assert_eq!(read(&FILE.replace('\n', "\r\n")), read(FILE));
}

#[test]
fn limits_keep_the_order_of_the_file_however_they_are_written() {
    let text =
        "[policy.p]\nz.limit = 1\ny = { limit = 2, window = 1 }\nz.window = 1\nx = { limit = 3, window = 1 }";
    assert_eq!(read(text), [set("p LIMIT z 1 1 LIMIT y 2 1 LIMIT x 3 1")]);
}
