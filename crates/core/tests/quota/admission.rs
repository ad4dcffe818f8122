//! Tests that a request is admitted if each limit alone would admit it, and otherwise changes nothing.

use proptest::prelude::*;

use crate::common::{begin, cases, steps};
use crate::history::{Mix, play, shapes};

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn a_quota_admits_what_each_of_its_limits_alone_admits(
        shapes in shapes(), begin in begin(), history in steps(30),
    ) {
        play(&shapes[..1], &history, begin, Mix { reserve: 40, settle: 0, renew: 0, excess: false, ttl_windows: 2 });
    }
}
