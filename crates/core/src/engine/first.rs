//! A request to the first of several quotas that admits it.

use super::asked::{Asked, ask};
use super::host::Host;
use super::quota::{self, Outcome};
use super::turn::{Standing, Turn};
use crate::fault::Fault;
use crate::grammar::ask::Limits;
use crate::grammar::quota::KEYS_MAX;
use crate::grammar::terms::Reserve;
use crate::limit::decision::Retry;
use crate::queue::Claim;
use crate::time::Span;

/// Decides on a request to the first of several keys, in this order, that admits it. It may have to wait, for whichever
/// comes first.
///
/// `finish` is handed the key that admits it, with its index. If none does it is the one that will admit it soonest.
///
/// # Errors
/// The fault of the request, and the host's own. Nothing has changed then.
pub fn first<'r, H: Host, R>(
    host: &mut H,
    asks: impl Iterator<Item = (H::Name, Limits<'r>)>,
    reserve: Option<Reserve<'_>>,
    wants_to_wait: bool,
    standing: Standing,
    finish: impl FnOnce(&mut H, &[Asked<H>], &Outcome, Option<usize>) -> R,
) -> Result<Turn<R>, H::Error> {
    let mut asked: Vec<Asked<H>> = Vec::with_capacity(asks.size_hint().1.unwrap_or(0).min(KEYS_MAX));
    for (index, (name, limits)) in asks.enumerate() {
        let (one, is_open) = ask(host, name, limits, reserve)?;
        if is_open {
            let reply = finish(host, core::slice::from_ref(&one), &Outcome::Repeated, Some(index));
            return Ok(Turn::Answer { admitted: true, at: Some(index), reply });
        }
        asked.push(one);
    }
    for asked in &mut asked {
        host.refresh(&mut asked.key);
    }
    let mut soonest: Option<(Retry, usize)> = None;
    for index in 0..asked.len() {
        let Some(one) = asked.get_mut(index..=index).filter(|_| standing.stands_first_at(index)) else {
            continue;
        };
        match quota::decide(host, one, reserve, wants_to_wait, standing)? {
            Outcome::Denied(retry) => {
                if soonest.is_none_or(|(other, _)| retry < other) {
                    soonest = Some((retry, index));
                }
            }
            outcome @ (Outcome::Admitted(_) | Outcome::Repeated) => {
                let reply = finish(host, one, &outcome, Some(index));
                return Ok(Turn::Answer { admitted: true, at: Some(index), reply });
            }
        }
    }
    let (retry, index) = soonest.unwrap_or((Retry::Never, 0));
    if standing.waits(wants_to_wait, || host.may_wait()) {
        let mut claims = quota::claims(&asked, reserve);
        // It stands in no line of a key that never admits it.
        claims.retain(|(_, claim)| !matches!(claim, Claim::Quota(claim) if claim.is_never()));
        if !claims.is_empty() {
            let after = if let Retry::After(ms) = retry { Span::from_ms(ms) } else { Span::default() };
            return Ok(Turn::Wait { after, claims });
        }
    }
    let one = asked.get(index..=index).ok_or(Fault::Numkeys)?;
    let reply = finish(host, one, &Outcome::Denied(retry), None);
    Ok(Turn::answer(false, reply))
}
