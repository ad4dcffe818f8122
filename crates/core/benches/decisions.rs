//! Measures a decision without a server: parsing the words, deciding, and charging if admitted.
#![allow(missing_docs, reason = "criterion's macros write a function that has none")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark that panics has failed, as it should"
)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use rl_core::fault::Result;
use rl_core::grammar::limit::{self as request, Request};
use rl_core::grammar::quota::{self as quota_request, Limits};
use rl_core::limit::state::State;
use rl_core::quota::Quota;
use rl_core::quota::decide::{self, Demand};
use rl_core::quota::effect::{Admission, QuotaEffect as Change};
use rl_core::quota::shape::Shape;
use rl_core::time::At;

const BEGIN: u64 = 1_764_000_000_000;

type Read = fn(&[&[u8]]) -> Result<Request>;

/// A command, its parser, and its words for a limit with room and for one without.
const ONE_LIMIT: [(&str, Read, &str, &str); 3] = [
    ("bucket", |words| request::bucket(words), "1000000 1000 1s", "1 1 3650d"),
    ("window", |words| request::window(words), "1000000 60", "1 3650d"),
    ("slide", |words| request::slide(words), "1000000 60", "1 3650d"),
];

fn words<'a>(name: &'a str, line: &'a str) -> Vec<&'a [u8]> {
    [name, "key"].into_iter().chain(line.split(' ')).map(str::as_bytes).collect()
}

/// Moves the clock by a millisecond every tenth time, so that requests share instants as on a busy key.
fn instant(count: &mut u64) -> At {
    *count += 1;
    At::new(BEGIN + *count / 10).unwrap()
}

fn one_limit(criterion: &mut Criterion) {
    for (name, read, roomy, narrow) in ONE_LIMIT {
        let (roomy, narrow) = (words(name, roomy), words(name, narrow));
        criterion.bench_function(&format!("{name}/read"), |bencher| {
            bencher.iter(|| read(black_box(&roomy)).unwrap());
        });
        criterion.bench_function(&format!("{name}/admitted"), |bencher| {
            let request = read(&roomy).unwrap();
            let (mut state, mut count) = (State::new(&request.rule), 0);
            bencher.iter(|| {
                // Begin again before the limit is used up: this measures admissions.
                if count % 500_000 == 499_999 {
                    state = State::new(&request.rule);
                }
                let decision = state.decide(&request.rule, request.cost, instant(&mut count)).unwrap();
                assert!(decision.allowed, "denied");
                state.charge(&request.rule, request.cost, decision.at)
            });
        });
        criterion.bench_function(&format!("{name}/denied"), |bencher| {
            let request = read(&narrow).unwrap();
            let (mut state, mut count) = (State::new(&request.rule), 0);
            state.charge(&request.rule, request.cost, instant(&mut count)).unwrap();
            bencher.iter(|| {
                let decision = state.decide(&request.rule, request.cost, instant(&mut count)).unwrap();
                assert!(!decision.allowed, "admitted");
                decision
            });
        });
    }
}

/// Sliding limits of requests and tokens per minute, and a fixed window of tokens per day.
fn three_limits(requests: &str) -> Arc<Shape> {
    let limits = format!(
        "RL.QUOTA key LIMIT rpm {requests} 60 LIMIT tpm 9000000000 60 UNIT tokens \
         LIMIT tpd 9000000000 1d UNIT tokens WINDOW"
    );
    let words: Vec<&[u8]> = limits.split(' ').map(str::as_bytes).collect();
    let Limits::Spelled(drafts) = quota_request::quota(words.as_slice()).unwrap().limits else {
        panic!("a policy");
    };
    Shape::new(None, &drafts).unwrap()
}

fn quota(criterion: &mut Criterion) {
    let line = "RL.QUOTA key POLICY claude COST tokens 5";
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    criterion.bench_function("quota/read", |bencher| {
        bencher.iter(|| quota_request::quota(black_box(words.as_slice())).unwrap());
    });
    let costs = [1, 5, 5];
    let demand = Demand { costs: &costs, ..Demand::NONE };
    criterion.bench_function("quota/admitted", |bencher| {
        let shape = three_limits("900000000");
        let (mut quota, mut count) = (Quota::new(Arc::clone(&shape)), 0);
        bencher.iter(|| {
            let verdict = decide::decide(Some(&quota), &shape, &demand, instant(&mut count));
            assert!(verdict.allowed(), "denied");
            let shape = Arc::clone(&shape);
            let admission = Admission { shape, at: verdict.at, costs: costs[..].into(), reserved: None };
            Change::Admit(admission).apply(&mut quota)
        });
    });
    criterion.bench_function("quota/denied", |bencher| {
        let shape = three_limits("1");
        let at = At::new(BEGIN).unwrap();
        let admission = Admission { shape: Arc::clone(&shape), at, costs: costs[..].into(), reserved: None };
        let (quota, _) = Change::Admit(admission).create().unwrap();
        bencher.iter(|| {
            let verdict = decide::decide(Some(&quota), &shape, &demand, black_box(at));
            assert!(!verdict.allowed(), "admitted");
            verdict
        });
    });
}

criterion_group!(decisions, one_limit, quota);
criterion_main!(decisions);
