//! Whole histories that proptest makes.

use proptest::prelude::*;

use crate::common::cases;
use crate::whole::play;

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn the_engine_answers_what_oracles_say_that_forget_nothing(
        bytes in prop::collection::vec(any::<u8>(), 100..if cfg!(miri) { 300 } else { 1_500 }),
    ) {
        play(&bytes, 60);
    }
}
