//! The service for Envoy: its bounds and its errors. `make test-rls` tests its answers, with a client that is generated from
//! Envoy's own description.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream;
use tokio::runtime::Runtime;
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService as _};
use tonic::codegen::http;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use self::proto::envoy::extensions::common::ratelimit::v3::RateLimitDescriptor;
use self::proto::envoy::extensions::common::ratelimit::v3::rate_limit_descriptor::{
    Entry, RateLimitOverride,
};
use self::proto::envoy::service::ratelimit::v3::rate_limit_response::Code as Limited;
use self::proto::envoy::service::ratelimit::v3::rate_limit_service_client::RateLimitServiceClient;
use self::proto::envoy::service::ratelimit::v3::{RateLimitRequest, RateLimitResponse};
use crate::common::coordinator::{folder, timed};
use crate::common::{Coordinator, wait_until};

mod proto {
    #![allow(clippy::all, clippy::restriction, reason = "it is generated")]
    include!(concat!(env!("OUT_DIR"), "/proto.rs"));
}

const PATH: &str = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";
const RULES: &str = r#"
    [envoy]
    listen = "127.0.0.1:0"
    [[envoy.rule]]
    domain = "shop"
    name = "per-user"
    descriptor = [{ key = "user" }]
    limit = 2
    window = "1h"
"#;

/// A client that asks as Envoy does.
struct Envoy {
    runtime: Runtime,
    channel: Channel,
}

impl Envoy {
    fn of(coordinator: &Coordinator) -> Self {
        let runtime = Runtime::new().unwrap();
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{}", port(coordinator))).unwrap();
        let channel = runtime.block_on(endpoint.connect()).unwrap();
        Self { runtime, channel }
    }

    fn ask(&self, request: RateLimitRequest) -> Result<RateLimitResponse, Status> {
        let mut client = RateLimitServiceClient::new(self.channel.clone());
        let answer = self.runtime.block_on(client.should_rate_limit(request));
        answer.map(tonic::Response::into_inner)
    }

    fn user(&self, name: &str) -> Result<RateLimitResponse, Status> {
        self.ask(request(vec![of(name)]))
    }

    #[track_caller]
    fn refuses(&self, request: RateLimitRequest, code: Code) -> String {
        let status = self.ask(request).expect_err("it is refused");
        assert_eq!(status.code(), code, "{status:?}");
        status.message().to_owned()
    }
}

/// The port for Envoy.
pub fn port(coordinator: &Coordinator) -> u16 {
    let mut port = None;
    wait_until("it listens to Envoy", || {
        let log = coordinator.log();
        let at = log.split("Envoy is answered on ").nth(1).and_then(|rest| rest.split_whitespace().next());
        port = at.and_then(|at| at.trim_end_matches('"').rsplit(':').next()?.parse().ok());
        port.is_some()
    });
    port.unwrap()
}

fn of(user: &str) -> RateLimitDescriptor {
    let entry = Entry { key: "user".to_owned(), value: user.to_owned() };
    RateLimitDescriptor { entries: vec![entry], ..Default::default() }
}

fn request(descriptors: Vec<RateLimitDescriptor>) -> RateLimitRequest {
    RateLimitRequest { domain: "shop".to_owned(), descriptors, hits_addend: 0 }
}

#[track_caller]
fn is(answer: &RateLimitResponse, code: Limited) {
    assert_eq!(answer.overall_code(), code, "{answer:?}");
}

#[test]
fn a_message_that_is_too_large_or_too_much_costs_little() {
    let coordinator = Coordinator::start(RULES, &[]);
    let envoy = Envoy::of(&coordinator);
    is(&envoy.user("x").unwrap(), Limited::Ok);
    let before = coordinator.resident();
    let said = envoy.refuses(request(vec![of(&"x".repeat(70_000))]), Code::OutOfRange);
    assert!(said.contains("too large"), "{said}");
    // As many descriptors as fit: two bytes each on the wire, and many more in memory.
    let empty = request(vec![RateLimitDescriptor::default(); 30_000]);
    let calls = (0..100).map(|_| {
        let mut client = RateLimitServiceClient::new(envoy.channel.clone());
        let empty = empty.clone();
        async move { client.should_rate_limit(empty).await }
    });
    for answer in envoy.runtime.block_on(join_all(calls)) {
        assert_eq!(answer.expect_err("too many descriptors").code(), Code::InvalidArgument);
    }
    let many = RateLimitDescriptor { entries: vec![Entry::default(); 30_000], ..Default::default() };
    envoy.refuses(request(vec![many]), Code::InvalidArgument);
    let grown = coordinator.resident().saturating_sub(before);
    assert!(grown < 64_000_000, "{grown}");
}

#[test]
fn an_unfinished_message_is_not_waited_for() {
    let config = format!("[bounds]\nread_timeout = \"300ms\"\n{RULES}");
    let coordinator = Coordinator::start(&config, &[]);
    let envoy = Envoy::of(&coordinator);
    let (answer, took) = timed(|| {
        envoy.runtime.block_on(async {
            let mut grpc = Grpc::new(envoy.channel.clone());
            grpc.ready().await.unwrap();
            let codec = ProstCodec::<RateLimitRequest, RateLimitResponse>::default();
            let never = tonic::Request::new(stream::pending::<RateLimitRequest>());
            grpc.client_streaming(never, http::uri::PathAndQuery::from_static(PATH), codec).await
        })
    });
    assert_eq!(answer.expect_err("it has come to no end").code(), Code::DeadlineExceeded);
    assert!(took < Duration::from_secs(5), "{took:?}");
    is(&envoy.user("x").unwrap(), Limited::Ok);
}

#[test]
fn all_messages_that_are_read_have_so_much_room_together() {
    let coordinator = Coordinator::start(&format!("[bounds]\nbodies_bytes = 2000\n{RULES}"), &[]);
    let envoy = Envoy::of(&coordinator);
    for round in 0..5 {
        envoy.refuses(request(vec![of(&"x".repeat(3_000))]), Code::ResourceExhausted);
        is(&envoy.user(&format!("{round}{}", "x".repeat(1_500))).unwrap(), Limited::Ok); // the budget is free again
    }
}

#[test]
fn idle_connections_leave_room_for_others() {
    let config = format!("[bounds]\nconnections = 50\nheader_timeout = \"500ms\"\n{RULES}");
    let coordinator = Coordinator::start(&config, &[]);
    let port = port(&coordinator);
    let silent: Vec<_> = (0..200).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    // It waits behind them, until they are closed.
    is(&Envoy::of(&coordinator).user("x").unwrap(), Limited::Ok);
    // The other port has its own limit.
    coordinator.client().get("/healthz").status(200);
    drop(silent);
}

#[test]
fn an_invalid_call_is_refused() {
    let coordinator = Coordinator::start(RULES, &[]);
    let mut old = TcpStream::connect(("127.0.0.1", port(&coordinator))).unwrap();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n"
    );
    old.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    old.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 505");

    let envoy = Envoy::of(&coordinator);
    // A request that a page of another site can make a browser send.
    for kind in ["text/plain", "application/grpcx", "application/json"] {
        let request = http::Request::post(format!("http://localhost{PATH}")).header("content-type", kind);
        let mut channel = envoy.channel.clone();
        let answer = envoy.runtime.block_on(async {
            std::future::poll_fn(|cx| channel.poll_ready(cx)).await.unwrap();
            channel.call(request.body(Body::empty()).unwrap()).await.unwrap()
        });
        assert_eq!(answer.status(), 415, "{kind}");
    }
    let mut random = crate::common::Random::new(11);
    for round in 0..200 {
        let mut noise = TcpStream::connect(("127.0.0.1", port(&coordinator))).unwrap();
        let begin: &[u8] = if round % 2 == 0 { b"" } else { b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" };
        let _ = noise.write_all(&[begin, &random.bytes(300)].concat()); // the program may have closed it
    }
    is(&envoy.user("x").unwrap(), Limited::Ok);
    let metrics = coordinator.client().get("/metrics").text();
    assert!(metrics.contains("rl_http_refused_total{reason=\"not_grpc\"} 3"), "{metrics}");
}

#[test]
fn while_the_back_end_is_down_it_answers_as_configured() {
    for (on_error, code, word) in [
        ("unavailable", None, ""),
        ("allow", Some(Limited::Ok), "allow"),
        ("deny", Some(Limited::OverLimit), "deny"),
    ] {
        let config = RULES.replace("[envoy]", &format!("[envoy]\non_error = \"{on_error}\""));
        let mut coordinator = Coordinator::on_redis(&config);
        let envoy = Envoy::of(&coordinator);
        is(&envoy.user("x").unwrap(), Limited::Ok);
        coordinator.redis.as_mut().unwrap().kill();
        match (envoy.user("x"), code) {
            (Err(status), None) => assert_eq!(status.code(), Code::Unavailable, "{status:?}"),
            (Ok(answer), Some(code)) => {
                is(&answer, code);
                assert_eq!(answer.statuses.len(), 1);
                let field = answer.response_headers_to_add.first().unwrap();
                assert_eq!((field.key.as_str(), field.value.as_str()), ("rl-degraded", word));
            }
            (answer, code) => panic!("{answer:?} {code:?}"),
        }
        // So it is while the server answers, but cannot decide.
        let server = crate::common::Server::start_tcp(&["user default on nopass ~* +@all -rl.slide"]);
        let url = format!("redis://127.0.0.1:{}", server.port());
        let refused = Coordinator::start(&config, &["--redis", &url]);
        match Envoy::of(&refused).user("x") {
            Ok(answer) => is(&answer, code.unwrap()),
            Err(status) => assert_eq!((status.code(), code), (Code::PermissionDenied, None)),
        }
        let metrics = coordinator.client().get("/metrics").text();
        let counted = match word {
            "" => "rl_envoy_calls_total{outcome=\"error\"} 1".to_owned(),
            word => format!("rl_envoy_descriptors_total{{rule=\"per-user\",outcome=\"degraded_{word}\"}} 1"),
        };
        assert!(metrics.contains(&counted), "{counted} is not in {metrics}");
    }
}

#[test]
fn what_it_answers_is_counted() {
    let rules = format!(
        "{RULES}\n[[envoy.rule]]\ndomain = \"shop\"\ndescriptor = [{{ key = \"user\", value = \"y\" }}]\nlimit = 1\n\
         window = \"1h\"\nshadow_mode = true\nname = \"watched\"\n"
    );
    let coordinator = Coordinator::start(&rules, &[]);
    let envoy = Envoy::of(&coordinator);
    for code in [Limited::Ok, Limited::Ok, Limited::OverLimit] {
        is(&envoy.user("x").unwrap(), code);
        is(&envoy.user("y").unwrap(), Limited::Ok);
    }
    envoy.refuses(request(Vec::new()), Code::InvalidArgument);
    envoy.refuses(request(vec![of(&"x".repeat(70_000))]), Code::OutOfRange);
    let metrics = coordinator.client().get("/metrics").text();
    for line in [
        "rl_envoy_calls_total{outcome=\"error\"} 2",
        "rl_envoy_calls_total{outcome=\"ok\"} 5",
        "rl_envoy_calls_total{outcome=\"over_limit\"} 1",
        "rl_envoy_descriptors_total{rule=\"per-user\",outcome=\"over_limit\"} 1",
        "rl_envoy_descriptors_total{rule=\"watched\",outcome=\"ok\"} 1",
        "rl_envoy_descriptors_total{rule=\"watched\",outcome=\"shadow\"} 2",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

#[test]
fn as_many_keys_as_there_may_be_are_an_error_of_the_service() {
    let coordinator = Coordinator::start(&format!("[bounds]\nkeys = 3\n{RULES}"), &[]);
    let envoy = Envoy::of(&coordinator);
    for user in ["a", "b", "c"] {
        is(&envoy.user(user).unwrap(), Limited::Ok);
    }
    envoy.refuses(request(vec![of("d")]), Code::ResourceExhausted);
    is(&envoy.user("a").unwrap(), Limited::Ok);
}

#[test]
fn a_limit_that_is_brought_is_no_longer_than_windows_may_be() {
    let coordinator = Coordinator::start(&format!("max_window = \"1h\"\n{RULES}"), &[]);
    let envoy = Envoy::of(&coordinator);
    let brings = |unit| {
        let limit = RateLimitOverride { requests_per_unit: 1, unit };
        request(vec![RateLimitDescriptor { limit: Some(limit), ..of("x") }])
    };
    is(&envoy.ask(brings(3)).unwrap(), Limited::Ok);
    envoy.refuses(brings(4), Code::InvalidArgument);
}

#[test]
fn where_one_descriptor_is_wrong_none_is_counted() {
    let bytes = "[[envoy.rule]]\ndomain = \"shop\"\ndescriptor = [{ key = \"bytes\" }]\n\
                 limit = 100\nwindow = \"1h\"\noverdraw = true\n";
    let coordinator = Coordinator::start(&format!("{RULES}{bytes}"), &[]);
    let envoy = Envoy::of(&coordinator);
    let entry = Entry { key: "bytes".to_owned(), value: "x".to_owned() };
    let too_many =
        RateLimitDescriptor { entries: vec![entry], hits_addend: Some(1 << 60), ..Default::default() };
    envoy.refuses(request(vec![of("ann"), too_many]), Code::InvalidArgument);
    for _ in 0..2 {
        is(&envoy.user("ann").unwrap(), Limited::Ok);
    }
}

#[test]
fn it_ends_while_envoy_is_connected() {
    let mut coordinator = Coordinator::start(RULES, &[]);
    let envoy = Envoy::of(&coordinator);
    is(&envoy.user("x").unwrap(), Limited::Ok);
    let (status, took) = timed(|| coordinator.end());
    assert!(status.success() && took < Duration::from_secs(5), "{status} {took:?}");
    assert!(envoy.user("x").is_err());
}

#[test]
fn other_machines_are_served_only_with_a_token_or_a_certificate() {
    let elsewhere = RULES.replace("127.0.0.1:0", "0.0.0.0:0");
    let log = Coordinator::try_start(&folder(), &elsewhere, &[]).err().expect("it does not start");
    assert!(log.contains("listening on 0.0.0.0:0 serves other machines"), "{log}");
    let told = Coordinator::start(&elsewhere, &["--insecure-bind-anyway"]);
    is(&Envoy::of(&told).user("x").unwrap(), Limited::Ok);
    let token = "[[token]]\nname = \"t\"\ntoken = \"0123456789abcdef\"\n";
    let safe = Coordinator::start(&format!("{token}{elsewhere}"), &[]);
    let status = Envoy::of(&safe).user("x").expect_err("there is no token");
    assert_eq!(status.code(), Code::Unauthenticated);
}

/// Runs a test on each back end.
fn on_each(config: &str, test: impl Fn(&Envoy)) {
    crate::common::on_each(config, |coordinator| test(&Envoy::of(coordinator)));
}

#[test]
fn a_value_that_ends_with_a_star_is_a_beginning() {
    let rules = RULES.replace("{ key = \"user\" }", "{ key = \"user\", value = \"foo*\" }");
    on_each(&rules, |envoy| {
        for code in [Limited::Ok, Limited::Ok, Limited::OverLimit] {
            for user in ["foo1", "foo2", "foo", "foo*"] {
                is(&envoy.user(user).unwrap(), code); // each value is counted apart
            }
            is(&envoy.user("fo").unwrap(), Limited::Ok);
        }
    });
}

#[test]
fn negative_hits_are_given_back() {
    let overdraw = "[[envoy.rule]]\ndomain = \"shop\"\ndescriptor = [{ key = \"bytes\" }]\nlimit = 100\n\
                    window = \"1h\"\noverdraw = true\n";
    on_each(&format!("{RULES}{overdraw}"), |envoy| {
        let back = |hits| RateLimitDescriptor { hits_addend: hits, is_negative_hits: true, ..of("x") };
        for code in [Limited::Ok, Limited::Ok, Limited::OverLimit] {
            is(&envoy.user("x").unwrap(), code);
        }
        let answer = envoy.ask(request(vec![back(None)])).unwrap();
        is(&answer, Limited::Ok);
        assert_eq!(answer.statuses[0].limit_remaining, 1, "{answer:?}");
        assert_eq!(answer.statuses[0].current_limit.as_ref().unwrap().name, "per-user");
        for code in [Limited::Ok, Limited::OverLimit] {
            is(&envoy.user("x").unwrap(), code);
        }
        // Never more than was used.
        let answer = envoy.ask(request(vec![back(Some(1_000))])).unwrap();
        assert_eq!(answer.statuses[0].limit_remaining, 2, "{answer:?}");
        is(
            &envoy.ask(request(vec![RateLimitDescriptor { is_negative_hits: true, ..of("new") }])).unwrap(),
            Limited::Ok,
        );
        assert_eq!(envoy.user("new").unwrap().statuses[0].limit_remaining, 1);
        let entry = Entry { key: "bytes".to_owned(), value: "x".to_owned() };
        let bytes =
            RateLimitDescriptor { entries: vec![entry], is_negative_hits: true, ..Default::default() };
        envoy.refuses(request(vec![bytes]), Code::FailedPrecondition);
    });
}

#[test]
fn all_header_fields_are_about_one_limit() {
    let rule = |user: &str, limit: &str| {
        format!(
            "[[envoy.rule]]\ndomain = \"shop\"\ndescriptor = [{{ key = \"user\", value = \"{user}\" }}]\n{limit}\n"
        )
    };
    let rules = [
        rule("minute", "limit = 1\nwindow = \"1m\""),
        rule("hour", "limit = 1\nwindow = \"1h\""),
        rule("never", "limit = 0\nwindow = \"1h\""),
    ];
    let config =
        format!("{}{}", RULES.replace("[envoy]", "[envoy]\nresponse_headers = true"), rules.concat());
    on_each(&config, |envoy| {
        let fields = |users: &[&str]| {
            let answer = envoy.ask(request(users.iter().map(|user| of(user)).collect())).unwrap();
            let field = |name: &str| {
                let fields = &answer.response_headers_to_add;
                fields.iter().find(|field| field.key == name).map(|field| field.value.parse::<u64>().unwrap())
            };
            ["retry-after", "ratelimit-limit", "ratelimit-reset"].map(field)
        };
        assert_eq!(fields(&["minute", "hour"]), [None, Some(1), Some(60)]);
        for users in [["minute", "hour"], ["hour", "minute"]] {
            let [retry, limit, reset] = fields(&users);
            assert!(
                retry > Some(3_500) && retry == reset && limit == Some(1),
                "{retry:?} {limit:?} {reset:?}"
            );
        }
        // It is never admitted, so no time is told.
        assert_eq!(fields(&["minute", "never"]), [None, Some(0), Some(0)]);
    });
}

#[test]
fn rules_are_read_again_and_what_is_counted_stays() {
    let coordinator = Coordinator::start(RULES, &[]);
    let envoy = Envoy::of(&coordinator);
    for code in [Limited::Ok, Limited::Ok, Limited::OverLimit] {
        is(&envoy.user("x").unwrap(), code);
    }
    assert!(!coordinator.reload(&RULES.replace("limit = 2", "limit = \"3\"")));
    is(&envoy.user("x").unwrap(), Limited::OverLimit);
    assert!(coordinator.reload(&RULES.replace("limit = 2", "limit = 3")), "{}", coordinator.log());
    for code in [Limited::Ok, Limited::OverLimit] {
        is(&envoy.user("x").unwrap(), code);
    }
}

#[test]
fn a_rule_that_is_wrong_is_named() {
    let user = "domain = \"d\"\ndescriptor = [{ key = \"user\" }]\n";
    for (rule, why) in [
        (format!("{user}limit = 1\n"), "number 1: it must have a window"),
        (
            format!("{user}window = \"1s\"\n"),
            "it must have one of: limit and window, policy, unlimited = true",
        ),
        (format!("{user}limit = 1\nwindow = \"1s\"\nunlimited = true\n"), "it must have one of"),
        (format!("{user}unlimited = true\nalgorithm = \"slide\"\n"), "it must have one of"),
        (format!("{user}limit = 1\nwindow = \"fast\"\n"), "window must be a duration from 1ms"),
        (format!("{user}limit = 1\nwindow = \"2h\"\n"), "the window is longer than max_window"),
        (format!("{user}limit = 1\nwindow = \"1s\"\noffset = \"1s\"\n"), "offset goes with"),
        (format!("{user}limit = 1\nwindow = \"1s\"\ncapacity = 2\n"), "capacity goes with"),
        (format!("{user}limit = 9007199254740992\nwindow = \"1s\"\n"), "limit must be an integer from 0"),
        (format!("{user}policy = \"none\"\n"), "there is no such policy"),
        (format!("{user}limit = 1\nwindow = \"1s\"\nburst = 1\n"), "unknown field `burst`"),
        (
            "domain = \"\"\ndescriptor = [{ key = \"k\" }]\nunlimited = true\n".to_owned(),
            "domain must not be empty",
        ),
        (
            "domain = \"d\"\ndescriptor = []\nunlimited = true\n".to_owned(),
            "descriptor must have 1 to 32 entries",
        ),
        (
            "domain = \"d\"\ndescriptor = [{ key = \"\" }]\nunlimited = true\n".to_owned(),
            "the key of an entry",
        ),
        (
            format!("{user}unlimited = true\n[[envoy.rule]]\n{user}limit = 0\nwindow = \"1s\"\n"),
            "line 10, envoy.rule.1.descriptor: [[envoy.rule]] number 2: another rule is for the same",
        ),
        (
            format!(
                "{user}name = \"n\"\nunlimited = true\n[[envoy.rule]]\n{}name = \"n\"\nunlimited = true\n",
                user.replace("user", "other")
            ),
            "line 12, envoy.rule.1.name: [[envoy.rule]] number 2: another rule has this name",
        ),
    ] {
        let config =
            format!("max_window = \"1h\"\n[envoy]\nlisten = \"127.0.0.1:0\"\n[[envoy.rule]]\n{rule}");
        let log = Coordinator::try_start(&folder(), &config, &[])
            .err()
            .unwrap_or_else(|| panic!("{rule} is right"));
        assert!(log.contains(why), "{rule}: {log}");
    }
}
