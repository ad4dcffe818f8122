//! Plays any history on the lines and on the model. Both must agree after each step.

use rl_core::grammar::limit::Request;
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::queue::{Ahead, Claim, Claims, Lane, Lines, Place, Ticket};
use rl_core::quota::policies::Policies;
use rl_core::time::{At, Span};

use crate::model::{Key, Model};

/// One step. Its numbers get their meaning from the present state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) kind: u8,
    pub(crate) pick: u8,
    pub(crate) keys: u16,
    pub(crate) time: u64,
}

impl Event {
    /// The number of bytes that an event takes.
    pub(crate) const BYTES: usize = 12;

    #[allow(dead_code, reason = "for fuzzing")]
    pub(crate) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let [kind, pick, first, second, time @ ..] = *bytes;
        Self { kind, pick, keys: u16::from_le_bytes([first, second]), time: u64::from_le_bytes(time) }
    }
}

pub(crate) struct Play {
    lines: Lines<u64>,
    model: Model,
    now: u64,
}

const AGINGS: [Option<u64>; 8] =
    [None, Some(1), Some(2), Some(3), Some(10), Some(1_000), Some(Span::MAX.ms()), Some(u64::MAX)];
const NAMES: [&[u8]; 3] = [b"", b"a", b"\0\xff\r\n"];
const DBS: [i32; 3] = [0, 1, 15];

/// Returns nine keys in three databases. Each waiter names all of them and has claims on a few.
fn all_keys() -> [Key; 9] {
    core::array::from_fn(|at| (DBS[at % 3], NAMES[at / 3].to_vec()))
}

/// Returns the indices of one to four of the keys.
fn chosen(event: &Event) -> Vec<usize> {
    let mut chosen = Vec::new();
    for nth in 0..=event.keys >> 12 & 3 {
        let at = usize::from(event.keys >> (nth * 3) & 7) + usize::from(event.pick >> 7);
        if !chosen.contains(&at) {
            chosen.push(at);
        }
    }
    chosen
}

fn keys(chosen: &[usize]) -> Vec<Key> {
    chosen.iter().map(|at| all_keys()[*at].clone()).collect()
}

/// Makes claims on these keys. The cost tells which waiter they belong to.
pub(crate) fn claims(chosen: &[usize], ticket: u64) -> Claims {
    let rule = Rule::Slide(SlideRule { limit: 1, window: Span::from_ms(1) });
    let claim = |at: &usize| (*at, Claim::Limit(Request { rule, cost: ticket, is_up_to: false, wait: None }));
    chosen.iter().map(claim).collect()
}

fn ticket(ahead: &Ahead<'_>) -> u64 {
    let Claim::Limit(request) = ahead.claim else { panic!("no claim of these") };
    request.cost
}

fn place((db, key): &Key) -> Place {
    Place { db: *db, key: key.as_slice().into() }
}

fn key(place: &Place) -> Key {
    (place.db, place.key.to_vec())
}

impl Play {
    pub(crate) fn new(now: u64) -> Self {
        Self { lines: Lines::default(), model: Model::default(), now }
    }

    fn at(&self) -> At {
        At::new(self.now).unwrap()
    }

    pub(crate) fn step(&mut self, event: &Event) {
        match event.kind % 16 {
            0..=3 => self.join(event),
            4 => {
                if let Some(ticket) = self.pick(event) {
                    let chosen = chosen(event);
                    let has_moved = self.lines.update(Ticket(ticket), claims(&chosen, ticket));
                    assert_eq!(has_moved, self.model.move_to(ticket, &keys(&chosen)));
                }
            }
            5 | 6 => {
                if let Some(ticket) = self.pick(event) {
                    self.leave(ticket);
                }
            }
            7 => {
                for key in keys(&chosen(event)) {
                    self.lines.mark(key.0, &key.1);
                    self.model.mark(&key);
                }
            }
            8 => {
                let only = (!event.pick.is_multiple_of(4)).then(|| DBS[usize::from(event.pick) % 3]);
                self.lines.mark_all(only);
                self.model.mark_all(only);
            }
            9 => {
                let aging = AGINGS[usize::from(event.pick) % AGINGS.len()];
                self.lines.set_aging(aging.map(Span::from_ms));
                self.model.set_aging(aging);
            }
            10..=12 => self.pass(event),
            kind => self.look(event, if kind == 13 { 1 } else { usize::MAX }),
        }
        self.check();
    }

    /// Removes all waiters and checks that nothing stays.
    pub(crate) fn end(mut self) {
        while let Some(ticket) = self.model.waiters.first().map(|waiter| waiter.ticket) {
            self.leave(ticket);
            self.check();
        }
        assert!(self.lines.is_clear());
        assert_eq!(self.lines.next(self.at()), None);
    }

    /// Picks one of the waiters.
    fn pick(&self, event: &Event) -> Option<u64> {
        let waiters = &self.model.waiters;
        Some(waiters.get(usize::from(event.pick) % waiters.len().max(1))?.ticket)
    }

    fn join(&mut self, event: &Event) {
        let (chosen, lane) = (chosen(event), usize::from(event.pick) % 4);
        let wait = match event.time % 4 {
            0 => 1,
            1 => event.time / 4 % 40,
            2 => event.time / 4 % Span::MAX.ms(),
            _ => Span::MAX.ms(),
        };
        let upcoming = self.lines.upcoming();
        let places = all_keys().iter().map(place).collect();
        let ticket = self.model.join(&keys(&chosen), lane, self.now, wait);
        let (claims, wait) = (claims(&chosen, ticket), Span::from_ms(wait));
        let joined = self.lines.join(places, claims, Lane::ALL[lane], self.at(), wait, ticket);
        assert_eq!((joined, upcoming), (Ticket(ticket), Ticket(ticket)));
    }

    fn leave(&mut self, ticket: u64) {
        let left = self.lines.leave(Ticket(ticket)).unwrap();
        assert_eq!((left.stand.ticket, left.what), (Ticket(ticket), ticket));
        assert!(self.lines.leave(Ticket(ticket)).is_none(), "no waiter leaves twice");
        self.model.leave(ticket);
    }

    /// Lets time pass: a little, exactly until a waiter rises, or until there is something to do.
    fn pass(&mut self, event: &Event) {
        let aging = self.model.aging.unwrap_or(7);
        let next = self.model.next(self.now).unwrap_or(self.now);
        let now = match event.pick % 8 {
            0 => self.now.saturating_add(aging),
            1 => self.now.saturating_add(aging - 1),
            2 => next,
            3 => next.max(self.now + 1) - 1,
            4 => self.now.saturating_add(event.time % (1 << 40)),
            _ => self.now + event.time % 5,
        };
        self.now = now.min(At::MAX.ms());
    }

    /// Looks at no more than `most` lines, as a server does. A waiter whose turn it is leaves or stays.
    fn look(&mut self, event: &Event, most: usize) {
        let mut dice = event.time;
        let mut roll = |sides: u64| {
            let rolled = dice % sides;
            dice = (dice / sides).rotate_left(23) ^ 0x9e37_79b9;
            rolled
        };
        let mut looked = 0;
        while looked < most {
            let due = self.model.due(self.now);
            let Some(found) = self.lines.marked(self.at()) else {
                assert!(due.is_empty(), "{due:?} are not looked at");
                return;
            };
            let line = key(&found);
            assert!(due.contains(&line), "nothing has happened to {line:?}");
            looked += 1;
            let until = loop {
                let turn = self.lines.look(&found, self.at());
                assert_eq!(turn.map(|turn| turn.0), self.model.look(&line, self.now));
                match turn {
                    None => break None,
                    Some(Ticket(ticket)) if roll(3) == 0 => self.leave(ticket),
                    Some(_) if roll(8) == 0 => break None,
                    Some(_) => break Some(self.now + 1 + roll(20)),
                }
            };
            // A mark that arrives while the first waiter is tried must be looked at too.
            if roll(4) == 0 {
                self.lines.mark(line.0, &line.1);
                self.model.mark(&line);
            }
            self.lines.sleep(&found, self.at(), until.map(|at| At::MIN.plus(Span::from_ms(at))));
            self.model.sleep(&line, self.now, until);
        }
    }

    fn check(&self) {
        let Self { lines, model, now } = self;
        let (now, at) = (*now, self.at());
        assert_eq!((lines.len(), lines.is_empty()), (model.waiters.len(), model.waiters.is_empty()));
        let count = |lane: usize| model.waiters.iter().filter(|waiter| waiter.lane == lane).count();
        assert_eq!(lines.counts(), [0, 1, 2, 3].map(count));
        for waiter in &model.waiters {
            let known = lines.get(Ticket(waiter.ticket)).unwrap();
            assert_eq!((known.stand.since.ms(), known.deadline.ms()), (waiter.since, waiter.deadline));
            assert_eq!(known.stand.lane_at(at, lines.aging).index(), model.lane(waiter, now));
        }
        for db in DBS {
            NAMES.iter().for_each(|name| self.check_line(&(db, name.to_vec())));
        }
        assert_eq!(lines.overdue(at).map(|ticket| ticket.0), model.overdue(now));
        assert_eq!(lines.next(at).map(At::ms), model.next(now));
    }

    fn check_line(&self, key: &Key) {
        let Self { lines, model, now } = self;
        let (now, at) = (*now, self.at());
        let all = model.line(key, now);
        let line = lines.line(key.0, &key.1);
        assert_eq!(line.is_some(), !all.is_empty());
        if let Some(line) = line {
            let count = |lane: usize| all.iter().filter(|waiter| waiter.lane == lane).count();
            assert_eq!((line.len(), line.is_empty()), (all.len(), false));
            assert_eq!(line.counts(), [0, 1, 2, 3].map(count));
            let head = line.head(at, lines.aging).map(|head| head.ticket.0);
            assert_eq!(head, model.head(key, now));
            assert_eq!(line.changes(at, lines.aging).map(At::ms), model.changes(key, now));
        }
        assert_eq!(lines.turn(&place(key), at).map(|turn| turn.0), model.turn(key, now));
        for lane in Lane::ALL {
            let ahead = model.ahead(key, lane.index(), now);
            let queues = lines.ahead((key.0, &key.1), lane, at, 1, &Policies::new(), |_| ()).is_some();
            assert_eq!(queues, !ahead.is_empty());
            for most in [0, 1, 2, 64] {
                let found = lines.ahead((key.0, &key.1), lane, at, most, &Policies::new(), |ahead| {
                    ahead.map(|ahead| (ticket(&ahead), ahead.time_left.ms())).collect::<Vec<_>>()
                });
                let time_left = |ticket: &u64| model.get(*ticket).deadline.saturating_sub(now);
                let expected = ahead.iter().take(most).map(|ticket| (*ticket, time_left(ticket)));
                assert_eq!(found.unwrap_or_default(), expected.collect::<Vec<_>>());
            }
        }
    }
}
