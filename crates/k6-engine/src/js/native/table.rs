//! The native functions as QuickJS calls them: made only when a script looks at them.
//!
//! They are functions of C, so that each runs in the context that it belongs to, and which knows
//! its virtual user. A table of them costs a context one word a function.

use std::{
    ffi::{CString, c_int},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::NonNull,
    rc::Rc,
    sync::OnceLock,
};

use rquickjs::{Ctx, Error, Exception, Object, Result, Value, qjs};

use super::{Native, TABLES};
use crate::js::Vu;

/// All native functions, and their list in the form of QuickJS. Their place is their number.
struct Known {
    natives: Vec<Native>,
    list: Vec<qjs::JSCFunctionListEntry>,
}

// SAFETY: the list is never changed; the pointers in it lead to names that are never freed.
unsafe impl Send for Known {}
// SAFETY: as above.
unsafe impl Sync for Known {}

fn known() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let all = TABLES.iter().copied().flatten();
        let list = (0..).zip(all.clone()).map(|(place, (name, _))| {
            let name = CString::new(*name).unwrap_or_default();
            qjs::JSCFunctionListEntry {
                name: name.into_raw(),
                prop_flags: (qjs::JS_PROP_WRITABLE | qjs::JS_PROP_CONFIGURABLE) as u8,
                def_type: qjs::JS_DEF_CFUNC as u8,
                magic: place,
                u: qjs::JSCFunctionListEntry__bindgen_ty_1 {
                    func: qjs::JSCFunctionListEntry__bindgen_ty_1__bindgen_ty_1 {
                        length: 0,
                        cproto: qjs::JSCFunctionEnum_JS_CFUNC_generic_magic as u8,
                        cfunc: qjs::JSCFunctionType {
                            generic_magic: Some(call),
                        },
                    },
                },
            }
        });
        Known {
            list: list.collect(),
            natives: all.map(|it| it.1).collect(),
        }
    })
}

/// Puts all native functions on `object`. They work until [`forget`].
pub(super) fn put(ctx: &Ctx<'_>, object: &Object<'_>, vu: &Rc<Vu>) {
    let known = known();
    // SAFETY: the list is never freed. The pointer is that of a virtual user whose fiber keeps it alive
    // while the context has it.
    unsafe {
        qjs::JS_SetContextOpaque(
            ctx.as_raw().as_ptr(),
            Rc::as_ptr(vu).cast_mut().cast::<std::ffi::c_void>(),
        );
        qjs::JS_SetPropertyFunctionList(
            ctx.as_raw().as_ptr(),
            object.as_value().as_raw(),
            known.list.as_ptr(),
            c_int::try_from(known.list.len()).unwrap_or(0),
        );
    }
}

/// Makes native functions fail from now on, as their virtual user ends.
pub(crate) fn forget(ctx: &Ctx<'_>) {
    // SAFETY: the context is alive.
    unsafe { qjs::JS_SetContextOpaque(ctx.as_raw().as_ptr(), std::ptr::null_mut()) };
}

/// Returns the virtual user of a context.
fn owner(ctx: &Ctx<'_>) -> Option<Rc<Vu>> {
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
    _: qjs::JSValue,
    count: c_int,
    arguments: *mut qjs::JSValue,
    magic: c_int,
) -> qjs::JSValue {
    let work = AssertUnwindSafe(|| {
        let Some(context) = NonNull::new(context) else {
            return qjs::JS_EXCEPTION;
        };
        // SAFETY: QuickJS calls with a context that is alive during the call.
        let ctx = unsafe { Ctx::from_raw(context) };
        let given = (0..count as usize)
            // SAFETY: QuickJS says how many arguments there are; each gets a reference of its own.
            .map(|place| unsafe {
                let value = *arguments.add(place);
                Value::from_raw(ctx.clone(), qjs::JS_DupValue(context.as_ptr(), value))
            });
        let given: Vec<Value<'_>> = given.collect();
        match answer(&ctx, &given, magic as usize) {
            // SAFETY: the caller gets a reference of its own.
            Ok(value) => unsafe { qjs::JS_DupValue(context.as_ptr(), value.as_raw()) },
            Err(Error::Exception) => qjs::JS_EXCEPTION,
            Err(err) => {
                let _ = Exception::throw_type(&ctx, &err.to_string());
                qjs::JS_EXCEPTION
            }
        }
    });
    // A panic must not unwind through the frames of QuickJS.
    catch_unwind(work).unwrap_or_else(|_| {
        if let Some(context) = NonNull::new(context) {
            // SAFETY: as above.
            let ctx = unsafe { Ctx::from_raw(context) };
            let _ = Exception::throw_internal(&ctx, "a native function failed");
        }
        qjs::JS_EXCEPTION
    })
}

fn answer<'js>(ctx: &Ctx<'js>, given: &[Value<'js>], place: usize) -> Result<Value<'js>> {
    match (known().natives.get(place), owner(ctx)) {
        (Some(native), Some(vu)) => native(&vu, ctx, given),
        _ => Err(super::throw(ctx, "the virtual user has ended")),
    }
}
