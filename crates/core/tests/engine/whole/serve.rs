//! The engine serves the lines of a history, and the model beside it.

use rl_core::engine::run::Reply;
use rl_core::engine::serve::{self, Served};
use rl_core::engine::{Standing, Turn};
use rl_core::memory::Error;
use rl_core::queue::{Lines, Ticket, Waiter};
use rl_core::time::{At, Span};

use super::ask::Ask;
use super::check;
use super::play::{Play, Waits};
use super::waiting::Became;
use crate::common::at;

impl Play {
    pub(super) fn serve(&mut self) {
        self.run(self.steady);
        self.naive.serve();
    }

    pub(super) fn pass(&mut self, ms: u64) {
        self.run(self.steady + ms);
        self.naive.serve();
        (0..ms).for_each(|_| self.naive.pass());
    }

    /// Lets the timer fire whenever there is something to do, until `until`.
    fn run(&mut self, until: u64) {
        while let Some(next) =
            self.node.memory.lines.next(at(self.steady)).map(At::ms).filter(|next| *next <= until)
        {
            assert!(next >= self.steady);
            self.wall += next - self.steady;
            self.steady = next;
            let before = self.log.len();
            serve::serve(self, true);
            let (lines, done) = (&self.node.memory.lines, self.log.len() > before);
            assert!(
                done || lines.is_empty() || lines.next(at(self.steady)) > Some(at(self.steady)),
                "nothing was done, and there is to be done something still"
            );
        }
        self.wall += until - self.steady;
        self.steady = until;
    }
}

impl serve::Server for Play {
    type Waiter = Waits;
    type Request = Ask;
    type Answer = Result<Reply, Error>;

    fn lines<T>(&mut self, look: impl FnOnce(&mut Lines<Waits>) -> T) -> T {
        look(&mut self.node.memory.lines)
    }

    fn served(&mut self, ticket: Ticket, only: Option<usize>) -> Option<Waiter<Waits>> {
        self.node.memory.served(ticket, only)
    }

    fn steady(&self) -> At {
        at(self.steady)
    }

    fn lag(&self) -> Span {
        Span::default()
    }

    fn request(waits: &Waits) -> Option<Ask> {
        Some(waits.ask.clone())
    }

    fn attempt(&mut self, ask: Ask, standing: Standing) -> Option<Turn<Self::Answer>> {
        let now = self.now();
        let turn = ask.with(|names, request| self.node.run(names, request, standing, now));
        Some(match turn {
            Ok(Turn::Wait { after, claims }) => Turn::Wait { after, claims },
            Ok(Turn::Answer { admitted, at, reply }) => Turn::Answer { admitted, at, reply: Ok(reply) },
            Err(error) => Turn::answer(false, Err(error)),
        })
    }

    fn answer(&mut self, waiter: Waiter<Waits>, why: Served, answer: Self::Answer) {
        let became = match (why, answer) {
            (Served::TimedOut, Ok(reply)) => {
                assert!(!check::admits(&reply));
                Became::TimedOut
            }
            (Served::TimedOut, Err(_)) => Became::TimedOut,
            (_, Err(Error::Fault(fault))) => Became::Failed(fault),
            (_, Err(error)) => panic!("{error:?}"),
            (Served::Admitted, Ok(reply)) => {
                assert!(check::admits(&reply));
                self.reserved(&waiter.what.ask, &reply);
                Became::Admitted
            }
            (Served::Refused, Ok(_)) => Became::Refused,
        };
        self.note(waiter.what.caller, became);
    }
}
