//! An oracle for the order of admissions. It keeps all waiters in a list: the next one to be admitted is the
//! first waiter of the highest lane.

/// A step that a server's record shows for requests that may wait.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A request arrived in a lane. Lane 0 is the highest.
    Joined { lane: usize, id: String },
    /// A request was admitted.
    Admitted { id: String },
}

/// The result of following a record.
#[derive(Debug, Default, PartialEq)]
pub struct Tally {
    /// The number of requests admitted while others waited in the same lane.
    pub before_own_lane: usize,
    /// The number of requests admitted while requests of a lower lane, which had arrived earlier, still
    /// waited.
    pub before_lower_lanes: usize,
    /// The number of admitted requests, by lane.
    pub admitted: [usize; 4],
    /// The number of requests that still wait at the end.
    pub left: usize,
}

/// Follows a record.
///
/// # Errors
/// Returns the number of the first step that admits a request out of turn.
pub fn follow(steps: &[Step]) -> Result<Tally, usize> {
    let mut waiting: Vec<(usize, usize, &str)> = Vec::new();
    let mut tally = Tally::default();
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Joined { lane, id } => waiting.push((*lane, number, id)),
            Step::Admitted { id } => {
                let first = waiting.iter().copied().min().ok_or(number)?;
                let (lane, joined, first_id) = first;
                if first_id != id {
                    return Err(number);
                }
                waiting.retain(|one| *one != first);
                tally.admitted[lane] += 1;
                tally.before_own_lane += usize::from(waiting.iter().any(|one| one.0 == lane));
                tally.before_lower_lanes +=
                    usize::from(waiting.iter().any(|one| one.0 > lane && one.1 < joined));
            }
        }
    }
    tally.left = waiting.len();
    Ok(tally)
}

/// Returns every variant of this record with two consecutive admissions swapped, and the number of the first
/// swapped step. The variant is wrong at that step, so [`follow`] must report it.
pub fn with_a_jump(steps: &[Step]) -> impl Iterator<Item = (usize, Vec<Step>)> {
    let is_admission = |step: &Step| matches!(step, Step::Admitted { .. });
    let pairs = steps.windows(2).enumerate().filter(move |(_, pair)| pair.iter().all(is_admission));
    pairs.map(|(at, _)| {
        let mut jumped = steps.to_vec();
        jumped.swap(at, at + 1);
        (at, jumped)
    })
}

#[cfg(test)]
mod tests {
    use super::{Step, Tally, follow, with_a_jump};

    /// Parses steps: `3a` is the arrival of `a` in lane 3, `-a` is its admission.
    fn record(words: &str) -> Vec<Step> {
        let step = |word: &str| {
            let (what, id) = word.split_at(1);
            let id = id.to_owned();
            what.parse().map_or_else(
                |_| Step::Admitted { id: id.clone() },
                |lane| Step::Joined { lane, id: id.clone() },
            )
        };
        words.split(' ').map(step).collect()
    }

    #[test]
    fn the_first_of_the_highest_lane_is_admitted() {
        let tally = follow(&record("2a -a 3b 2c 0d 2e -d -c 0f -f -e -b 1g")).unwrap();
        assert_eq!(
            tally,
            Tally { before_own_lane: 1, before_lower_lanes: 4, admitted: [2, 0, 3, 1], left: 1 }
        );
    }

    #[test]
    fn an_admission_out_of_turn_is_found() {
        let jumps = [
            ("2a 2b -b -a", 2),       // out of order in its lane
            ("2a 1b -a -b", 2),       // a lower lane first
            ("2a 2b 2c -a -c -b", 4), // a later step is out of order
            ("2a 3b -b", 2),          // `a` is never admitted
            ("2a -b 2b -a", 1),       // admitted before it arrives
            ("2a -a 2b -a", 3),       // admitted twice
            ("2a -a -a", 2),          // admitted twice, with no waiter left
        ];
        for (words, number) in jumps {
            assert_eq!(follow(&record(words)), Err(number), "{words}");
        }
    }

    #[test]
    fn each_pair_that_changes_places_is_found() {
        let steps = record("3a 2b 0c 2d -c -b 1e -e -d -a");
        assert!(follow(&steps).is_ok());
        let jumps: Vec<_> = with_a_jump(&steps).collect();
        assert_eq!(jumps.len(), 3); // c and b, e and d, d and a
        for (number, jumped) in jumps {
            assert_eq!(follow(&jumped), Err(number));
        }
    }
}
