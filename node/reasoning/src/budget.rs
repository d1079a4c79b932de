//! How much work a request may do.

use std::cell::Cell;

/// A bound on the associations that may be looked at, and on time. One budget serves a whole request.
pub struct Budget<'a> {
    left: Cell<u64>,
    over: &'a dyn Fn() -> bool,
    spent: Cell<bool>,
}

impl<'a> Budget<'a> {
    /// Enough for any path on graphs whose concepts have some tens of associations; about a second of work.
    pub const ASSOCIATIONS: u64 = 2_000_000;

    /// At most `associations` may be looked at, and only until `over` says that the time is over.
    pub fn new(associations: u64, over: &'a dyn Fn() -> bool) -> Self {
        Self { left: Cell::new(associations), over, spent: Cell::new(false) }
    }

    /// [`Budget::ASSOCIATIONS`], until `over` says that the time is over.
    pub fn until(over: &'a dyn Fn() -> bool) -> Self {
        Self::new(Self::ASSOCIATIONS, over)
    }

    /// Whether work had to stop because of this budget.
    pub fn is_spent(&self) -> bool {
        self.spent.get()
    }

    /// How many associations may still be looked at.
    pub(crate) fn left(&self) -> u64 {
        self.left.get()
    }

    /// Whether there is something left to work with. Asks the caller's clock, so it is called once a batch, not once a step.
    pub(crate) fn allows(&self) -> bool {
        if !self.spent.get() && (self.left.get() == 0 || (self.over)()) {
            self.spent.set(true);
        }
        !self.spent.get()
    }

    /// Takes note that `associations` were looked at.
    pub(crate) fn charge(&self, associations: usize) {
        self.left.set(self.left.get().saturating_sub(associations as u64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spent_budget_stays_spent() {
        let never = || false;
        let budget = Budget::new(3, &never);
        assert!(budget.allows());
        budget.charge(5);
        assert!(!budget.allows() && budget.is_spent());

        let at_once = || true;
        assert!(!Budget::until(&at_once).allows());
    }
}
