//! Any history, played on the lines and on the model; both must say the same after each step.

use rl_core::queue::{Lane, Lines, Place, Ticket};
use rl_core::time::{At, Span};

use crate::model::{Key, Model};

/// One step, in numbers that only get a meaning from what is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) kind: u8,
    pub(crate) pick: u8,
    pub(crate) keys: u16,
    pub(crate) time: u64,
}

impl Event {
    /// As many bytes as one takes.
    pub(crate) const BYTES: usize = 12;

    #[allow(dead_code, reason = "for fuzzing")]
    pub(crate) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let [kind, pick, first, second, time @ ..] = *bytes;
        Self { kind, pick, keys: u16::from_le_bytes([first, second]), time: u64::from_le_bytes(time) }
    }
}

pub(crate) struct Play {
    waiting: Lines<u64>,
    model: Model,
    now: u64,
}

const AGINGS: [Option<u64>; 8] =
    [None, Some(1), Some(2), Some(3), Some(10), Some(1_000), Some(Span::MAX.ms()), Some(u64::MAX)];
const NAMES: [&[u8]; 3] = [b"", b"a", b"\0\xff\r\n"];
const DBS: [i32; 3] = [0, 1, 15];

/// One to four of nine keys in three databases.
fn keys(event: &Event) -> Vec<Key> {
    let mut keys = Vec::new();
    for nth in 0..=event.keys >> 12 & 3 {
        let at = usize::from(event.keys >> (nth * 3) & 7) + usize::from(event.pick >> 7);
        let key = (DBS[at % 3], NAMES[at / 3 % 3].to_vec());
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

fn place((db, key): &Key) -> Place {
    Place { db: *db, key: key.as_slice().into() }
}

fn key(place: &Place) -> Key {
    (place.db, place.key.to_vec())
}

impl Play {
    pub(crate) fn new(now: u64) -> Self {
        Self { waiting: Lines::default(), model: Model::default(), now }
    }

    fn at(&self) -> At {
        At::new(self.now).unwrap()
    }

    pub(crate) fn step(&mut self, event: &Event) {
        match event.kind % 16 {
            0..=3 => self.join(event),
            4 => {
                if let Some(ticket) = self.pick(event) {
                    let keys = keys(event);
                    self.waiting.move_to(Ticket(ticket), keys.iter().map(place).collect());
                    self.model.move_to(ticket, &keys);
                }
            }
            5 | 6 => {
                if let Some(ticket) = self.pick(event) {
                    self.leave(ticket);
                }
            }
            7 => {
                for key in keys(event) {
                    self.waiting.mark(key.0, &key.1);
                    self.model.mark(&key);
                }
            }
            8 => {
                let only = (!event.pick.is_multiple_of(4)).then(|| DBS[usize::from(event.pick) % 3]);
                self.waiting.mark_all(only);
                self.model.mark_all(only);
            }
            9 => {
                let aging = AGINGS[usize::from(event.pick) % AGINGS.len()];
                self.waiting.set_aging(aging.map(Span::from_ms));
                self.model.set_aging(aging);
            }
            10..=12 => self.pass(event),
            kind => self.look(event, if kind == 13 { 1 } else { usize::MAX }),
        }
        self.check();
    }

    /// Everyone leaves, and nothing stays behind.
    pub(crate) fn end(mut self) {
        while let Some(ticket) = self.model.waiters.first().map(|waiter| waiter.ticket) {
            self.leave(ticket);
            self.check();
        }
        assert!(self.waiting.is_clear());
        assert_eq!(self.waiting.next(self.at()), None);
    }

    /// One of those who wait.
    fn pick(&self, event: &Event) -> Option<u64> {
        let waiters = &self.model.waiters;
        Some(waiters.get(usize::from(event.pick) % waiters.len().max(1))?.ticket)
    }

    fn join(&mut self, event: &Event) {
        let (keys, lane) = (keys(event), usize::from(event.pick) % 4);
        let wait = match event.time % 4 {
            0 => 1,
            1 => event.time / 4 % 40,
            2 => event.time / 4 % Span::MAX.ms(),
            _ => Span::MAX.ms(),
        };
        let upcoming = self.waiting.upcoming();
        let places = keys.iter().map(place).collect();
        let ticket = self.model.join(&keys, lane, self.now, wait);
        let joined = self.waiting.join(places, Lane::ALL[lane], self.at(), Span::from_ms(wait), ticket);
        assert_eq!((joined, upcoming), (Ticket(ticket), Ticket(ticket)));
    }

    fn leave(&mut self, ticket: u64) {
        let left = self.waiting.leave(Ticket(ticket)).unwrap();
        assert_eq!((left.stand.ticket, left.what), (Ticket(ticket), ticket));
        assert!(self.waiting.leave(Ticket(ticket)).is_none(), "nobody leaves twice");
        self.model.leave(ticket);
    }

    /// Time passes: a little, just as long as anyone rises in, or until there is something to do.
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

    /// Looks at so many lines at most, as a server does: whose turn it is goes on, or not.
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
            let Some(found) = self.waiting.marked(self.at()) else {
                assert!(due.is_empty(), "{due:?} are not looked at");
                return;
            };
            let line = key(&found);
            assert!(due.contains(&line), "nothing has happened to {line:?}");
            looked += 1;
            let until = loop {
                let turn = self.waiting.look(&found, self.at());
                assert_eq!(turn.map(|turn| turn.0), self.model.look(&line, self.now));
                match turn {
                    None => break None,
                    Some(Ticket(ticket)) if roll(3) == 0 => self.leave(ticket),
                    Some(_) if roll(8) == 0 => break None,
                    Some(_) => break Some(self.now + 1 + roll(20)),
                }
            };
            // What happens while the first is tried is to be looked at, too.
            if roll(4) == 0 {
                self.waiting.mark(line.0, &line.1);
                self.model.mark(&line);
            }
            self.waiting.sleep(&found, self.at(), until.map(|at| At::MIN.plus(Span::from_ms(at))));
            self.model.sleep(&line, self.now, until);
        }
    }

    fn check(&self) {
        let Self { waiting, model, now } = self;
        let (now, at) = (*now, self.at());
        assert_eq!((waiting.len(), waiting.is_empty()), (model.waiters.len(), model.waiters.is_empty()));
        let count = |lane: usize| model.waiters.iter().filter(|waiter| waiter.lane == lane).count();
        assert_eq!(waiting.counts(), [0, 1, 2, 3].map(count));
        for waiter in &model.waiters {
            let known = waiting.get(Ticket(waiter.ticket)).unwrap();
            assert_eq!((known.stand.since.ms(), known.deadline.ms()), (waiter.since, waiter.deadline));
            assert_eq!(known.stand.lane_at(at, waiting.aging).index(), model.lane(waiter, now));
        }
        for db in DBS {
            NAMES.iter().for_each(|name| self.check_line(&(db, name.to_vec())));
        }
        assert_eq!(waiting.overdue(at).map(|ticket| ticket.0), model.overdue(now));
        assert_eq!(waiting.next(at).map(At::ms), model.next(now));
    }

    fn check_line(&self, key: &Key) {
        let Self { waiting, model, now } = self;
        let (now, at) = (*now, self.at());
        let all = model.line(key, now);
        let line = waiting.line(key.0, &key.1);
        assert_eq!(line.is_some(), !all.is_empty());
        if let Some(line) = line {
            let count = |lane: usize| all.iter().filter(|waiter| waiter.lane == lane).count();
            assert_eq!((line.len(), line.is_empty()), (all.len(), false));
            assert_eq!(line.counts(), [0, 1, 2, 3].map(count));
            let head = line.head(at, waiting.aging).map(|head| head.ticket.0);
            assert_eq!(head, model.head(key, now));
            assert_eq!(line.changes(at, waiting.aging).map(At::ms), model.changes(key, now));
        }
        assert_eq!(waiting.turn(&place(key), at).map(|turn| turn.0), model.turn(key, now));
        for lane in Lane::ALL {
            let ahead = model.ahead(key, lane.index(), now);
            assert_eq!(waiting.blocks(key.0, &key.1, lane, at), !ahead.is_empty());
            for most in [0, 1, 2, 64] {
                let found = waiting.ahead(key.0, &key.1, lane, at, most);
                let found: Vec<u64> = found.iter().map(|waiter| waiter.what).collect();
                assert_eq!(found, ahead[..ahead.len().min(most)]);
            }
        }
    }
}
