//! How a host lends its policies, wherever it keeps them.

use super::policies::Policies;

/// A host that lends its policies.
pub trait LendsPolicies {
    /// Lends the policies to `look`.
    fn lend<T: Default>(&self, look: impl FnOnce(&Policies) -> T) -> T;
}

impl LendsPolicies for Policies {
    fn lend<T: Default>(&self, look: impl FnOnce(&Policies) -> T) -> T {
        look(self)
    }
}
