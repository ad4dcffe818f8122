//! Counts of leases: decisions in this process, and what its server was asked for.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The label of the counts of leases.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// What a server has answered to a request for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaseFetch {
    /// It lends some or all.
    Granted,
    /// It lends nothing now.
    Denied,
    /// It gave no answer, or none that is understood.
    Failed,
}

/// What a server has answered to a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaseSettlement {
    /// The lease was open.
    Done,
    /// It was over, and so it was charged in full.
    Late,
    /// The server gave no answer.
    Failed,
}

/// Counts of leases.
#[derive(Clone, Debug)]
pub(crate) struct LeaseMetrics {
    admitted: Counter,
    denied: Counter,
    fetches: [Counter; 3],
    settlements: [Counter; 3],
}

impl LeaseMetrics {
    /// All counts are 0.
    pub(super) fn new(registry: &mut Registry) -> Self {
        let mut family = |name, help: &str| {
            let family = Family::<OutcomeLabel, Counter>::default();
            registry.register(name, help, family.clone());
            family
        };
        let decisions = family("lease_decisions", "Requests that leases have decided here, by outcome");
        let fetches = family("lease_fetches", "Requests to the server for a lease, by outcome");
        let settlements = family("lease_settlements", "Leases that were settled, by outcome");
        let counter = |family: &Family<OutcomeLabel, Counter>, outcome| {
            family.get_or_create_owned(&OutcomeLabel { outcome })
        };
        Self {
            admitted: counter(&decisions, "admitted"),
            denied: counter(&decisions, "denied"),
            fetches: ["granted", "denied", "failed"].map(|outcome| counter(&fetches, outcome)),
            settlements: ["done", "late", "failed"].map(|outcome| counter(&settlements, outcome)),
        }
    }

    /// Counts a decision.
    pub(crate) fn decided(&self, is_admitted: bool) {
        (if is_admitted { &self.admitted } else { &self.denied }).inc();
    }

    /// Counts a request for a lease.
    pub(crate) fn fetched(&self, outcome: LeaseFetch) {
        let [granted, denied, failed] = &self.fetches;
        match outcome {
            LeaseFetch::Granted => granted.inc(),
            LeaseFetch::Denied => denied.inc(),
            LeaseFetch::Failed => failed.inc(),
        };
    }

    /// Counts a settlement.
    pub(crate) fn settled(&self, outcome: LeaseSettlement) {
        let [done, late, failed] = &self.settlements;
        match outcome {
            LeaseSettlement::Done => done.inc(),
            LeaseSettlement::Late => late.inc(),
            LeaseSettlement::Failed => failed.inc(),
        };
    }
}
