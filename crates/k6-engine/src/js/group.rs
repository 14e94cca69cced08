//! A JavaScript runtime that several virtual users share, each with a context of its own.
//!
//! What they share is what QuickJS keeps for a runtime: names, shapes, pages of memory. Globals,
//! modules and prototypes belong to a context, and so to one virtual user. One of them runs at a
//! time; [`Seat::leave`] and [`Seat::enter`] stand around every place where one waits.

use std::{
    cell::{Cell, RefCell},
    ptr,
    rc::Rc,
    sync::Arc,
};

use rquickjs::{Context, Runtime, context::intrinsic, qjs};

use super::{
    Shared, Vu,
    anatomy::{Anatomy, Away, Jobs, anatomy, depth},
    lazy::Classes,
    modules::{Finder, Source},
    vm::note_broken,
};

/// How many virtual users share a runtime at most.
const GROUP: usize = 32;

/// About what a virtual user needs to load its script.
const SEAT: usize = 128 << 10;

/// What of JavaScript scripts find: what k6 has, so no `WeakRef` and no `DOMException`.
/// What is not here and not rare is in `lazy`.
type Intrinsics = (
    intrinsic::Eval,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Promise,
);

/// A runtime and those who share it.
pub struct Group {
    runtime: Runtime,
    raw: *mut qjs::JSRuntime,
    classes: Classes,
    /// `None` where one virtual user has the runtime for itself.
    anatomy: Option<Anatomy>,
    memory_limit: usize,
    running: Rc<RefCell<Option<Rc<Vu>>>>,
    /// Jobs of virtual users that ended before they were run.
    abandoned: RefCell<Vec<Jobs>>,
}

impl Group {
    /// Makes a runtime for several virtual users where that is possible, else for one.
    ///
    /// # Errors
    ///
    /// Fails when there is no memory.
    pub fn new(shared: &Arc<Shared>, is_shared: bool) -> std::io::Result<Rc<Self>> {
        let anatomy = if is_shared {
            anatomy().ok().copied()
        } else {
            None
        };
        let runtime = Runtime::new()
            .map_err(|err| std::io::Error::new(std::io::ErrorKind::OutOfMemory, err))?;
        runtime.set_memory_limit(shared.memory_limit);
        // Loading leaves little behind: looking for cycles at every doubling would cost more than it.
        runtime.set_gc_threshold(if anatomy.is_some() {
            GROUP * SEAT
        } else {
            4 * SEAT
        });
        runtime.set_loader(Finder(Arc::clone(shared)), Source(Arc::clone(shared)));
        let running: Rc<RefCell<Option<Rc<Vu>>>> = Rc::default();
        let watched = Rc::clone(&running);
        runtime.set_interrupt_handler(Some(Box::new(move || {
            watched.borrow().as_ref().is_none_or(|it| it.must_end())
        })));
        let listens = Rc::clone(&running);
        runtime.set_host_promise_rejection_tracker(Some(Box::new(
            move |_, promise, reason, is_handled| {
                if let Some(vu) = listens.borrow().as_ref() {
                    note_broken(vu, &promise, reason, is_handled);
                }
            },
        )));
        // Only a context tells the address of its runtime.
        let raw = Context::base(&runtime)
            .map_err(|err| std::io::Error::new(std::io::ErrorKind::OutOfMemory, err))?
            .get_runtime_ptr();
        runtime.run_gc();
        // SAFETY: the runtime is alive.
        let classes = unsafe { Classes::new(raw) }
            .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::OutOfMemory))?;
        Ok(Rc::new(Self {
            raw,
            classes,
            runtime,
            anatomy,
            memory_limit: shared.memory_limit,
            running,
            abandoned: RefCell::default(),
        }))
    }

    /// Returns how many virtual users it is for.
    pub fn size(&self) -> usize {
        if self.anatomy.is_some() { GROUP } else { 1 }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(anatomy) = self.anatomy else {
            return;
        };
        for jobs in self.abandoned.take() {
            // SAFETY: the runtime is dropped after this, and frees the jobs; they were taken out of it.
            unsafe { anatomy.put_jobs(self.raw, jobs) };
        }
    }
}

/// The place of a virtual user in a group.
pub(crate) struct Seat {
    group: Rc<Group>,
    context: Cell<*mut qjs::JSContext>,
    /// The lowest address that JavaScript may reach on the stack.
    floor: usize,
    /// Bytes that it holds, and those that all held when it began to run.
    held: Cell<usize>,
    before: Cell<usize>,
}

impl Seat {
    pub(super) fn new(group: Rc<Group>, floor: usize) -> Self {
        Self {
            group,
            context: Cell::new(ptr::null_mut()),
            floor,
            held: Cell::new(0),
            before: Cell::new(0),
        }
    }

    /// Makes a context. The seat has been entered.
    pub(super) fn context(&self) -> rquickjs::Result<Context> {
        let context = Context::custom::<Intrinsics>(&self.group.runtime)?;
        self.context.set(context.as_raw().as_ptr());
        Ok(context)
    }

    /// Returns the classes of what is made when scripts look at it.
    pub(super) fn classes(&self) -> Classes {
        self.group.classes
    }

    /// Returns whether `vu` is the one that runs.
    pub(super) fn is_running(&self, vu: &Rc<Vu>) -> bool {
        let running = self.group.running.borrow();
        running.as_ref().is_some_and(|it| Rc::ptr_eq(it, vu))
    }

    /// Makes `vu`, whose stack this is, the one that runs.
    pub(super) fn enter(&self, vu: &Rc<Vu>, away: Away) {
        let group = &self.group;
        *group.running.borrow_mut() = Some(Rc::clone(vu));
        let room = depth().saturating_sub(self.floor).max(1);
        // SAFETY: the runtime is alive. Both functions only write its fields for the limit of the stack.
        unsafe {
            qjs::JS_UpdateStackTop(group.raw);
            qjs::JS_SetMaxStackSize(group.raw, room as _);
        }
        let Some(anatomy) = group.anatomy else {
            return;
        };
        // SAFETY: the runtime is alive, nobody else runs in it, and `away` is what this stack took away.
        unsafe { anatomy.enter(group.raw, self.context.get(), away) };
        // SAFETY: the runtime is alive.
        let used = unsafe { anatomy.used(group.raw) };
        self.before.set(used);
        let left = group.memory_limit.saturating_sub(self.held.get());
        // SAFETY: the runtime is alive. 0 would mean no limit.
        unsafe { qjs::JS_SetMemoryLimit(group.raw, used.saturating_add(left).max(1) as _) };
    }

    /// Lets others run, until [`Self::enter`] gets back what this returns.
    pub(super) fn leave(&self) -> Away {
        let group = &self.group;
        group.running.borrow_mut().take();
        let Some(anatomy) = group.anatomy else {
            return Away::default();
        };
        // SAFETY: the runtime is alive, and this stack, which entered it, is the one that runs.
        let (away, used) = unsafe {
            let away = anatomy.leave(group.raw, self.context.get());
            (away, anatomy.used(group.raw))
        };
        let held = (self.held.get() + used).saturating_sub(self.before.get());
        self.held.set(held);
        away
    }

    /// Leaves for good. The context is freed.
    pub(super) fn end(&self) {
        self.context.set(ptr::null_mut());
        let away = self.leave();
        self.group.abandoned.borrow_mut().extend(away.jobs());
    }
}
