//! The native functions as QuickJS calls them: made only when a script looks at them.
//!
//! They are functions of C, so that each runs in the context that it belongs to, and which knows
//! its virtual user.

use std::{
    ffi::{CString, c_int},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::NonNull,
    rc::Rc,
    sync::OnceLock,
};

use rquickjs::{Ctx, Error, Exception, Object, Result, Value, function::Args, qjs};

use super::{Native, TABLES, api, response};
use crate::js::Vu;

/// All native functions, and their list in the form of QuickJS. Their place is their number.
struct Known {
    natives: Vec<Native>,
    names: Vec<&'static str>,
    list: Entries,
    methods: Entries,
}

/// Properties in the form of QuickJS, which keeps pointers to them: they live as long as the program.
pub(super) struct Entries(pub(super) Vec<qjs::JSCFunctionListEntry>);

// SAFETY: the list is never changed; the pointers in it lead to names that are never freed.
unsafe impl Send for Entries {}
// SAFETY: as above.
unsafe impl Sync for Entries {}

impl Entries {
    /// Gives `object` the properties. The functions among them are made when they are asked for.
    pub(super) fn put(&'static self, ctx: &Ctx<'_>, object: &Object<'_>) {
        let count = c_int::try_from(self.0.len()).unwrap_or(0);
        // SAFETY: the context and the object are alive, and the list is never freed.
        unsafe {
            qjs::JS_SetPropertyFunctionList(
                ctx.as_raw().as_ptr(),
                object.as_value().as_raw(),
                self.0.as_ptr(),
                count,
            );
        }
    }
}

/// Returns a property that scripts see, in the form of QuickJS.
pub(super) fn entry(
    name: &str,
    kind: u32,
    magic: i16,
    what: qjs::JSCFunctionListEntry__bindgen_ty_1,
) -> qjs::JSCFunctionListEntry {
    let name = CString::new(name).unwrap_or_default();
    qjs::JSCFunctionListEntry {
        name: name.into_raw(),
        prop_flags: (qjs::JS_PROP_WRITABLE | qjs::JS_PROP_CONFIGURABLE | qjs::JS_PROP_ENUMERABLE)
            as u8,
        def_type: kind as u8,
        magic,
        u: what,
    }
}

fn function(name: &str, function: Function, magic: i16) -> qjs::JSCFunctionListEntry {
    // What begins with a capital letter is called with `new`.
    let is_class = name.starts_with(char::is_uppercase);
    let kind = if is_class {
        qjs::JSCFunctionEnum_JS_CFUNC_constructor_or_func_magic
    } else {
        qjs::JSCFunctionEnum_JS_CFUNC_generic_magic
    };
    let what = qjs::JSCFunctionListEntry__bindgen_ty_1 {
        func: qjs::JSCFunctionListEntry__bindgen_ty_1__bindgen_ty_1 {
            length: 0,
            cproto: kind as u8,
            cfunc: qjs::JSCFunctionType {
                generic_magic: Some(function),
            },
        },
    };
    entry(name, qjs::JS_DEF_CFUNC, magic, what)
}

/// Returns the native function `name` as a property.
pub(super) fn native(name: &str) -> Option<qjs::JSCFunctionListEntry> {
    let place = TABLES
        .iter()
        .copied()
        .flatten()
        .position(|it| it.0 == name)?;
    Some(function(name, call, i16::try_from(place).ok()?))
}

/// Returns as a property what is written in JavaScript under the same name.
pub(super) fn passed(name: &str) -> Option<qjs::JSCFunctionListEntry> {
    let place = written().position(|it| it == name)?;
    Some(function(name, pass, i16::try_from(place).ok()?))
}

type Function = unsafe extern "C" fn(
    *mut qjs::JSContext,
    qjs::JSValue,
    c_int,
    *mut qjs::JSValue,
    c_int,
) -> qjs::JSValue;

/// Methods of answers.
const METHODS: [&str; 5] = ["json", "toJSON", "html", "submitForm", "clickLink"];

/// Returns the names of what is written in JavaScript, and evaluated when one of them is called.
fn written() -> impl Iterator<Item = &'static str> {
    let exported = api::ALL.iter().flat_map(|it| it.passed);
    METHODS.iter().chain(exported).copied()
}

fn known() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let all = TABLES.iter().copied().flatten();
        let hidden = |mut it: qjs::JSCFunctionListEntry| {
            it.prop_flags &= !(qjs::JS_PROP_ENUMERABLE as u8);
            it
        };
        let list = all.clone().filter_map(|it| native(it.0));
        let methods = METHODS.iter().filter_map(|it| passed(it)).map(hidden);
        Known {
            list: Entries(list.map(hidden).collect()),
            methods: Entries(methods.collect()),
            names: all.clone().map(|it| it.0).collect(),
            natives: all.map(|it| it.1).collect(),
        }
    })
}

/// Lets native functions find their virtual user, until [`forget`].
pub(super) fn remember(ctx: &Ctx<'_>, vu: &Rc<Vu>) {
    let vu = Rc::as_ptr(vu).cast_mut().cast::<std::ffi::c_void>();
    // SAFETY: the pointer is that of a virtual user whose fiber keeps it alive while the context has it.
    unsafe { qjs::JS_SetContextOpaque(ctx.as_raw().as_ptr(), vu) };
}

/// Puts the native function `name` on `object`. Returns whether there is one.
pub(super) fn put(ctx: &Ctx<'_>, object: &Object<'_>, name: &str) -> bool {
    let known = known();
    let Some(place) = known.names.iter().position(|it| *it == name) else {
        return false;
    };
    // SAFETY: the context and the object are alive; the list is never freed, and has this place.
    let made = unsafe {
        let entry = known.list.0.as_ptr().add(place);
        qjs::JS_SetPropertyFunctionList(ctx.as_raw().as_ptr(), object.as_value().as_raw(), entry, 1)
    };
    made >= 0
}

/// Gives the prototype of answers its parts and methods. One function gets and sets a part: each
/// virtual user has its own.
pub(super) fn put_answers(ctx: &Ctx<'_>, prototype: &Object<'_>) -> Result<()> {
    let context = ctx.as_raw().as_ptr();
    let flags = qjs::JS_PROP_CONFIGURABLE | qjs::JS_PROP_ENUMERABLE;
    for (magic, (name, _)) in (0..).zip(response::PARTS) {
        let what = qjs::JSCFunctionType {
            generic_magic: Some(part),
        };
        let kind = qjs::JSCFunctionEnum_JS_CFUNC_generic_magic;
        let object = prototype.as_value().as_raw();
        // SAFETY: the context and the prototype are alive; the kind says which function it is. The
        // property takes both references to it, whatever becomes of it, and the atom is freed.
        let made = unsafe {
            let function =
                qjs::JS_NewCFunction2(context, what.generic, c"".as_ptr(), 0, kind, magic);
            let again = qjs::JS_DupValue(context, function);
            let atom = qjs::JS_NewAtomLen(context, name.as_ptr().cast(), name.len() as _);
            let made = qjs::JS_DefinePropertyGetSet(
                context,
                object,
                atom,
                function,
                again,
                flags.cast_signed(),
            );
            qjs::JS_FreeAtom(context, atom);
            made
        };
        if made < 0 {
            return Err(Error::Exception);
        }
    }
    known().methods.put(ctx, prototype);
    Ok(())
}

/// Makes native functions fail from now on, as their virtual user ends.
pub(crate) fn forget(ctx: &Ctx<'_>) {
    // SAFETY: the context is alive.
    unsafe { qjs::JS_SetContextOpaque(ctx.as_raw().as_ptr(), std::ptr::null_mut()) };
}

/// Returns the virtual user of a context.
pub(crate) fn owner(ctx: &Ctx<'_>) -> Option<Rc<Vu>> {
    // SAFETY: the context is alive; what it holds is null or comes from an `Rc` that is alive.
    unsafe {
        let vu = qjs::JS_GetContextOpaque(ctx.as_raw().as_ptr()).cast::<Vu>();
        if vu.is_null() {
            return None;
        }
        Rc::increment_strong_count(vu);
        Some(Rc::from_raw(vu))
    }
}

unsafe extern "C" fn call(
    context: *mut qjs::JSContext,
    this: qjs::JSValue,
    count: c_int,
    arguments: *mut qjs::JSValue,
    magic: c_int,
) -> qjs::JSValue {
    // SAFETY: called by QuickJS with what is alive during the call.
    unsafe {
        guarded(context, this, count, arguments, |ctx, _, given| {
            answer(ctx, given, magic as usize)
        })
    }
}

/// Gets a part of an answer, or with a value puts that in its place.
unsafe extern "C" fn part(
    context: *mut qjs::JSContext,
    this: qjs::JSValue,
    count: c_int,
    arguments: *mut qjs::JSValue,
    magic: c_int,
) -> qjs::JSValue {
    // SAFETY: as above.
    unsafe {
        guarded(
            context,
            this,
            count,
            arguments,
            |ctx, this, given| match given.first() {
                None => response::part(ctx, &this, magic as usize),
                Some(value) => response::replace(ctx, &this, magic as usize, value.clone()),
            },
        )
    }
}

unsafe extern "C" fn pass(
    context: *mut qjs::JSContext,
    this: qjs::JSValue,
    count: c_int,
    arguments: *mut qjs::JSValue,
    magic: c_int,
) -> qjs::JSValue {
    // SAFETY: as above.
    unsafe {
        guarded(context, this, count, arguments, |ctx, this, given| {
            let hidden: Object<'_> = ctx.globals().get("__k6")?;
            let name = written().nth(magic as usize).unwrap_or_default();
            let function: rquickjs::Function<'_> =
                hidden.get::<_, Object<'_>>("rest")?.get(name)?;
            let mut passed = Args::new(ctx.clone(), given.len());
            passed.this(this)?;
            passed.push_args(given.iter().cloned())?;
            function.call_arg(passed)
        })
    }
}

/// Runs `work` on what QuickJS calls with.
///
/// # Safety
///
/// The context, `this` and the arguments must be alive.
unsafe fn guarded(
    context: *mut qjs::JSContext,
    this: qjs::JSValue,
    count: c_int,
    arguments: *mut qjs::JSValue,
    work: impl for<'js> FnOnce(&Ctx<'js>, Value<'js>, &[Value<'js>]) -> Result<Value<'js>>,
) -> qjs::JSValue {
    let work = AssertUnwindSafe(|| {
        let Some(context) = NonNull::new(context) else {
            return qjs::JS_EXCEPTION;
        };
        // SAFETY: QuickJS calls with a context that is alive during the call.
        let ctx = unsafe { Ctx::from_raw(context) };
        // SAFETY: what QuickJS calls with is alive during the call.
        let (this, given) = unsafe { (owned(&ctx, this), all_owned(&ctx, count, arguments)) };
        match work(&ctx, this, &given) {
            // SAFETY: the caller gets a reference of its own.
            Ok(value) => unsafe { qjs::JS_DupValue(context.as_ptr(), value.as_raw()) },
            Err(Error::Exception) => qjs::JS_EXCEPTION,
            Err(err) => thrown(&ctx, &err),
        }
    });
    // A panic must not unwind through the frames of QuickJS.
    catch_unwind(work).unwrap_or_else(|_| panicked(context))
}

/// Returns a value of QuickJS with a reference of its own.
///
/// # Safety
///
/// The value must be alive.
unsafe fn owned<'js>(ctx: &Ctx<'js>, value: qjs::JSValue) -> Value<'js> {
    // SAFETY: as promised.
    unsafe { Value::from_raw(ctx.clone(), qjs::JS_DupValue(ctx.as_raw().as_ptr(), value)) }
}

// By themselves, as the frames of native functions stand under all that they call, on a stack of
// which each virtual user has its own.
#[inline(never)]
unsafe fn all_owned<'js>(
    ctx: &Ctx<'js>,
    count: c_int,
    arguments: *mut qjs::JSValue,
) -> Vec<Value<'js>> {
    let places = 0..usize::try_from(count).unwrap_or(0);
    // SAFETY: QuickJS says how many arguments there are.
    let all = places.map(|place| unsafe { owned(ctx, *arguments.add(place)) });
    all.collect()
}

#[cold]
#[inline(never)]
fn thrown(ctx: &Ctx<'_>, err: &Error) -> qjs::JSValue {
    let _ = Exception::throw_type(ctx, &err.to_string());
    qjs::JS_EXCEPTION
}

#[cold]
#[inline(never)]
fn panicked(context: *mut qjs::JSContext) -> qjs::JSValue {
    if let Some(context) = NonNull::new(context) {
        // SAFETY: QuickJS calls with a context that is alive during the call.
        let ctx = unsafe { Ctx::from_raw(context) };
        let _ = Exception::throw_internal(&ctx, "a native function failed");
    }
    qjs::JS_EXCEPTION
}

fn answer<'js>(ctx: &Ctx<'js>, given: &[Value<'js>], place: usize) -> Result<Value<'js>> {
    match (known().natives.get(place), owner(ctx)) {
        (Some(native), Some(vu)) => native(&vu, ctx, given),
        _ => Err(super::throw(ctx, "the virtual user has ended")),
    }
}
