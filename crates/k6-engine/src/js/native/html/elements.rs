//! What scripts ask of one element or another node.

use std::rc::Rc;

use rquickjs::{Array, Class, Ctx, Function, IntoJs as _, Object, Result, Value};

use super::{JsSelected, Selected, number_at, prototype_at, selected, this, wrap};
use crate::{
    html::{Address, Id, Kind, ROOT},
    js::{
        Vu,
        native::{Native, given, text, text_at, throw, undefined},
    },
};

pub(in crate::js::native) const TABLE: &[(&str, Native)] = &[
    ("htmlAs", as_other),
    ("htmlElement", element),
    ("htmlRelative", relative),
    ("htmlNode", node),
    ("htmlAttributes", attributes),
    ("htmlCompare", compare),
    ("htmlAddress", address),
];

/// Returns the same nodes with another prototype.
fn as_other<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (inner, _) = this(ctx, arguments)?;
    let prototype = prototype_at(ctx, arguments, 1)?;
    Ok(Class::instance_proto(JsSelected { inner }, prototype)?.into_value())
}

/// Returns a node as the element that it is. `kinds` is the function that has the prototypes.
fn as_element<'js>(
    ctx: &Ctx<'js>,
    from: &Rc<Selected>,
    id: Id,
    previous: Option<&Rc<Selected>>,
    kinds: Option<&Value<'js>>,
) -> Result<Value<'js>> {
    let kinds = kinds.and_then(Value::as_function);
    let Some(kinds) = kinds else {
        return Err(throw(ctx, "there are no kinds of elements"));
    };
    let prototype: Object<'js> = Function::call(kinds, (from.document.name(id),))?;
    wrap(ctx, &from.document, vec![id], previous.cloned(), prototype)
}

fn element<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, _) = this(ctx, arguments)?;
    let place = usize::try_from(number_at(arguments, 1)).unwrap_or(usize::MAX);
    match from.nodes.get(place) {
        Some(id) => as_element(ctx, &from, *id, Some(&from), arguments.get(2)),
        None => Ok(undefined(ctx)),
    }
}

/// Returns the element in a relation to one.
fn relative<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, _) = this(ctx, arguments)?;
    let document = &from.document;
    let is_element = |it: &Id| document.is_element(*it);
    let id = from.nodes.first().copied().unwrap_or(ROOT);
    let which = text_at(arguments, 1)?;
    let found = match which.as_str() {
        "firstChild" => document.first(id),
        "lastChild" => document.last(id),
        "nextSibling" => document.next(id),
        "previousSibling" => document.previous(id),
        "parentNode" => document.parent(id),
        "parentElement" => document.parent(id).filter(is_element),
        "nextElementSibling" => document.later(id).find(is_element),
        "previousElementSibling" => document.earlier(id).find(is_element),
        _ => Some(ROOT),
    };
    match found {
        Some(id) => {
            let previous = Some(&from).filter(|_| which.contains("Element"));
            as_element(ctx, &from, id, previous, arguments.get(2))
        }
        None => Ok(undefined(ctx)),
    }
}

/// Returns a number for the kind of a node, its name, its namespace, and the text of a text.
fn node<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, _) = this(ctx, arguments)?;
    let id = from.nodes.first().copied().unwrap_or(ROOT);
    let kind = from.document.kind(id);
    let (number, name, space, text) = match kind {
        Kind::Element(element) => (1, element.name(), element.namespace(), None),
        Kind::Text(text) => (3, "#text", "", Some(&**text)),
        Kind::Comment(_) => (8, "#comment", "", Some("")),
        Kind::Document => (9, "#document", "", None),
        Kind::Doctype { name, .. } => (10, &**name, "", None),
    };
    let answer = Array::new(ctx.clone())?;
    answer.set(0, number)?;
    answer.set(1, name)?;
    answer.set(2, space)?;
    answer.set(3, text.map_or(Ok(undefined(ctx)), |it| it.into_js(ctx))?)?;
    Ok(answer.into_value())
}

/// Returns names and values by turns.
fn attributes<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, _) = this(ctx, arguments)?;
    let answer = Array::new(ctx.clone())?;
    let first = from.nodes.first();
    if let Some(element) = first.and_then(|it| from.document.element(*it)) {
        for (place, (name, value)) in element.attributes().enumerate() {
            answer.set(place * 2, name)?;
            answer.set(place * 2 + 1, value)?;
        }
    }
    Ok(answer.into_value())
}

/// Returns whether two elements are the same, are equal, or the first has the other one in itself.
fn compare<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, _) = this(ctx, arguments)?;
    let others = selected(arguments, 1);
    let other = others.as_ref().and_then(|it| it.nodes.first());
    let (Some(others), Some(other), Some(id)) = (&others, other, from.nodes.first()) else {
        return false.into_js(ctx);
    };
    let is_same_page = Rc::ptr_eq(&from.document, &others.document);
    let is = match text_at(arguments, 2)?.as_str() {
        "same" => is_same_page && id == other,
        "equal" => from.document.is_equal(*id, &others.document, *other),
        _ => is_same_page && from.document.contains(*id, *other),
    };
    is.into_js(ctx)
}

/// Returns the parts of an address that stands in a page, with another query where one is given.
/// Nothing where it is no address.
fn address<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, _) = this(ctx, arguments)?;
    let link = text_at(arguments, 1)?;
    let query = given(arguments, 2).map(text).transpose()?;
    let Some(parts) = Address::within(&from.document.url, &link, query.as_deref()) else {
        return Ok(undefined(ctx));
    };
    let answer = Object::new(ctx.clone())?;
    for (name, value) in [
        ("scheme", parts.scheme.as_str()),
        ("username", &parts.username),
        ("password", &parts.password),
        ("host", &parts.host),
        ("hostname", parts.hostname()),
        ("port", parts.port()),
        ("path", &parts.path),
        ("query", &parts.query),
        ("fragment", &parts.fragment),
        ("origin", &parts.origin()),
        ("text", &parts.text),
    ] {
        answer.set(name, value)?;
    }
    Ok(answer.into_value())
}
