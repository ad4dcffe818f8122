//! Whose turn it is, computed the slow way: of all who have come and not yet gone on, the first of
//! the highest lane.

/// What a server's record says of requests that may wait.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// One has come, to a lane: 0 is the highest.
    Came { lane: usize, id: String },
    /// One has gone on.
    Went { id: String },
}

/// What came of it.
#[derive(Debug, Default, PartialEq)]
pub struct Told {
    /// How many went on while others of their lane stood behind them.
    pub before_own_lane: usize,
    /// How many went on while others of a lower lane stood there who had come before them.
    pub before_lower_lanes: usize,
    /// How many went on, by lane.
    pub went: [usize; 4],
    /// Those who have not.
    pub left: usize,
}

/// Follows a record.
///
/// # Errors
/// The number of the first step in which one went on whose turn it was not.
pub fn follow(steps: &[Step]) -> Result<Told, usize> {
    let mut waiting: Vec<(usize, usize, &str)> = Vec::new();
    let mut told = Told::default();
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Came { lane, id } => waiting.push((*lane, number, id)),
            Step::Went { id } => {
                let first = waiting.iter().copied().min().ok_or(number)?;
                let (lane, came, who) = first;
                if who != id {
                    return Err(number);
                }
                waiting.retain(|one| *one != first);
                told.went[lane] += 1;
                told.before_own_lane += usize::from(waiting.iter().any(|one| one.0 == lane));
                told.before_lower_lanes +=
                    usize::from(waiting.iter().any(|one| one.0 > lane && one.1 < came));
            }
        }
    }
    told.left = waiting.len();
    Ok(told)
}

/// Every record that differs from this one in that two went on in the other order, one after the other,
/// and which step that is: so the record is wrong there, and [`follow`] has to say so.
pub fn with_a_jump(steps: &[Step]) -> impl Iterator<Item = (usize, Vec<Step>)> {
    let is_went = |step: &Step| matches!(step, Step::Went { .. });
    let pairs = steps.windows(2).enumerate().filter(move |(_, pair)| pair.iter().all(is_went));
    pairs.map(|(at, _)| {
        let mut jumped = steps.to_vec();
        jumped.swap(at, at + 1);
        (at, jumped)
    })
}

#[cfg(test)]
mod tests {
    use super::{Step, Told, follow, with_a_jump};

    /// `3a` comes to lane 3, `-a` goes on.
    fn record(words: &str) -> Vec<Step> {
        let step = |word: &str| {
            let (what, id) = word.split_at(1);
            let id = id.to_owned();
            what.parse()
                .map_or_else(|_| Step::Went { id: id.clone() }, |lane| Step::Came { lane, id: id.clone() })
        };
        words.split(' ').map(step).collect()
    }

    #[test]
    fn the_first_of_the_highest_lane_goes_on() {
        let told = follow(&record("2a -a 3b 2c 0d 2e -d -c 0f -f -e -b 1g")).unwrap();
        assert_eq!(told, Told { before_own_lane: 1, before_lower_lanes: 4, went: [2, 0, 3, 1], left: 1 });
    }

    #[test]
    fn whoever_jumps_is_found() {
        let jumps = [
            ("2a 2b -b -a", 2),       // in its lane
            ("2a 1b -a -b", 2),       // a lower lane
            ("2a 2b 2c -a -c -b", 4), // later
            ("2a 3b -b", 2),          // and the other never goes on
            ("2a -b 2b -a", 1),       // before it has come
            ("2a -a 2b -a", 3),       // twice
            ("2a -a -a", 2),          // twice, with nobody left
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
