//! What pages and selections take of the memory, billed to a virtual user.

use std::{cell::Cell, rc::Rc};

/// How much is held before unreachable pages are looked for the first time.
const FIRST: usize = 16 << 20;

/// What a virtual user holds.
#[derive(Debug)]
pub(crate) struct Account {
    held: Cell<usize>,
    limit: usize,
    sweep: Cell<usize>,
}

impl Account {
    pub(crate) fn new(limit: usize) -> Rc<Self> {
        Rc::new(Self {
            held: Cell::new(0),
            limit,
            sweep: Cell::new(FIRST.min(limit / 2)),
        })
    }

    /// Returns whether so many bytes more fit.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.held.get().saturating_add(bytes) <= self.limit
    }

    /// Returns whether it is time to look for pages that nothing leads to any more: JavaScript does
    /// not know how large they are, and would do so too late.
    pub(crate) fn is_due(&self) -> bool {
        self.held.get() >= self.sweep.get()
    }

    /// Says that it was looked.
    pub(crate) fn swept(&self) {
        self.sweep
            .set(FIRST.min(self.limit / 2).max(self.held.get() * 2));
    }

    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.held.get()
    }
}

/// Bytes on an account, until this is dropped.
#[derive(Debug)]
pub(crate) struct Bill {
    account: Rc<Account>,
    bytes: usize,
}

impl Bill {
    pub(crate) fn new(account: &Rc<Account>, bytes: usize) -> Self {
        account.held.set(account.held.get().saturating_add(bytes));
        Self {
            account: Rc::clone(account),
            bytes,
        }
    }

    pub(crate) fn account(&self) -> &Rc<Account> {
        &self.account
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        let held = self.account.held.get();
        self.account.held.set(held.saturating_sub(self.bytes));
    }
}
