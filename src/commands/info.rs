//! `RL.INFO key`: what a key holds, for people.

use rl_core::effect::decimal_text;
use rl_core::fault::Result;
use rl_core::rule::Rule;
use rl_core::state::State;
use rl_core::window::Length;

use super::{answer, key};
use crate::metrics::INFO;
use crate::sys::command::Handler;
use crate::sys::context::{Args, Context};
use crate::sys::key::{Key, Mode};
use crate::sys::reply::Reply;

/// See the head of this file.
pub(crate) struct Info;

/// The lanes in which requests can wait, the most urgent first.
const LANES: [&[u8]; 4] = [b"critical", b"high", b"normal", b"low"];

impl Handler for Info {
    const WORDS: (usize, usize) = (2, 2);

    fn run(context: Context<'_>, args: Args<'_>) {
        INFO.calls.count();
        answer(context, &INFO.errors, info(context, args));
    }
}

fn info(context: Context<'_>, args: Args<'_>) -> Result<()> {
    let reply = Reply::to(context);
    let mut key = Key::<State>::open(context, key(args)?, Mode::Read);
    let Some(state) = key.value()? else {
        reply.null();
        return Ok(());
    };
    let clock = context.now();
    let rule = state.rule();
    let bytes = size_of::<State>().saturating_add(state.heap_bytes());
    reply.map(7).text(b"algorithm").text(rule.algorithm().as_bytes()).text(b"parameters");
    parameters(reply, &rule);
    reply.text(b"used").count(state.used_cost(clock));
    reply.text(b"remaining").count(state.peek(0, clock).remaining);
    reply.text(b"waiting").map(4);
    for lane in LANES {
        reply.text(lane).integer(0);
    }
    reply.text(b"reservations").integer(0);
    reply.text(b"bytes").count(u64::try_from(bytes).unwrap_or(u64::MAX));
    Ok(())
}

fn parameters(reply: Reply<'_>, rule: &Rule) {
    match rule {
        Rule::Slide(rule) => {
            reply.map(2).text(b"limit").count(rule.limit).text(b"window_ms").count(rule.window.ms());
        }
        Rule::Window(rule) => {
            reply.map(3).text(b"limit").count(rule.limit).text(b"window_ms");
            match rule.length {
                Length::Span(span) => reply.count(span.ms()),
                Length::Month => reply.text(b"1mo"),
            };
            reply.text(b"offset_ms").integer(rule.offset);
        }
        Rule::Bucket(rule) => {
            reply.map(3).text(b"capacity").count(rule.capacity());
            reply.text(b"refill").text(decimal_text(rule.refill()).as_bytes());
            reply.text(b"period_ms").count(rule.period().ms());
        }
    }
}
