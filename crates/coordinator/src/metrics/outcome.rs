//! The outcomes of requests and descriptors, as labels of metrics.

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was admitted.
    Admitted,
    /// It was denied.
    Denied,
    /// It asked for no admission, and was answered.
    Answered,
    /// It was wrong, or could not be decided.
    Error,
    /// The back end was down, and `on_error` allowed it.
    DegradedAllow,
    /// The back end was down, and `on_error` denied it.
    DegradedDeny,
}

impl Outcome {
    /// All outcomes, in the order of the metrics.
    pub(super) const ALL: [Self; 6] =
        [Self::Admitted, Self::Denied, Self::Answered, Self::Error, Self::DegradedAllow, Self::DegradedDeny];

    /// Its name in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Denied => "denied",
            Self::Answered => "answered",
            Self::Error => "error",
            Self::DegradedAllow => "degraded_allow",
            Self::DegradedDeny => "degraded_deny",
        }
    }

    /// Whether the metrics list it for a command that asks for an admission, or for one that does not.
    pub(super) const fn is_of(self, decides: bool) -> bool {
        match self {
            Self::Error | Self::DegradedDeny => true,
            Self::Answered => !decides,
            Self::Admitted | Self::Denied | Self::DegradedAllow => decides,
        }
    }
}

/// The outcome of one of Envoy's descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DescriptorOutcome {
    /// It is within its limit, or has none.
    Ok,
    /// It is over its limit.
    OverLimit,
    /// It is over its limit, but the rule counts without denying.
    Shadow,
    /// The back end was down, and `on_error` allowed it.
    DegradedAllow,
    /// The back end was down, and `on_error` denied it.
    DegradedDeny,
}

impl DescriptorOutcome {
    /// Its name in metrics.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::OverLimit => "over_limit",
            Self::Shadow => "shadow",
            Self::DegradedAllow => "degraded_allow",
            Self::DegradedDeny => "degraded_deny",
        }
    }
}
