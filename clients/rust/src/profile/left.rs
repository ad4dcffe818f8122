//! What is left of a limit.

/// What is left of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// What the limit may be called in a policy, the most usual name first.
    pub names: Vec<String>,
    /// What is left.
    pub remaining: u64,
    /// The limit of which that is left, if the headers say it.
    pub limit: Option<u64>,
    /// In how many ms the limit starts anew, if that is in the future: 1 or more.
    pub reset_ms: Option<u64>,
}
