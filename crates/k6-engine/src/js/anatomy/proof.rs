//! The proof: scripts that take turns in one runtime come to what they come to alone.

use std::{cell::Cell, ptr, rc::Rc};

use corosensei::{
    Coroutine, CoroutineResult, Yielder,
    stack::{DefaultStack, Stack as _},
};
use rquickjs::{CatchResultExt as _, Context, Ctx, Function, Runtime, qjs};

use super::{Anatomy, Away, depth};

const STACK: usize = 256 << 10;
const RESERVE: usize = 128 << 10;

/// Calls, exceptions, traces, generators, promises, and a stack that overflows, each around a pause.
const SCRIPT: &str = r"
    const out = [];
    const deep = (n) => { if (n === 0) { pause(); throw new Error('deep ' + NAME); } deep(n - 1); };
    try { deep(3); } catch (err) { out.push(err.message, err.stack.split('\n').length); }
    try { try { throw 1; } finally { pause(); out.push('finally'); } } catch (err) { out.push(err); }
    function* steps() { for (let i = 0; i < 3; i++) { pause(); yield i; } }
    out.push([...steps()].join());
    const later = async () => { await null; pause(); out.push('first ' + NAME); await null; out.push('second'); };
    later();
    Promise.reject(new Error('gone')).catch((err) => { pause(); out.push(err.message); });
    pause();
    const endless = () => 1 + endless();
    try { endless(); } catch (err) { pause(); out.push(err.name); }
    out.push([3, 1, 2].sort((a, b) => { pause(); return a - b; }).join());
    globalThis.show = () => out.join(' ');
";

/// Lets scripts take turns in one runtime, and compares with what they come to alone.
pub(super) fn prove(anatomy: Anatomy) -> Result<(), &'static str> {
    let failed = "a script of the proof failed";
    let names = ["one", "two", "three"];
    let mut alone = Vec::new();
    for name in names {
        let runtime = Runtime::new().map_err(|_| failed)?;
        alone.extend(together(anatomy, &runtime, &[name])?);
    }
    let runtime = Runtime::new().map_err(|_| failed)?;
    let shared = together(anatomy, &runtime, &names)?;
    if alone.iter().any(Option::is_none) {
        return Err(failed);
    }
    if shared != alone {
        return Err("scripts that take turns in one runtime disturb each other");
    }
    Ok(())
}

type Turn = Coroutine<(), (), Option<String>, DefaultStack>;

/// Runs the script under each name, one pause of each in turn, and returns what they came to.
fn together(
    anatomy: Anatomy,
    runtime: &Runtime,
    names: &[&'static str],
) -> Result<Vec<Option<String>>, &'static str> {
    let mut turns = Vec::new();
    for &name in names {
        let stack = DefaultStack::new(STACK).map_err(|_| "there is no room for a stack")?;
        let floor = stack.limit().get() + RESERVE;
        let runtime = runtime.clone();
        let turn: Turn = Coroutine::with_stack(stack, move |yielder, ()| {
            script(anatomy, &runtime, floor, yielder, name)
        });
        turns.push((turn, None));
    }
    // Not in the order in which they began to wait, as stacks of one thread would have to be left.
    for _ in 0..10_000 {
        let mut done = true;
        for (turn, result) in &mut turns {
            if !turn.done() {
                done = false;
                if let CoroutineResult::Return(text) = turn.resume(()) {
                    *result = text;
                }
            }
        }
        if done {
            return Ok(turns.into_iter().map(|it| it.1).collect());
        }
    }
    // They do not end: their stacks are given up rather than unwound.
    std::mem::forget(turns);
    Err("a script of the proof does not end")
}

fn script(
    anatomy: Anatomy,
    runtime: &Runtime,
    floor: usize,
    yielder: &Yielder<(), ()>,
    name: &str,
) -> Option<String> {
    let context = Context::full(runtime).ok()?;
    let raw_context = context.as_raw().as_ptr();
    // SAFETY: the context lives until the end of this function, on this stack; whenever another stack
    // runs, this one has left the runtime.
    let ctx = unsafe { Ctx::from_raw(context.as_raw()) };
    // SAFETY: the context is alive.
    let raw = unsafe { qjs::JS_GetRuntime(raw_context) };
    limit(raw, floor);
    let yielder = ptr::from_ref(yielder);
    let turns = Rc::new(Cell::new(0_u32));
    let count = Rc::clone(&turns);
    let pause = Function::new(ctx.clone(), move || {
        count.set(count.get() + 1);
        // SAFETY: scripts run within this function alone, so the yielder is alive and the stack this one.
        unsafe {
            let away: Away = anatomy.leave(raw, raw_context);
            (*yielder).suspend(());
            anatomy.enter(raw, raw_context, away);
        }
        limit(raw, floor);
    });
    let text = (|| -> rquickjs::Result<String> {
        ctx.globals().set("pause", pause?)?;
        ctx.globals().set("NAME", name)?;
        ctx.eval::<(), _>(SCRIPT)?;
        while ctx.execute_pending_job() {}
        ctx.eval("show()")
    })();
    let text = text.catch(&ctx).ok();
    // Nothing of this script may be left to the others.
    // SAFETY: the runtime is alive, and this stack runs in it.
    let rest = unsafe { anatomy.leave(raw, raw_context) };
    if rest.frame != 0 || rest.jobs != super::Jobs::default() || rest.thrown.is_some() {
        return None;
    }
    text.filter(|_| turns.get() > 8)
        .map(|it| it.replace(name, "NAME"))
        .map(|it| format!("{name}: {it}"))
}

/// Tells the runtime how much of this stack is left.
fn limit(raw: *mut qjs::JSRuntime, floor: usize) {
    let room = depth().saturating_sub(floor).max(1);
    // SAFETY: the runtime is alive; both functions only write fields of it.
    unsafe {
        qjs::JS_UpdateStackTop(raw);
        qjs::JS_SetMaxStackSize(raw, room as _);
    }
}
