//! Limits that the server keeps under a name: commands, files, replicas, and the operator's own file.

mod acl;
mod aof;
mod commands;
mod errors;
mod flows;
mod hostile;
mod info;
mod load;
mod overrides;
mod overrides_kept;
mod rdb;
mod replicas;
mod start;

use crate::common::{Conn, Value};

/// Commands that set a policy of each algorithm, and one with several limits.
const SETS: [&str; 4] = [
    "RL.POLICY SET claude LIMIT rpm 1000 60 LIMIT tpm 80000 1m UNIT tokens LIMIT spend 500 1mo UNIT cents WINDOW OFFSET -8h",
    "RL.POLICY SET org:42 LIMIT burst 500 60s BUCKET 50 LIMIT inflight 20 INFLIGHT",
    "RL.POLICY SET day LIMIT d 5 1d WINDOW",
    "RL.POLICY SET x LIMIT x 9007199254740991 3650d",
];

/// Sets these policies, and returns the server's list of policies.
fn fill(conn: &mut Conn) -> Vec<(String, Value)> {
    for line in SETS {
        assert_eq!(conn.ask(line), Value::Simple("OK".into()), "{line}");
    }
    let shown = all_policies(conn);
    assert_eq!(shown.len(), SETS.len());
    shown
}

/// Returns every policy with its limits.
#[track_caller]
fn all_policies(conn: &mut Conn) -> Vec<(String, Value)> {
    let names = conn.done("RL.POLICY LIST").words();
    names.into_iter().map(|name| (name.clone(), conn.done(&format!("RL.POLICY GET {name}")))).collect()
}

/// Returns the `limit` parameter of the policy's first limit.
#[track_caller]
fn limit(conn: &mut Conn, name: &str) -> i64 {
    conn.done(&format!("RL.POLICY GET {name}")).list()[0].get("limit").int()
}
