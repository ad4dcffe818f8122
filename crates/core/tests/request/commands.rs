//! The words of each command, and the fault for each error.

use rl_core::fault::{Fault, Result};
use rl_core::grammar::limit::{self as request, Request};
use rl_core::limit::bucket::BucketRule;
use rl_core::limit::rule::Rule;
use rl_core::limit::slide::SlideRule;
use rl_core::limit::window::{Length, WindowRule};
use rl_core::number::{self, COUNT_MAX};
use rl_core::time::Span;

use crate::common::span;

/// Returns the words of a text, after the name of the command and the key.
fn words(text: &str) -> Vec<&[u8]> {
    let rest =
        text.split(' ').filter(|word| !word.is_empty()).map(|word| if word == "''" { "" } else { word });
    ["RL.TEST", "key"].into_iter().chain(rest).map(str::as_bytes).collect()
}

fn slide(text: &str) -> Result<Request> {
    request::slide(words(text).as_slice())
}

fn window(text: &str) -> Result<Request> {
    request::window(words(text).as_slice())
}

fn bucket(text: &str) -> Result<Request> {
    request::bucket(words(text).as_slice())
}

#[test]
fn a_sliding_window_reads() {
    for (text, limit, window, cost) in [
        ("500 60", 500, 60_000, 1),
        ("1 0.25", 1, 250, 1),
        ("1 250ms COST 0", 1, 250, 0),
        ("9007199254740991 3650d cost 9007199254740991", COUNT_MAX, Span::MAX.ms(), COUNT_MAX),
        ("5 1.5h CoSt 2", 5, 5_400_000, 2),
    ] {
        let rule = Rule::Slide(SlideRule { limit, window: span(window) });
        assert_eq!(slide(text), Ok(Request { rule, cost, is_up_to: false, wait: None }), "{text}");
    }
    for (text, fault) in [
        ("", Fault::Limit),
        ("-1 60", Fault::Limit),
        ("+1 60", Fault::Limit),
        ("01 60", Fault::Limit),
        ("1.0 60", Fault::Limit),
        ("9007199254740992 60", Fault::Limit),
        ("18446744073709551617 60", Fault::Limit),
        ("'' 60", Fault::Limit),
        ("x x COST x", Fault::Limit),
        ("5", Fault::Window),
        ("5 0", Fault::Window),
        ("5 ''", Fault::Window),
        ("5 -1", Fault::Window),
        ("5 0.0004", Fault::Window),
        ("5 3651d", Fault::Window),
        ("5 1mo", Fault::Window),
        ("5 1e3", Fault::Window),
        ("5 1D", Fault::Window),
        ("5 0ms x", Fault::Window),
        ("5 60 COST", Fault::SlideSyntax),
        ("5 60 1", Fault::SlideSyntax),
        ("5 60 OFFSET 1", Fault::SlideSyntax),
        ("5 60 COST 1 COST 1", Fault::SlideSyntax),
        ("5 60 WAIT", Fault::SlideSyntax),
        ("5 60 WAIT 1 WAIT 1", Fault::SlideSyntax),
        ("5 60 PRIORITY LOW WAIT 1", Fault::SlideSyntax),
        ("5 60 WAIT 1 PRIORITY", Fault::SlideSyntax),
        ("5 60 WAIT 0", Fault::Wait),
        ("5 60 WAIT x", Fault::Wait),
        ("5 60 WAIT 1 PRIORITY 4", Fault::Priority),
        ("5 60 WAIT 1 PRIORITY urgent", Fault::Priority),
        ("5 60 '' 1", Fault::SlideSyntax),
        ("5 60 COST -1", Fault::Cost),
        ("5 60 COST x", Fault::Cost),
        ("5 60 COST ''", Fault::Cost),
        ("5 60 COST 1.5", Fault::Cost),
        ("5 60 COST 9007199254740992", Fault::Cost),
        ("5 60 COST 01", Fault::Cost),
    ] {
        assert_eq!(slide(text), Err(fault), "{text}");
    }
}

#[test]
fn a_fixed_window_reads() {
    let hour = 3_600_000_i64;
    for (text, length, offset, cost) in [
        ("5 1d", Length::Span(span(86_400_000)), 0, 1),
        ("5 1mo", Length::Month, 0, 1),
        ("5 1mo OFFSET -8h COST 3", Length::Month, -8 * hour, 3),
        ("5 1h COST 3 offset 30m", Length::Span(span(3_600_000)), hour / 2, 3),
        ("5 60 OFFSET 0", Length::Span(span(60_000)), 0, 1),
        ("5 60 OFFSET -0", Length::Span(span(60_000)), 0, 1),
        ("5 60 OFFSET -3650d", Length::Span(span(60_000)), -Span::MAX.ms().cast_signed(), 1),
        ("5 60 OFFSET 0.001", Length::Span(span(60_000)), 1, 1),
    ] {
        assert_eq!(
            window(text),
            Ok(Request {
                rule: Rule::Window(WindowRule { limit: 5, length, offset }),
                cost,
                is_up_to: false,
                wait: None
            }),
            "{text}"
        );
    }
    for (text, fault) in [
        ("-1 1d", Fault::Limit),
        ("5 1MO", Fault::WindowOrMonth),
        ("5 2mo", Fault::WindowOrMonth),
        ("5 0", Fault::WindowOrMonth),
        ("5", Fault::WindowOrMonth),
        ("5 -1d", Fault::WindowOrMonth),
        ("5 1d OFFSET", Fault::WindowSyntax),
        ("5 1d OFFSET x", Fault::Offset),
        ("5 1d OFFSET 1mo", Fault::Offset),
        ("5 1d OFFSET 3651d", Fault::Offset),
        ("5 1d OFFSET --1", Fault::Offset),
        ("5 1d OFFSET +1", Fault::Offset),
        ("5 1d OFFSET 1 OFFSET 1", Fault::WindowSyntax),
        ("5 1d COST x", Fault::Cost),
        ("5 1d 1h", Fault::WindowSyntax),
    ] {
        assert_eq!(window(text), Err(fault), "{text}");
    }
}

#[test]
fn a_bucket_reads() {
    for (text, capacity, refill, period, cost) in [
        ("50 500 60", 50, "500", 60_000, 1),
        ("50 8.33", 50, "8.33", 1_000, 1),
        ("50 8.330 COST 4", 50, "8.33", 1_000, 4),
        ("50 8 250ms cost 4", 50, "8", 250, 4),
        ("1 0.0000000000000001 1ms", 1, "0.0000000000000001", 1, 1),
        ("1 9007199254740991", 1, "9007199254740991", 1_000, 1),
    ] {
        let rule =
            BucketRule::new(capacity, number::refill(refill.as_bytes()).unwrap(), span(period)).unwrap();
        assert_eq!(
            bucket(text),
            Ok(Request { rule: Rule::Bucket(rule), cost, is_up_to: false, wait: None }),
            "{text}"
        );
    }
    for (text, fault) in [
        ("-1 1", Fault::Capacity),
        ("", Fault::Capacity),
        ("1", Fault::Refill),
        ("1 0", Fault::Refill),
        ("1 0.0", Fault::Refill),
        ("1 -1", Fault::Refill),
        ("1 1e3", Fault::Refill),
        ("1 .5", Fault::Refill),
        ("1 5.", Fault::Refill),
        ("1 nan", Fault::Refill),
        ("1 9007199254740992", Fault::Refill),
        ("1 9007199254740991.5", Fault::Refill),
        ("1 1 0", Fault::Period),
        ("1 1 ''", Fault::Period),
        ("1 1 -1", Fault::Period),
        ("1 1 0.4ms", Fault::Period),
        ("1 1 x", Fault::BucketSyntax),
        ("1 1 x 1", Fault::BucketSyntax),
        ("1 1 COST", Fault::BucketSyntax),
        ("1 1 1 1", Fault::BucketSyntax),
        ("1 1 COST 1 60", Fault::BucketSyntax),
        ("1 1 60 COST x", Fault::Cost),
        ("1 0.0000000000000001 60", Fault::RefillDecimals),
        ("1 1.000000001 3650d", Fault::RefillDecimals),
    ] {
        assert_eq!(bucket(text), Err(fault), "{text}");
    }
}

#[test]
fn peek_and_refund_read() {
    for (text, cost) in [
        ("", Ok(1)),
        ("COST 7", Ok(7)),
        ("cost 0", Ok(0)),
        ("7", Err(Fault::PeekSyntax)),
        ("COST", Err(Fault::PeekSyntax)),
        ("COST x", Err(Fault::Cost)),
        ("COST 1 COST 1", Err(Fault::PeekSyntax)),
    ] {
        assert_eq!(request::peek(words(text).as_slice()), cost, "{text}");
    }
    for (text, cost) in [
        ("0", Ok(0)),
        ("9007199254740991", Ok(COUNT_MAX)),
        ("-1", Err(Fault::Refund)),
        ("''", Err(Fault::Refund)),
        ("", Err(Fault::Refund)),
        ("9007199254740992", Err(Fault::Refund)),
    ] {
        assert_eq!(request::refund(words(text).as_slice()), cost, "{text}");
    }
}
