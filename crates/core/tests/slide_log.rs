//! Tests the log of a sliding window and what its reads remember, against a list that remembers nothing.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics has failed, as it should"
)]

mod common;

use common::{Step, TODAY, at, cases, span, steps};
use proptest::prelude::*;
use rl_core::limit::slide::log::Log;

/// A list that is read from its beginning each time.
type List = Vec<(u64, u64)>;

fn view_is_that_of(list: &List, log: &Log, cutoff: Option<u64>) {
    let view = log.view(cutoff.map(at));
    let counts: List = list.iter().copied().filter(|(at, _)| Some(*at) > cutoff).collect();
    assert_eq!(view.cost(), counts.iter().map(|(_, cost)| cost).sum::<u64>());
    assert_eq!(view.iter().map(|entry| (entry.at.ms(), entry.cost)).collect::<List>(), counts);
    let mut freed = 0;
    for (instant, cost) in counts {
        assert_eq!(view.leaves_by(freed + 1, None), Some(at(instant)));
        freed += cost;
        assert_eq!(view.leaves_by(freed, None), Some(at(instant)));
    }
    assert_eq!(view.leaves_by(freed + 1, None), None);
}

/// Does one operation on both: a read at a cutoff that moves back and forth, or any kind of write.
fn operate(step: &Step, log: &mut Log, list: &mut List, clock: &mut u64) {
    let (oldest, latest) = (list.first().map_or(*clock, |first| first.0), *clock);
    let between = oldest.saturating_sub(2) + step.raw % (latest - oldest.saturating_sub(2) + 3);
    match step.pick % 20 {
        0 => {
            log.prune(Some(at(between)));
            list.retain(|(at, _)| *at > between);
        }
        1 => {
            let most = list.iter().map(|(_, cost)| cost).sum::<u64>() / 4 + 2;
            let mut left = step.raw % most;
            let cutoff = if step.raw.is_multiple_of(3) { Some(between) } else { None };
            log.shed(cutoff.map(at), left);
            for (_, cost) in list.iter_mut().filter(|(at, _)| Some(*at) > cutoff) {
                let given = left.min(*cost);
                *cost -= given;
                left -= given;
            }
            list.retain(|(_, cost)| *cost > 0);
        }
        2 if step.raw.is_multiple_of(4) => {
            let cell = step.raw % 5 + 1;
            let cell_of = |at: u64| (at > between, at / if at > between { cell } else { 2 * cell });
            log.coarsen(Some(at(between)), span(2 * cell), span(cell));
            let mut merged = List::new();
            for (at, cost) in list.iter() {
                match merged.last_mut() {
                    Some(last) if cell_of(last.0) == cell_of(*at) => *last = (*at, last.1 + cost),
                    _ => merged.push((*at, *cost)),
                }
            }
            *list = merged;
        }
        3 => {
            let (head, bytes) = log.packed();
            let again = Log::unpack(head, bytes).unwrap();
            assert!(again == *log);
            assert_eq!((again.entries(), again.cost()), (log.entries(), log.cost()));
            *log = again;
        }
        4..=10 => view_is_that_of(list, log, Some(between)),
        11 => view_is_that_of(list, log, None),
        _ => {
            *clock += [0, 1, 1, 2, 3, 70, 20_000][(step.raw % 7) as usize];
            let cost = [1, 1, 1, 2, 200, 1 << 40][(step.raw / 7 % 6) as usize];
            // After the clock has stepped back, the latest instant counts.
            log.push(at(*clock - step.raw / 42 % 2 * (*clock % 3)), cost);
            match list.last_mut() {
                Some(last) if last.0 == log.last_at().ms() => last.1 += cost,
                _ => list.push((log.last_at().ms(), cost)),
            }
            *clock = log.last_at().ms();
        }
    }
}

proptest! {
    #![proptest_config(cases(20_000))]

    #[test]
    fn no_order_of_reads_and_writes_changes_what_a_log_answers(
        begin in prop_oneof![3 => Just(TODAY), 1 => 0_u64..4], history in steps(250),
    ) {
        let (mut log, mut list, mut clock) = (Log::default(), List::new(), begin);
        for step in &history {
            operate(step, &mut log, &mut list, &mut clock);
            prop_assert_eq!(usize::try_from(log.entries()).unwrap(), list.len());
            prop_assert_eq!(log.cost(), list.iter().map(|(_, cost)| cost).sum::<u64>());
        }
        view_is_that_of(&list, &log, None);
    }
}

proptest! {
    #![proptest_config(cases(1_000))]

    /// Reads of a long log begin at its milestones.
    #[test]
    fn no_order_of_them_changes_what_a_long_log_answers(
        entries in 200_u64..900, costs in 1_u64..5, history in steps(60),
    ) {
        let (mut log, mut list, mut clock) = (Log::default(), List::new(), TODAY);
        for nth in 0..entries {
            clock += 1 + nth % 3;
            log.push(at(clock), 1 + nth % costs);
            list.push((clock, 1 + nth % costs));
        }
        view_is_that_of(&list, &log, None);
        for step in &history {
            operate(step, &mut log, &mut list, &mut clock);
            prop_assert_eq!(log.cost(), list.iter().map(|(_, cost)| cost).sum::<u64>());
        }
        view_is_that_of(&list, &log, None);
    }
}
