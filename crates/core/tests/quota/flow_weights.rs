//! The weights that a policy gives to flows: how they are read, bounded and written.

use rl_core::fault::Fault;
use rl_core::grammar::policy::setting;
use rl_core::quota::flow_weights::{FlowWeights, POLICY_FLOWS_MAX};
use rl_core::quota::policy_entry::PolicyEntry;

fn read(words: &str) -> Result<PolicyEntry, Fault> {
    let line = format!("RL.POLICY SET p {words}");
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    setting(words.as_slice())
}

#[test]
fn a_policy_with_flows_is_read_and_written_as_it_was_set() {
    let policy = read("FLOW paid WEIGHT 10 LIMIT a 5 60 flow free weight 1 LIMIT b 5 INFLIGHT").unwrap();
    assert_eq!(policy.flows.iter().collect::<Vec<_>>(), [(&b"free"[..], 1), (b"paid", 10)]);
    assert_eq!(policy.shape, read("LIMIT a 5 60 LIMIT b 5 INFLIGHT").unwrap().shape);
    let words = [vec![b"RL.POLICY".to_vec()], policy.words()].concat();
    assert_eq!(words.join(&b' '), b"RL.POLICY SET p LIMIT a 5 60000ms UNIT requests SLIDE LIMIT b 5 INFLIGHT FLOW free WEIGHT 1 FLOW paid WEIGHT 10");
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    assert_eq!(setting(words.as_slice()), Ok(policy));
    // Words that are keywords, too.
    let policy = read("LIMIT FLOW 5 60 FLOW LIMIT WEIGHT 7 FLOW FLOW WEIGHT 8").unwrap();
    assert_eq!((policy.flows.get(b"LIMIT"), policy.flows.get(b"FLOW")), (Some(7), Some(8)));
}

#[test]
fn wrong_flows_have_their_errors() {
    let long = "x".repeat(129);
    let flows = |count: usize| (0..count).map(|flow| format!(" FLOW f{flow} WEIGHT 1")).collect::<String>();
    for (words, fault) in [
        ("LIMIT a 5 60 FLOW", Fault::PolicySyntax),
        ("LIMIT a 5 60 FLOW a", Fault::PolicySyntax),
        ("LIMIT a 5 60 FLOW a 5", Fault::PolicySyntax),
        ("LIMIT a 5 60 FLOW a WEIGHT", Fault::PolicySyntax),
        ("LIMIT a 5 60 FLOW a PRIORITY 5", Fault::PolicySyntax),
        ("LIMIT a 5 60 WEIGHT 5", Fault::PolicySyntax),
        ("LIMIT a 5 60 FLOW a WEIGHT 0", Fault::Weight),
        ("LIMIT a 5 60 FLOW a WEIGHT 1001", Fault::Weight),
        ("LIMIT a 5 60 FLOW a WEIGHT -1", Fault::Weight),
        ("LIMIT a 5 60 FLOW a WEIGHT 1.5", Fault::Weight),
        ("LIMIT a 5 60 FLOW  WEIGHT 1", Fault::Flow),
        (&format!("LIMIT a 5 60 FLOW {long} WEIGHT 1"), Fault::Flow),
        ("LIMIT a 5 60 FLOW a WEIGHT 1 FLOW a WEIGHT 1", Fault::FlowTwice),
        (&format!("LIMIT a 5 60{}", flows(65)), Fault::PolicyFlows),
        ("FLOW a WEIGHT 1", Fault::QuotaLimits),
    ] {
        assert_eq!(read(words), Err(fault), "{words}");
    }
    let most = read(&format!("LIMIT a 5 60{}", flows(POLICY_FLOWS_MAX))).unwrap();
    assert_eq!(most.flows.len(), POLICY_FLOWS_MAX);
    assert!(read(&format!("LIMIT a 5 60 FLOW {} WEIGHT 1000", &long[1..])).is_ok());
    assert_eq!(FlowWeights::new().add(b"a", 0), Err(Fault::Weight));
}
