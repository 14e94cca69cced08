//! What scripts find without an import, made only when they look at it.
//!
//! A context of its own for each virtual user is most of the memory that it takes, and few scripts
//! look at `Uint8Array`, `Map` or `setTimeout`. So a context begins without them. Behind its global
//! object stands one that is asked for every name that is not there; what it knows, it puts on the
//! global object, where it stays. The native functions are made in the same way.

use std::{
    ffi::{CStr, c_int},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::{self, NonNull},
};

use rquickjs::{Ctx, Exception, Object, Result, object::Property, promise::PromiseState, qjs};

use super::native;

/// The classes of the objects that are asked, in one runtime.
#[derive(Clone, Copy, Debug)]
pub(super) struct Classes {
    globals: qjs::JSClassID,
    natives: qjs::JSClassID,
}

type Asked = unsafe extern "C" fn(
    *mut qjs::JSContext,
    *mut qjs::JSPropertyDescriptor,
    qjs::JSValue,
    qjs::JSAtom,
) -> c_int;

const fn methods(asked: Asked) -> qjs::JSClassExoticMethods {
    qjs::JSClassExoticMethods {
        get_own_property: Some(asked),
        get_own_property_names: None,
        delete_property: None,
        define_own_property: None,
        has_property: None,
        get_property: None,
        set_property: None,
    }
}

static GLOBALS: qjs::JSClassExoticMethods = methods(ask_globals);
static NATIVES: qjs::JSClassExoticMethods = methods(ask_natives);

impl Classes {
    /// Makes the classes in a runtime.
    ///
    /// # Safety
    ///
    /// The runtime must be alive.
    pub(super) unsafe fn new(runtime: *mut qjs::JSRuntime) -> Option<Self> {
        let class = |name: &'static CStr, methods: &'static qjs::JSClassExoticMethods| {
            let definition = qjs::JSClassDef {
                class_name: name.as_ptr(),
                finalizer: None,
                gc_mark: None,
                call: None,
                exotic: ptr::from_ref(methods).cast_mut(),
            };
            let mut id = 0;
            // SAFETY: the runtime is alive; the name and the methods live as long as the program, and
            // QuickJS only reads them.
            let made = unsafe {
                qjs::JS_NewClassID(runtime, &raw mut id);
                qjs::JS_NewClass(runtime, id, &raw const definition)
            };
            (made == 0).then_some(id)
        };
        Some(Self {
            globals: class(c"Global", &GLOBALS)?,
            natives: class(c"Native", &NATIVES)?,
        })
    }

    /// Puts the one that knows the global names behind the global object of a context.
    pub(super) fn stand_behind(self, ctx: &Ctx<'_>) -> Result<()> {
        let globals = ctx.globals();
        let ordinary = globals.get_prototype();
        let behind = self.make(ctx, self.globals)?;
        behind.set_prototype(ordinary.as_ref())?;
        globals.set_prototype(Some(&behind))
    }

    /// Makes an object that knows the native functions.
    pub(super) fn natives<'js>(self, ctx: &Ctx<'js>) -> Result<Object<'js>> {
        let object = self.make(ctx, self.natives)?;
        object.set_prototype(None)?;
        Ok(object)
    }

    #[expect(
        clippy::unused_self,
        reason = "who has classes has a runtime with them"
    )]
    fn make<'js>(self, ctx: &Ctx<'js>, class: qjs::JSClassID) -> Result<Object<'js>> {
        // SAFETY: the class is one of this runtime; the value is new and belongs to the caller.
        let value = unsafe {
            let raw = qjs::JS_NewObjectClass(ctx.as_raw().as_ptr(), class);
            rquickjs::Value::from_raw(ctx.clone(), raw)
        };
        value.into_object().ok_or(rquickjs::Error::Exception)
    }
}

/// Calls `make` with the name of an atom. What it says is whether the property now is on `holder`.
unsafe fn ask(
    context: *mut qjs::JSContext,
    descriptor: *mut qjs::JSPropertyDescriptor,
    holder: impl FnOnce(&Ctx<'_>) -> qjs::JSValue,
    atom: qjs::JSAtom,
    make: impl FnOnce(&Ctx<'_>, &str) -> Result<bool>,
) -> c_int {
    let work = AssertUnwindSafe(|| {
        let Some(pointer) = NonNull::new(context) else {
            return 0;
        };
        // SAFETY: QuickJS asks with a context that is alive during the call, and an atom of it.
        let (ctx, text) = unsafe {
            (
                Ctx::from_raw(pointer),
                qjs::JS_AtomToCStringLen(context, ptr::null_mut(), atom),
            )
        };
        if text.is_null() {
            return -1;
        }
        // SAFETY: the text was made above, ends with a zero, and is freed below.
        let name = unsafe { CStr::from_ptr(text) }.to_string_lossy();
        let is_there = make(&ctx, &name);
        drop(name);
        // SAFETY: as above.
        unsafe { qjs::JS_FreeCString(context, text) };
        match is_there {
            // SAFETY: the holder is alive; the descriptor is QuickJS's own.
            Ok(true) => unsafe { qjs::JS_GetOwnProperty(context, descriptor, holder(&ctx), atom) },
            Ok(false) => 0,
            Err(rquickjs::Error::Exception) => -1,
            Err(err) => {
                let _ = Exception::throw_internal(&ctx, &err.to_string());
                -1
            }
        }
    });
    // A panic must not unwind through the frames of QuickJS.
    catch_unwind(work).unwrap_or(0)
}

unsafe extern "C" fn ask_globals(
    context: *mut qjs::JSContext,
    descriptor: *mut qjs::JSPropertyDescriptor,
    _: qjs::JSValue,
    atom: qjs::JSAtom,
) -> c_int {
    let holder = |ctx: &Ctx<'_>| ctx.globals().into_value().as_raw();
    // SAFETY: QuickJS asks with what is alive. The global object lives as long as its context.
    unsafe { ask(context, descriptor, holder, atom, global) }
}

unsafe extern "C" fn ask_natives(
    context: *mut qjs::JSContext,
    descriptor: *mut qjs::JSPropertyDescriptor,
    object: qjs::JSValue,
    atom: qjs::JSAtom,
) -> c_int {
    let make = |ctx: &Ctx<'_>, name: &str| {
        // SAFETY: QuickJS asks for an object that is alive; the value gets a reference of its own.
        let object = unsafe {
            let raw = qjs::JS_DupValue(context, object);
            rquickjs::Value::from_raw(ctx.clone(), raw)
        };
        match object.as_object() {
            Some(object) => native::make(ctx, object, name),
            None => Ok(false),
        }
    };
    // SAFETY: as above.
    unsafe { ask(context, descriptor, |_| object, atom, make) }
}

/// Puts the global `name` where scripts find it. Returns whether there is one.
fn global(ctx: &Ctx<'_>, name: &str) -> Result<bool> {
    let add: unsafe extern "C" fn(*mut qjs::JSContext) -> c_int = match name {
        "Date" => qjs::JS_AddIntrinsicDate,
        "JSON" => qjs::JS_AddIntrinsicJSON,
        "Proxy" => qjs::JS_AddIntrinsicProxy,
        "Map" | "Set" | "WeakMap" | "WeakSet" => qjs::JS_AddIntrinsicMapSet,
        "performance" => qjs::JS_AddPerformance,
        "ArrayBuffer" | "SharedArrayBuffer" | "DataView" | "Atomics" | "Int8Array"
        | "Uint8Array" | "Uint8ClampedArray" | "Int16Array" | "Uint16Array" | "Int32Array"
        | "Uint32Array" | "BigInt64Array" | "BigUint64Array" | "Float16Array" | "Float32Array"
        | "Float64Array" => qjs::JS_AddIntrinsicTypedArrays,
        "console" => return evaluate(ctx, "<console>").map(|()| true),
        "crypto" => return evaluate(ctx, "<crypto>").map(|()| true),
        "setTimeout" | "setInterval" | "clearTimeout" | "clearInterval" => {
            return evaluate(ctx, "<timers>").map(|()| true);
        }
        "open" | "require" => return native::make(ctx, &ctx.globals(), name),
        "global" => {
            let global = Property::from(ctx.globals()).configurable().writable();
            return ctx.globals().prop(name, global).map(|()| true);
        }
        "__ENV" => return native::environment(ctx).map(|()| true),
        _ => return Ok(false),
    };
    // Each is made once: a script may remove or replace the names, not what is behind them.
    let Some(vu) = native::owner(ctx) else {
        return Ok(false);
    };
    let mut added = vu.intrinsics.borrow_mut();
    if added.contains(&(add as usize)) {
        return Ok(false);
    }
    added.push(add as usize);
    drop(added);
    // SAFETY: the context is alive, and was made without this.
    if unsafe { add(ctx.as_raw().as_ptr()) } < 0 {
        return Err(rquickjs::Error::Exception);
    }
    Ok(true)
}

/// Makes bytes possible in a context that may not have had any yet.
pub(super) fn with_bytes(ctx: &Ctx<'_>) -> Result<()> {
    ctx.globals().contains_key("ArrayBuffer").map(|_| ())
}

/// Evaluates a module that no script can import.
pub(super) fn evaluate(ctx: &Ctx<'_>, name: &str) -> Result<()> {
    let vu = native::owner(ctx).ok_or(rquickjs::Error::Unknown)?;
    let (_, promise) = vu.shared.modules.load(ctx, name)?.eval()?;
    if promise.state() == PromiseState::Rejected
        && let Some(Err(err)) = promise.result::<()>()
    {
        return Err(err);
    }
    Ok(())
}
