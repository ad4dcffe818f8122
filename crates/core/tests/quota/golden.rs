//! Tests that the encodings on disks, in streams and in policy files stay readable for ever.
//!
//! Each value must decode from these bytes and encode to exactly these bytes. A new encoding adds its own
//! bytes beside these.

use std::sync::Arc;

use rl_core::effect::Effect;
use rl_core::effect::told::{Elsewhere, Told};
use rl_core::number::COUNT_MAX;
use rl_core::quota::Quota;
use rl_core::quota::effect::{Admission, QuotaEffect as Change, Reserved};
use rl_core::quota::flow_weights::FlowWeights;
use rl_core::quota::outsides::Names;
use rl_core::quota::policies::Policies;
use rl_core::quota::policy_entry::PolicyEntry;
use rl_core::quota::reservation::Share;
use rl_core::quota::shape::Shape;
use rl_core::time::At;
use rl_core::value::Value;

use crate::common::effect::{encoded_quota, is};
use crate::common::{TODAY, at, span};
use crate::key::{apply, costs, policy};
use crate::plain::limits;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = (0..text.len()).step_by(2).map(|at| &text[at..at + 2]);
    digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()
}

fn day(ms: u64) -> At {
    at(TODAY + ms)
}

/// Makes an admission `ms` after `TODAY`.
fn admit(shape: &Arc<Shape>, ms: u64, costs: &[u64]) -> Change<'static> {
    admission(shape, ms, costs, None)
}

/// Makes the same admission with a reservation of `ttl` ms.
fn reserve(shape: &Arc<Shape>, ms: u64, costs: &[u64], id: &'static [u8], ttl: u64) -> Change<'static> {
    let answers = costs.iter().map(|cost| (100 - cost, cost * 1_000)).collect();
    admission(
        shape,
        ms,
        costs,
        Some(Reserved { id, expires: day(ms).plus(span(ttl)), answers, is_lease: false }),
    )
}

fn admission<'a>(shape: &Arc<Shape>, ms: u64, costs: &[u64], reserved: Option<Reserved<'a>>) -> Change<'a> {
    let costs = costs.iter().copied().collect();
    Change::Admit(Admission { shape: Arc::clone(shape), at: day(ms), costs, reserved })
}

/// A reservation whose limit counts in another way since, and one that took nothing of a limit.
const RESERVED: &str = "102200020374706d06746f6b656e73013ce0d40300016206746f6b656e7302640100e8078bd0dfb4ab33eaa4e3b4ab33\
    030e013ce0d403008ad0dfb4ab3324000f02640100e8078bd0dfb4ab33bf3e001202643c00e0d4038ad0dfb4ab33a8e6\
    83010001010374706d06746f6b656e7302643c00e0d4030202017280d0dfb4ab33e0a4e3b4ab330102011e46b0ea0102\
    00640001738ad0dfb4ab33eaa4e3b4ab33020201065ef02e03075dd8360303010100030102010002d73601000101e8e9\
    6d";

const MERGED: &str = "10220002036c313906746f6b656e730209050098e904036d313903753139000980b8992993d0dfb4ab3\
    39388f9ddab3312110209050098e90493d0dfb4ab3398e9040015000980b899290093d0dfb4ab3393d0dfb4ab330300150009\
    80b899290092d0dfb4ab3392d0dfb4ab33030015000980b899290091d0dfb4ab3391d0dfb4ab33030015000980b899290090d\
    0dfb4ab3390d0dfb4ab33030015000980b89929008fd0dfb4ab338fd0dfb4ab33030015000980b89929008ed0dfb4ab338ed0\
    dfb4ab33030015000980b89929008dd0dfb4ab338dd0dfb4ab33030015000980b89929008cd0dfb4ab338cd0dfb4ab3303001\
    5000980b89929008bd0dfb4ab338bd0dfb4ab33030015000980b89929008ad0dfb4ab338ad0dfb4ab33030015000980b89929\
    0089d0dfb4ab3389d0dfb4ab33030015000980b899290088d0dfb4ab3388d0dfb4ab33030015000980b899290087d0dfb4ab3\
    387d0dfb4ab33030015000980b899290086d0dfb4ab3386d0dfb4ab3303001102090500f8c9048fd0dfb4ab33f8c904001500\
    05b0e1040092d0dfb4ab3381d0dfb4ab3301012215000980b899290085d0dfb4ab3385d0dfb4ab330300010d036d313803753\
    138000980b89929036d313703753137000980b89929036d313603753136000980b89929036d313503753135000980b8992903\
    6d313403753134000980b89929036d313303753133000980b89929036d313203753132000980b89929036d313103753131000\
    980b89929036d313003753130000980b89929026d39027539000980b89929026d38027538000980b89929026d370275370009\
    80b89929026d36027536000980b899290101017281d0dfb4ab3381adbbb6ab3301023d0262d00f3e0163e8073e123b0101010\
    03c01003801003401003001002c01002801002401002001001c01001801001401001201001001000e01003101003d01003e01\
    000310808080808080c080020080808040808080808080a040808080808080808840009080808080808080200080808080800\
    2808080808001808080808080808001808080c08080808002808080808080080008000106746f6b656e7302090500f8c90400\
    1080808082802090808488800280a08080808088804080858080808180818001808080889090a090209080828080808080800\
    18080848080808080108080c080a080840180808080808030848080808081800284808080218080903080a0a021c088808080\
    808140a0c08480a08010a0808490200106746f6b656e730005b0e104001080c080808002808080808001808081a0808080808\
    00180808080818840808080808080801080808080808080800280808080828020808080808080408080808080808002808080\
    80808004808080808080028084800680c08080808080048080808080408080808080200000000980b8992901000980b89929";
const LOWERED: &str = "150001026c30000394d0dfb4ab3307908fe5b4ab3392d0dfb4ab332200020374706d06746f6b656e73013ce0d403\
    00016206746f6b656e7302640100e80793d0dfb4ab33908fe5b4ab33030e013ce0d403008ad0dfb4ab3324000f02\
    640100e8078bd0dfb4ab33bf3e001202643c00e0d4038ad0dfb4ab33a8e683010001010374706d06746f6b656e73\
    02643c00e0d4030202017280d0dfb4ab33e0a4e3b4ab330102011e46b0ea010200640001738ad0dfb4ab33eaa4e3\
    b4ab33020201065ef02e03075dd8360303010100030102010002d73601000101e8e96d";
const LOWERS: &str = "020293d0dfb4ab3301026c300394d0dfb4ab3392d0dfb4ab330107908fe5b4ab33";
const HELD: &str = "120001026c30908fe5b4ab330000";

const THREE: &str = "LIMIT rpm 500 60 LIMIT tpd 2000000 1d UNIT tokens WINDOW OFFSET -8h \
                     LIMIT burst 500 60 UNIT tokens BUCKET 50";
const BUCKET: &str = "LIMIT tpm 60 60 UNIT tokens BUCKET 100 LIMIT n 5 INFLIGHT";
const WINDOW: &str = "LIMIT tpm 60 60 UNIT tokens WINDOW LIMIT b 1 1 UNIT tokens BUCKET 100";

#[test]
fn shapes_are_these_bytes() {
    let policy = policy(b"claude:sonnet", &limits("LIMIT n 20 INFLIGHT LIMIT spend 5 1mo UNIT cents WINDOW"));
    let largest = format!(
        "LIMIT {0} {COUNT_MAX} 3650d UNIT {0} BUCKET {COUNT_MAX} LIMIT o 1 1ms WINDOW OFFSET 3650d",
        "x".repeat(64)
    );
    for (shape, golden) in [
        (
            limits(THREE),
            "00030372706d08726571756573747300f403e0d4030374706406746f6b656e730180897a80b89929ffcfbb1b05627572\
        737406746f6b656e730232f40300e0d403",
        ),
        (
            policy,
            "010d636c617564653a736f6e6e657402016e0872657175657374730314057370656e640563656e747301050000",
        ),
        (
            limits(&largest),
            "000240787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878\
        787878787878787878787878787878787878784078787878787878787878787878787878787878787878787878787878\
        78787878787878787878787878787878787878787878787878787878787878787878787802ffffffffffffff0fffffff\
        ffffffff0f0080f0aee79609016f08726571756573747301010180e0ddcead12",
        ),
    ] {
        assert_eq!(hex(shape.bytes()), golden);
        drop(shape);
        assert_eq!(hex(Shape::from_bytes(&unhex(golden)).unwrap().bytes()), golden, "read anew");
    }
}

/// A key with a reservation and a lease, and the effect that granted the lease.
const LEASED: &str = "104100030372706d08726571756573747300f403e0d4030374706406746f6b656e7301\
    80897a80b89929ffcfbb1b05627572737406746f6b656e730232f40300e0d40385d0dfb4ab338088f9ddab330315\
    00f403e0d4030080d0dfb4ab3380d0dfb4ab330100140180897a80b89929ffcfbb1b80d0dfb4ab331400120232f4\
    0300e0d40380d0dfb4ab33a0fe0a0001000202046b65707480d0dfb4ab33e0a4e3b4ab330103010163e807021450\
    a09c01030361b817056c6561736585d0dfb4ab33ad96e0b4ab330203010262d00f021e46b0ea01030460a01f0303\
    010000020000030000000101";
const LEASE: &str = "01044100030372706d08726571756573747300f403e0d4030374706406746f6b656e73\
    0180897a80b89929ffcfbb1b05627572737406746f6b656e730232f40300e0d40385d0dfb4ab3303021e04056c65\
    617365ad96e0b4ab330362d00f46b0ea0160a01f";

#[test]
fn leases_are_these_bytes() {
    let three = limits(THREE);
    let Change::Admit(mut granted) = reserve(&three, 5, &[2, 30, 4], b"lease", 9_000) else {
        panic!("an admission")
    };
    granted.reserved.as_mut().unwrap().is_lease = true;
    let mut quota = Quota::new(Arc::clone(&three));
    reserve(&three, 0, &[1, 20, 3], b"kept", 60_000).apply(&mut quota);
    Change::Admit(granted.clone()).apply(&mut quota);
    let bytes = Value::Quota(Box::new(quota)).encode();
    assert_eq!(hex(&bytes), LEASED);
    assert_eq!(Value::decode(&unhex(LEASED)).unwrap().encode(), bytes, "read and written anew");
    let golden = unhex(LEASE);
    let effect = Effect::Quota(Change::Admit(granted));
    assert_eq!(effect.encode(hex), LEASE);
    assert!(Effect::decode(&golden, None) == Ok(effect));
}

#[test]
fn changes_are_these_bytes() {
    let (three, bucket) = (limits(THREE), limits(BUCKET));
    let id: &[u8] = b"\0\xff\r\n";
    for (change, golden) in [
        (
            admit(&three, 0, &[1, 0, COUNT_MAX]),
            "004100030372706d08726571756573747300f403e0d4030374706406746f6b656e730180897a80b89929ffcfbb1b0562\
            7572737406746f6b656e730232f40300e0d40380d0dfb4ab33030100ffffffffffffff0f00",
        ),
        (
            reserve(&bucket, 120, &[30, 0], id, 60_000),
            "002100020374706d06746f6b656e7302643c00e0d403016e0872657175657374730305f8d0dfb4ab33021e00010400ff\
            0d0ad8a5e3b4ab330246b0ea016400",
        ),
        (
            Change::Settle { id, at: day(500), used: costs(&[(b"tokens", 17), (b"requests", 0)]) },
            "010400ff0d0af4d3dfb4ab330206746f6b656e731108726571756573747300",
        ),
        (Change::Settle { id, at: day(500), used: costs(&[]) }, "010400ff0d0af4d3dfb4ab3300"),
        (Change::Cancel { id, at: At::MAX }, "020400ff0d0affffffffffff01"),
        (Change::Renew { id, at: day(1), expires: day(300_000) }, "030400ff0d0a81d0dfb4ab33e0f7f1b4ab33"),
    ] {
        let (old, bytes) = (unhex(golden), unhex(&format!("01{golden}")));
        assert_eq!(hex(&encoded_quota(&change)), format!("01{golden}"), "{change:?}");
        let change = Effect::Quota(change);
        assert!(is(Effect::decode(&bytes, None), &change), "{change:?}");
        // Without the first byte, this is the form of versions up to 0.1.
        assert!(is(Effect::decode_quota(&old, None), &change), "{change:?}");
    }
}

#[test]
fn quotas_are_these_bytes() {
    let (three, bucket, window) = (limits(THREE), limits(BUCKET), limits(WINDOW));
    let named = policy(b"claude:sonnet", &bucket);
    for (what, changes, golden) in [
        (
            "three limits, of which one was never charged",
            vec![admit(&three, 0, &[1, 700, 0]), admit(&three, 120, &[3, 9, 0])],
            "104100030372706d08726571756573747300f403e0d4030374706406746f6b656e730180897a80b89929ffcfbb1b0562\
            7572737406746f6b656e730232f40300e0d403f8d0dfb4ab338088f9ddab33031800f403e0d40300f8d0dfb4ab3380d0\
            dfb4ab330103f10103150180897a80b89929ffcfbb1bf8d0dfb4ab33c505000000",
        ),
        (
            "a policy",
            vec![admit(&three, 0, &[1, 1, 1]), reserve(&named, 1, &[9, 0], b"r", 5)],
            "102f010d636c617564653a736f6e6e6574020374706d06746f6b656e7302643c00e0d403016e08726571756573747303\
            0581d0dfb4ab338088f9ddab33051102643c00e0d40381d0dfb4ab33e0fa2000001500f403e0d4030080d0dfb4ab3380\
            d0dfb4ab330100140180897a80b89929ffcfbb1b80d0dfb4ab330100120232f40300e0d40380d0dfb4ab33e0d4030001\
            030372706d08726571756573747300f403e0d4030374706406746f6b656e730180897a80b89929ffcfbb1b0562757273\
            7406746f6b656e730232f40300e0d4030101017281d0dfb4ab3386d0dfb4ab33010201095ba846020064000505010000\
            020000030000040000050000",
        ),
        (
            "reservations, and the least that a bucket was missing since each",
            vec![
                reserve(&bucket, 0, &[30, 0], b"r", 60_000),
                admit(&bucket, 1_000, &[5, 0]),
                reserve(&bucket, 2_000, &[7, 0], b"s", 90_000),
                admit(&bucket, 2_001, &[1, 0]),
            ],
            "102100020374706d06746f6b656e7302643c00e0d403016e0872657175657374730305d1dfdfb4ab33e09ee5b4ab3302\
            1202643c00e0d403d1dfdfb4ab33a4929601000001000202017280d0dfb4ab33e0a4e3b4ab330102011e46b0ea010200\
            64000173d0dfdfb4ab33e09ee5b4ab33020201075dd83602006400020201000201e0996a02c4bd9201020000",
        ),
        (
            "one whose limit is counted otherwise since, and one that took nothing of a limit",
            vec![
                reserve(&bucket, 0, &[30, 0], b"r", 60_000),
                reserve(&window, 10, &[6, 7], b"s", 60_000),
                admit(&window, 11, &[0, 1]),
            ],
            RESERVED,
        ),
        (
            "limits that are not named any more",
            vec![admit(&three, 0, &[1, 700, 50]), admit(&bucket, 120, &[3, 0])],
            "102100020374706d06746f6b656e7302643c00e0d403016e0872657175657374730305f8d0dfb4ab338088f9ddab3305\
            1102643c00e0d403f8d0dfb4ab33a0fe0a00001500f403e0d4030080d0dfb4ab3380d0dfb4ab330100150180897a80b8\
            9929ffcfbb1b80d0dfb4ab33bc0500130232f40300e0d40380d0dfb4ab33c08db7010001030372706d08726571756573\
            747300f403e0d4030374706406746f6b656e730180897a80b89929ffcfbb1b05627572737406746f6b656e730232f403\
            00e0d40300000000",
        ),
        (
            "other numbers, and those before",
            vec![
                admit(&limits("LIMIT s 5 60 LIMIT w 5 1mo WINDOW LIMIT b 1 60 BUCKET 5"), 0, &[1, 2, 3]),
                admit(&limits("LIMIT s 9 1 LIMIT w 5 1d WINDOW LIMIT b 1 1 BUCKET 5"), 120, &[1, 2, 3]),
            ],
            "1034000301730872657175657374730009e8070177087265717565737473010580b89929000162087265717565737473\
            02050100e807f8d0dfb4ab338088d6b9ad33031e0009e80701e0d403e0a4e3b4ab33f8d0dfb4ab3380d0dfb4ab330102\
            f00119010580b8992900f8d0dfb4ab330401050000048098f4b1b5331e02050100e807f8d0dfb4ab33f82d01050100e0\
            d403c8fb15e0f7f1b4ab3300",
        ),
    ] {
        let (mut value, read) = (None, Value::decode(&unhex(golden)));
        for change in &changes {
            apply(&mut value, change);
        }
        assert_eq!(hex(&value.as_ref().unwrap().encode()), golden, "{what}");
        assert!(read == value, "{what}");
    }
}

/// A key whose limits were renamed so often that some are merged: sliding windows of one
/// unit, of different units, and buckets. One merged limit took part in an open reservation.
#[test]
fn merged_limits_are_these_bytes() {
    let mut value = None;
    for number in 0..20 {
        let how = if number % 4 == 3 { "BUCKET 9" } else { "SLIDE" };
        let rule = format!("5 {} UNIT tokens {how}", 60 + number);
        let shape = limits(&format!("LIMIT l{number} {rule} LIMIT m{number} 9 1d UNIT u{number}"));
        let change = match number {
            1 => reserve(&shape, 1, &[2, 1], b"r", 3_600_000),
            _ => admit(&shape, number, &[1, 3]),
        };
        apply(&mut value, &change);
    }
    assert_eq!(hex(&value.as_ref().unwrap().encode()), MERGED);
    let read = Value::decode(&unhex(MERGED));
    assert!(read == value);
    // The bytes are the same after what they say has been told to a key.
    let told = Told::Hold { at: day(19), until: day(90_000), limits: Names::from_slice(&[b"l0"]) };
    let mut value = read.unwrap();
    Effect::Told(told).apply(&mut value).unwrap();
    assert_eq!(hex(&value.encode()), format!("{HELD}{}", &MERGED[2..]));
    assert!(Value::decode(&value.encode()) == Some(value));
}

#[test]
fn a_limit_that_is_lower_elsewhere_is_written_as_it_was() {
    let limit =
        Elsewhere { limit: b"l0", used: 3, until: day(20), since: day(18), lowered: Some((7, day(90_000))) };
    let told = Effect::Told(Told::Sync { at: day(19), limits: [limit].into_iter().collect() });
    let mut value = Value::decode(&unhex(RESERVED)).unwrap();
    told.apply(&mut value).unwrap();
    let bytes = hex(&value.encode());
    assert_eq!(bytes, LOWERED);
    assert!(Value::decode(&unhex(&bytes)) == Some(value));
    assert_eq!(hex(&told.encode(<[u8]>::to_vec)), LOWERS);
}

/// The bytes above include what a reservation took and was answered. This test checks their meaning.
#[test]
fn a_reservation_is_read_as_it_was() {
    let value = Value::decode(&unhex(RESERVED)).unwrap();
    let held = value.quota().unwrap().reservations().unwrap();
    let share =
        |slot: u64, taken: u64| Share { slot, taken, remaining: 100 - taken, reset_after_ms: taken * 1_000 };
    let (first, second) = (held.get(b"r", day(2_000)).unwrap(), held.get(b"s", day(2_000)).unwrap());
    assert_eq!((first.at, first.expires, first.number), (day(0), day(60_000), 1));
    assert_eq!((second.at, second.expires, second.number), (day(10), day(60_010), 2));
    assert_eq!(*first.shares, [share(1, 30), share(2, 0)]);
    assert_eq!(*second.shares, [share(1, 6), share(3, 7)]);
}

#[test]
fn policies_are_these_bytes() {
    let mut policies = Policies::new();
    assert_eq!(hex(&policies.encode()), "00");
    for (name, limit) in [(&b"b"[..], "LIMIT n 20 INFLIGHT"), (b"a:1", BUCKET)] {
        policies.set(policy(name, &limits(limit))).unwrap();
    }
    let golden = "02250103613a31020374706d06746f6b656e7302643c00e0d403016e08726571756573747303051101016201016e0872\
        657175657374730314";
    assert_eq!(hex(&policies.encode()), golden);
    assert!(Policies::decode(&unhex(golden)).as_ref() == Some(&policies));
    // Overrides follow, and when the last one has gone the bytes are as before.
    policies.set_override(b"k\xff", policy(b"b", &limits("LIMIT n 7 INFLIGHT"))).unwrap();
    policies.set_override(b"", policy(b"b", &limits("LIMIT n 8 INFLIGHT"))).unwrap();
    let overrides = "02001101016201016e0872657175657374730308026bff1101016201016e0872657175657374730307";
    let overridden = format!("{golden}{overrides}");
    assert_eq!(hex(&policies.encode()), overridden);
    assert!(Policies::decode(&unhex(&overridden)).as_ref() == Some(&policies));
    for key in [&b""[..], b"k\xff"] {
        assert_eq!(policies.remove_override(b"b", key), Ok(true));
    }
    assert_eq!(hex(&policies.encode()), golden);
    // The weights of flows follow the overrides, of which there are none here.
    let mut flows = FlowWeights::new();
    flows.add(b"paid", 1_000).unwrap();
    flows.add(b"\xff", 1).unwrap();
    let weighted = PolicyEntry { flows, ..policy(b"b", &limits("LIMIT n 20 INFLIGHT")).into() };
    policies.set_entry(&weighted).unwrap();
    let with_flows = format!("{golden}00010162020470616964e80701ff01");
    assert_eq!(hex(&policies.encode()), with_flows);
    assert!(Policies::decode(&unhex(&with_flows)).as_ref() == Some(&policies));
    policies.set(weighted.shape).unwrap();
    assert_eq!(hex(&policies.encode()), golden);
}
