//! `POST /v1/sync` with the headers of a provider's answer: they hold the key, and say what is left of its limits.

use std::sync::Arc;

use hyper::StatusCode;
use rl_core::fault::Fault;
use rl_profiles::Left;

use super::access::forbidden;
use super::answer::{self, JSON, SyncAnswer, UsedElsewhere};
use super::body::FromHeaders;
use super::problem::Problem;
use super::response::{Response, json};
use crate::app::{Answer, App};
use crate::auth::Access;
use crate::command::{Command, Verb};
use crate::live::Settings;
use crate::reply::{Failure, Reply};

/// What a limit is called by a provider that has one only.
const ONE: [&str; 2] = ["requests", "default"];

/// How much of each limit is used elsewhere, by name.
type Used = Vec<(String, u64)>;

/// Answers a request.
///
/// # Errors
/// The token is for other keys, or why the back end did not take what the headers say.
pub(super) async fn sync(
    app: &App,
    settings: &Settings,
    access: &Access,
    FromHeaders { key, told, age }: FromHeaders,
) -> Result<Response, Problem> {
    let key = &*key;
    if !access.sees(key) {
        return Err(forbidden());
    }
    // The hold is first: others are about to ask.
    let hold_ms = match told.hold_ms {
        Some(ms) => {
            let command = Arc::new(Command::new(Verb::Hold, [key, format!("{ms}ms").as_bytes()], [])?);
            match app.ask(settings, &command, None).await {
                Answer::Reply(Reply::Held(ms)) => ms,
                other => return Ok(answer::respond(&app.backend, &command, other)),
            }
        }
        None => 0,
    };
    let used = used_elsewhere(app, settings, key, &told.limits, age.as_deref()).await?;
    let used_elsewhere = UsedElsewhere::from(used.as_slice());
    Ok(json(StatusCode::OK, JSON, &SyncAnswer { used_elsewhere, hold_ms: Some(hold_ms) }))
}

/// Tells a key what is left of those of its limits that the headers name.
async fn used_elsewhere(
    app: &App,
    settings: &Settings,
    key: &[u8],
    limits: &[Left],
    age: Option<&[u8]>,
) -> Result<Used, Failure> {
    if limits.is_empty() {
        return Ok(Used::new());
    }
    let peek = Arc::new(Command::new(Verb::Peek, [key], [])?);
    let mut words: Vec<Vec<Vec<u8>>> = match app.backend.run(&peek).await? {
        Reply::Limit(_) => {
            let is_one = |left: &&Left| left.names.iter().any(|name| ONE.contains(&name.as_str()));
            limits.iter().find(is_one).map(remaining).into_iter().collect()
        }
        Reply::Quota(quota) => {
            let known: Vec<&str> = quota.limits.iter().map(|(name, _)| name.as_str()).collect();
            named(&known, limits)
        }
        Reply::Done(_) | Reply::Remaining(_) | Reply::Held(_) | Reply::Elsewhere(_) | Reply::None => {
            Vec::new()
        }
    };
    match ask(app, settings, key, &words, age).await {
        // A limit that counts reservations is told nothing, or one has gone meanwhile: the others are told one by one.
        Err(Failure::Fault(Fault::NoLimit)) => {
            let mut used = Used::new();
            for limit in words.drain(..) {
                match ask(app, settings, key, &[limit], age).await {
                    Ok(more) => used.extend(more),
                    Err(Failure::Fault(Fault::NoLimit)) => {}
                    Err(failure) => return Err(failure),
                }
            }
            Ok(used)
        }
        told => told,
    }
}

/// The words about each limit that the key has. Each limit is told once, by the first that names it.
fn named(known: &[&str], limits: &[Left]) -> Vec<Vec<Vec<u8>>> {
    let (mut told, mut words) = (Vec::new(), Vec::new());
    for left in limits {
        let name = left.names.iter().find(|name| known.contains(&name.as_str()) && !told.contains(name));
        let Some(name) = name else { continue };
        told.push(name);
        let mut limit = vec![b"LIMIT".to_vec(), name.clone().into_bytes()];
        limit.extend(remaining(left));
        words.push(limit);
    }
    words
}

fn remaining(left: &Left) -> Vec<Vec<u8>> {
    let mut words = vec![b"REMAINING".to_vec(), left.remaining.to_string().into_bytes()];
    if let Some(limit) = left.limit {
        words.extend([b"OF".to_vec(), limit.to_string().into_bytes()]);
    }
    if let Some(ms) = left.reset_ms {
        words.extend([b"RESET".to_vec(), format!("{ms}ms").into_bytes()]);
    }
    words
}

/// Sends `RL.SYNC` with these words, if there are any.
async fn ask(
    app: &App,
    settings: &Settings,
    key: &[u8],
    words: &[Vec<Vec<u8>>],
    age: Option<&[u8]>,
) -> Result<Used, Failure> {
    if words.is_empty() {
        return Ok(Used::new());
    }
    let age = age.into_iter().flat_map(|age| [&b"AGE"[..], age]);
    let words = std::iter::once(key).chain(words.iter().flatten().map(Vec::as_slice)).chain(age);
    let command = Arc::new(Command::new(Verb::Sync, words, [])?);
    match app.ask(settings, &command, None).await {
        Answer::Reply(Reply::Elsewhere(used)) => Ok(used),
        Answer::Reply(_) => Err(Failure::Strange),
        Answer::Failure(failure) | Answer::Degraded(_, failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(names: &[&str], remaining: u64) -> Left {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Left { names, remaining, limit: Some(9), reset_ms: Some(5) }
    }

    #[test]
    fn each_limit_is_told_once_by_a_name_that_it_has() {
        let limits = [
            left(&["requests", "rpm"], 1),
            left(&["tokens", "tpm"], 2),
            left(&["rpm"], 3),
            left(&["none"], 4),
        ];
        let told = named(&["rpm", "tpm", "tokens"], &limits);
        let told: Vec<String> =
            told.iter().map(|words| String::from_utf8(words.join(&b' ')).unwrap()).collect();
        assert_eq!(told, ["LIMIT rpm REMAINING 1 OF 9 RESET 5ms", "LIMIT tokens REMAINING 2 OF 9 RESET 5ms"]);
    }
}
