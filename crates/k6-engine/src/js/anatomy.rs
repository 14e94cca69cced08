//! What several stacks in one JavaScript runtime need, and QuickJS has no function for.
//!
//! A runtime belongs to one stack of calls. Where several virtual users share it, each on a stack of
//! its own, a stack that waits has to take with it what of the runtime is its own: the chain of
//! call frames, the jobs (reactions to promises) that it has yet to run, and an exception that was
//! thrown and not caught. The last one has functions; the first two are fields of the runtime that
//! no header shows. They are found when the program starts, by watching them change, and proved by
//! two scripts that take turns. Where anything is not as expected, every virtual user gets a runtime
//! of its own instead: that takes more memory, and nothing else is different.

use std::{
    cell::{Cell, RefCell},
    ffi::{CStr, c_char, c_int},
    ptr,
    rc::Rc,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use rquickjs::{Context, Ctx, Function, Runtime, qjs};

mod proof;

/// The version of QuickJS whose runtime is known to be at least [`WORDS`] words long.
const VERSION: &CStr = c"0.16.2";

/// How much of a runtime is looked at: less than it is long.
const WORDS: usize = 175;

unsafe extern "C" {
    fn JS_GetVersion() -> *const c_char;
}

/// Where the fields are, in words from the start of a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anatomy {
    /// The newest call frame.
    frame: usize,
    /// The list of jobs: its last, then its first.
    jobs: usize,
    /// The bytes in use.
    used: usize,
}

/// What a stack that waits has taken out of its runtime.
#[derive(Default)]
pub(super) struct Away {
    frame: usize,
    jobs: Jobs,
    thrown: Option<qjs::JSValue>,
}

impl Away {
    /// Returns the jobs in it, where there are some.
    pub(super) fn jobs(&self) -> Option<Jobs> {
        Some(self.jobs).filter(|it| *it != Jobs::default())
    }
}

/// A list of jobs outside its runtime: its last, then its first. Both are 0 where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Jobs(usize, usize);

/// Returns where the fields are, or why that is not known.
pub(super) fn anatomy() -> Result<&'static Anatomy, &'static str> {
    static KNOWN: OnceLock<Result<Anatomy, &'static str>> = OnceLock::new();
    KNOWN.get_or_init(find).as_ref().map_err(|err| *err)
}

fn find() -> Result<Anatomy, &'static str> {
    if cfg!(not(target_pointer_width = "64")) {
        return Err("pointers are not of 64 bits");
    }
    // SAFETY: QuickJS returns a text that lives as long as the program.
    if unsafe { CStr::from_ptr(JS_GetVersion()) } != VERSION {
        return Err("it is another version of QuickJS");
    }
    let found = survey()?;
    if survey()? != found {
        return Err("two runtimes differ");
    }
    proof::prove(found)?;
    Ok(found)
}

type Raw = *mut qjs::JSRuntime;

/// Returns the address of the word at `place`.
fn word(runtime: Raw, place: usize) -> *mut usize {
    runtime.cast::<usize>().wrapping_add(place)
}

/// Copies the start of a runtime.
fn words(runtime: Raw) -> [usize; WORDS] {
    // SAFETY: the version was checked, whose runtime is longer than that; nothing runs meanwhile.
    std::array::from_fn(|place| unsafe { word(runtime, place).read_volatile() })
}

/// Returns the address of something on the stack.
#[inline(never)]
pub(super) fn depth() -> usize {
    let here = 0_u8;
    ptr::from_ref(std::hint::black_box(&here)).addr()
}

/// Watches a runtime of its own.
fn survey() -> Result<Anatomy, &'static str> {
    let failed = |_: rquickjs::Error| "a script of the survey failed";
    let runtime = Runtime::new().map_err(failed)?;
    let context = Context::full(&runtime).map_err(failed)?;
    context.with(|ctx| {
        // SAFETY: the context is alive.
        let raw = unsafe { qjs::JS_GetRuntime(ctx.as_raw().as_ptr()) };
        Ok(Anatomy {
            frame: find_frame(&ctx, raw)?,
            jobs: find_jobs(&ctx, raw)?,
            used: find_used(&ctx, raw)?,
        })
    })
}

/// Returns the one place that `is` holds for.
fn only(is: impl Fn(usize) -> bool, lacking: &'static str) -> Result<usize, &'static str> {
    let mut found = (0..WORDS - 1).filter(|place| is(*place));
    match (found.next(), found.next()) {
        (Some(place), None) => Ok(place),
        _ => Err(lacking),
    }
}

/// The newest frame is a word that is 0 while nothing runs, and else points to a chain on the stack
/// that is one longer with each call.
fn find_frame(ctx: &Ctx<'_>, raw: Raw) -> Result<usize, &'static str> {
    const SCRIPT: &str = "const a = () => { look(); }, b = () => { a(); }, c = () => { b(); };
        look(); a(); b(); c();";
    let failed = |_: rquickjs::Error| "the survey's script of calls failed";
    let top = depth();
    let outside = words(raw);
    let seen: Rc<RefCell<Vec<[Option<usize>; WORDS]>>> = Rc::default();
    let notes = Rc::clone(&seen);
    let look = Function::new(ctx.clone(), move || {
        let bottom = depth();
        let lengths = words(raw).map(|value| chain(value, bottom, top));
        notes.borrow_mut().push(lengths);
    });
    ctx.globals()
        .set("look", look.map_err(failed)?)
        .map_err(failed)?;
    ctx.eval::<(), _>(SCRIPT).map_err(failed)?;
    let after = words(raw);
    let seen = seen.borrow();
    let Some(first) = seen.first().filter(|_| seen.len() == 4) else {
        return Err("the survey's script of calls did not make its calls");
    };
    only(
        |place| {
            let grows = (0_usize..).zip(seen.iter()).all(|(more, lengths)| {
                lengths[place].is_some() && lengths[place] == first[place].map(|it| it + more)
            });
            outside[place] == 0 && after[place] == 0 && grows
        },
        "no word of the runtime is the newest call frame",
    )
}

/// Returns the length of the chain that begins at `value` and lies between two places of this stack.
fn chain(value: usize, bottom: usize, top: usize) -> Option<usize> {
    let (mut at, mut length, mut limit) = (value, 0, bottom);
    while at != 0 {
        if at <= limit || at >= top || !at.is_multiple_of(align_of::<usize>()) {
            return None;
        }
        limit = at;
        length += 1;
        // SAFETY: the address is aligned and lies between two live frames of this very stack.
        at = unsafe { ptr::with_exposed_provenance::<usize>(at).read_volatile() };
    }
    (length > 0).then_some(length)
}

static TICKS: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn tick(_: *mut qjs::JSContext, _: c_int, _: *mut qjs::JSValue) -> qjs::JSValue {
    TICKS.fetch_add(1, Ordering::SeqCst);
    qjs::JS_UNDEFINED
}

/// The list of jobs is a pair of words that point to themselves while there are none, and to the
/// last and the first of two when there are two.
fn find_jobs(ctx: &Ctx<'_>, raw: Raw) -> Result<usize, &'static str> {
    const LACKING: &str = "no words of the runtime are the list of jobs";
    let before = words(raw);
    for _ in 0..2 {
        // SAFETY: the context is alive, and the job takes no arguments.
        if unsafe { qjs::JS_EnqueueJob(ctx.as_raw().as_ptr(), Some(tick), 0, ptr::null_mut()) } != 0
        {
            return Err("no job can be made");
        }
    }
    let after = words(raw);
    let is_list = |place: usize| {
        let head = word(raw, place).expose_provenance();
        let (last, first) = (after[place], after[place + 1]);
        if before[place] != head || before[place + 1] != head || last == head || first == last {
            return false;
        }
        let link = |at: usize| {
            let at = ptr::with_exposed_provenance::<usize>(at);
            // SAFETY: a pair that pointed to itself is the head of a list of this runtime, so that what it
            // points to now are links of two words, which are alive.
            unsafe { (at.read(), at.add(1).read()) }
        };
        link(first) == (head, last) && link(last) == (first, head)
    };
    let place = only(is_list, LACKING)?;
    let found = Anatomy {
        frame: 0,
        jobs: place,
        used: 0,
    };
    // SAFETY: the place was found in this runtime; each list is put back where it was taken from.
    let (taken, gone) = unsafe {
        let taken = found.take_jobs(raw);
        let gone = !qjs::JS_IsJobPending(raw);
        found.put_jobs(raw, taken);
        (taken, gone)
    };
    let ticks = TICKS.load(Ordering::SeqCst);
    while ctx.execute_pending_job() {}
    let ran = TICKS.load(Ordering::SeqCst).wrapping_sub(ticks) >= 2;
    // SAFETY: the runtime is alive.
    let empty = unsafe { !qjs::JS_IsJobPending(raw) };
    if taken == Jobs::default() || !gone || !ran || !empty {
        return Err(LACKING);
    }
    Ok(place)
}

/// The bytes in use are a word that says what the runtime's own report says, however much it is.
fn find_used(ctx: &Ctx<'_>, raw: Raw) -> Result<usize, &'static str> {
    let failed = |_: rquickjs::Error| "the survey's script of bytes failed";
    let matches: Cell<[bool; WORDS]> = Cell::new([true; WORDS]);
    for size in [1_000, 50_000, 200_000] {
        ctx.eval::<(), _>(format!("globalThis.bytes = new Uint8Array({size});"))
            .map_err(failed)?;
        let mut usage = std::mem::MaybeUninit::uninit();
        // SAFETY: the runtime is alive, and fills all of the report.
        let usage = unsafe {
            qjs::JS_ComputeMemoryUsage(raw, usage.as_mut_ptr());
            usage.assume_init()
        };
        let now = words(raw);
        let mut all = matches.get();
        for (is, value) in all.iter_mut().zip(now) {
            *is &= i64::try_from(value).is_ok_and(|it| it == usage.malloc_size);
        }
        matches.set(all);
    }
    let all = matches.get();
    only(|place| all[place], "no word of the runtime is its size")
}

impl Anatomy {
    /// Takes what belongs to the running stack out of the runtime, so that another stack can run.
    ///
    /// # Safety
    ///
    /// The runtime of `context` must be alive, and this stack the one that runs in it.
    pub(super) unsafe fn leave(self, raw: Raw, context: *mut qjs::JSContext) -> Away {
        // SAFETY: as promised; the places were proved for this version.
        unsafe {
            let frame = word(raw, self.frame);
            let away = Away {
                frame: frame.read(),
                jobs: self.take_jobs(raw),
                thrown: (!context.is_null() && qjs::JS_HasException(context))
                    .then(|| qjs::JS_GetException(context)),
            };
            frame.write(0);
            away
        }
    }

    /// Puts back what [`Self::leave`] took, on the stack that it was taken from.
    ///
    /// # Safety
    ///
    /// The runtime must be alive, no other stack may run in it, and `away` must be this stack's.
    pub(super) unsafe fn enter(self, raw: Raw, context: *mut qjs::JSContext, away: Away) {
        // SAFETY: as promised; the frames are on this stack, so they are still there.
        unsafe {
            word(raw, self.frame).write(away.frame);
            self.put_jobs(raw, away.jobs);
            if let Some(thrown) = away.thrown {
                qjs::JS_Throw(context, thrown);
            }
        }
    }

    /// Takes all jobs out of the runtime.
    ///
    /// # Safety
    ///
    /// The runtime must be alive.
    pub(super) unsafe fn take_jobs(self, raw: Raw) -> Jobs {
        let head = word(raw, self.jobs);
        let itself = head.expose_provenance();
        // SAFETY: as promised; these two words are the head of the list of jobs.
        unsafe {
            let (last, first) = (head.read(), head.add(1).read());
            if first == itself {
                return Jobs::default();
            }
            head.write(itself);
            head.add(1).write(itself);
            Jobs(last, first)
        }
    }

    /// Puts jobs behind those that the runtime has.
    ///
    /// # Safety
    ///
    /// The runtime must be alive, and `jobs` taken out of this one.
    pub(super) unsafe fn put_jobs(self, raw: Raw, jobs: Jobs) {
        if jobs == Jobs::default() {
            return;
        }
        let head = word(raw, self.jobs);
        let itself = head.expose_provenance();
        let link = ptr::with_exposed_provenance_mut::<usize>;
        // SAFETY: as promised; nobody but this list knows its links, so they are alive.
        unsafe {
            let newest = head.read();
            // The word at a link is the one before it, the next word the one behind it.
            link(newest).add(1).write(jobs.1);
            link(jobs.1).write(newest);
            link(jobs.0).add(1).write(itself);
            head.write(jobs.0);
        }
    }

    /// Returns the bytes that the runtime uses.
    ///
    /// # Safety
    ///
    /// The runtime must be alive.
    pub(super) unsafe fn used(self, raw: Raw) -> usize {
        // SAFETY: as promised.
        unsafe { word(raw, self.used).read() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_the_pinned_version_are_found() {
        assert!(anatomy().is_ok(), "{:?}", anatomy());
    }

    #[test]
    fn a_chain_lies_on_the_stack_and_goes_up() {
        let frames = [[0_usize; 2]; 3];
        let bottom = ptr::from_ref(&frames).expose_provenance();
        let top = bottom + size_of_val(&frames);
        assert_eq!(chain(0, bottom - 8, top), None);
        assert_eq!(chain(bottom, bottom - 8, top), Some(1));
        assert_eq!(chain(top, bottom - 8, top), None);
        assert_eq!(chain(bottom + 1, bottom - 8, top), None);
        let linked = [const { Cell::new(0_usize) }; 4];
        let bottom = ptr::from_ref(&linked).expose_provenance();
        linked[0].set(bottom + 16);
        assert_eq!(chain(bottom, bottom - 8, bottom + 32), Some(2));
        // One that goes down is none.
        linked[2].set(bottom);
        assert_eq!(chain(bottom, bottom - 8, bottom + 32), None);
    }
}
