//! `k6/html`: pages and what is selected in them, as objects of JavaScript that hold places in a page.

use std::rc::Rc;

use rquickjs::{
    Class, Ctx, JsLifetime, Object, Result, Value,
    class::{Trace, Tracer},
    qjs,
};

use super::{Native, given, interrupted, text_at, throw};
use crate::{
    html::{Account, Bill, Broken, Document, Id, ROOT, parse},
    js::Vu,
};

pub(super) mod elements;
pub(super) mod selections;

pub(super) const TABLE: &[(&str, Native)] = &[("htmlParse", make_page)];

/// Selected nodes.
struct Selected {
    document: Rc<Document>,
    nodes: Vec<Id>,
    /// What they were selected from.
    previous: Option<Rc<Self>>,
    _bill: Bill,
}

impl Drop for Selected {
    fn drop(&mut self) {
        // One after another: a chain may be longer than the stack is deep.
        let mut next = self.previous.take();
        while let Some(mut last) = next.and_then(Rc::into_inner) {
            next = last.previous.take();
        }
    }
}

/// Selected nodes, or one element, as an object. Its prototype says which.
#[derive(Clone)]
#[rquickjs::class(rename = "Selection")]
pub(crate) struct JsSelected {
    inner: Rc<Selected>,
}

// SAFETY: the type holds no values of JavaScript, so no lifetime of a context.
unsafe impl JsLifetime<'_> for JsSelected {
    type Changed<'to> = Self;
}

impl<'js> Trace<'js> for JsSelected {
    fn trace<'a>(&self, _: Tracer<'a, 'js>) {}
}

/// Returns what is selected by an argument, if that is such an object.
fn selected(arguments: &[Value<'_>], place: usize) -> Option<Rc<Selected>> {
    let class = Class::<JsSelected>::from_value(arguments.get(place)?).ok()?;
    let inner = class.try_borrow().ok()?.inner.clone();
    Some(inner)
}

fn this<'js>(ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<(Rc<Selected>, Object<'js>)> {
    let object = arguments.first().and_then(Value::as_object);
    match (selected(arguments, 0), object) {
        (Some(selected), Some(object)) => Ok((selected, object.clone())),
        _ => Err(rquickjs::Exception::throw_type(
            ctx,
            "this is no selection and no element",
        )),
    }
}

/// Returns an object for nodes, with a prototype.
fn wrap<'js>(
    ctx: &Ctx<'js>,
    document: &Rc<Document>,
    nodes: Vec<Id>,
    previous: Option<Rc<Selected>>,
    prototype: Object<'js>,
) -> Result<Value<'js>> {
    let bytes = size_of::<Selected>() + nodes.capacity() * size_of::<Id>();
    let account = document.bill.account();
    if !account.has_room(bytes) {
        collect(ctx, account);
        if !account.has_room(bytes) {
            return Err(throw(ctx, &Broken::TooLarge.to_string()));
        }
    }
    let inner = Rc::new(Selected {
        document: Rc::clone(document),
        nodes,
        previous,
        _bill: Bill::new(account, bytes),
    });
    Ok(Class::instance_proto(JsSelected { inner }, prototype)?.into_value())
}

/// Frees what nothing leads to any more.
fn collect(ctx: &Ctx<'_>, account: &Account) {
    // SAFETY: the context is alive, and what is on the stack is counted.
    unsafe { qjs::JS_RunGC(qjs::JS_GetRuntime(ctx.as_raw().as_ptr())) };
    account.swept();
}

fn prototype<'js>(ctx: &Ctx<'js>, known: Option<Object<'js>>) -> Result<Object<'js>> {
    known.ok_or_else(|| throw(ctx, "there is no prototype"))
}

fn prototype_at<'js>(
    ctx: &Ctx<'js>,
    arguments: &[Value<'js>],
    place: usize,
) -> Result<Object<'js>> {
    let object = arguments.get(place).and_then(Value::as_object);
    prototype(ctx, object.cloned())
}

fn make_page<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let source = text_at(arguments, 0)?;
    let prototype = prototype_at(ctx, arguments, 1)?;
    let url = text_at(arguments, 2)?;
    let account = Rc::clone(
        vu.pages
            .borrow_mut()
            .get_or_insert_with(|| Account::new(vu.shared.memory_limit)),
    );
    if account.is_due() {
        collect(ctx, &account);
    }
    let read = || parse(&source, url.clone(), &account, || vu.must_end());
    let mut page = read();
    if matches!(page, Err(Broken::TooLarge)) {
        collect(ctx, &account);
        page = read();
    }
    match page {
        Ok(page) => wrap(ctx, &Rc::new(page), vec![ROOT], None, prototype),
        Err(Broken::Stopped) => Err(interrupted(ctx)),
        Err(broken) => Err(throw(ctx, &broken.to_string())),
    }
}

fn number_at(arguments: &[Value<'_>], place: usize) -> i64 {
    given(arguments, place)
        .and_then(Value::as_number)
        .unwrap_or(0.0) as i64
}
