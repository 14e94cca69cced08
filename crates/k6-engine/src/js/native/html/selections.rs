//! What scripts ask of selected nodes.

use std::{collections::HashSet, rc::Rc};

use rquickjs::{Array, Class, Ctx, IntoJs as _, Object, Result, Value};

use super::{JsSelected, Selected, number_at, prototype, prototype_at, selected, this, wrap};
use crate::{
    html::{Chosen, Id, ROOT, Relation, Selector, find, related, unique},
    js::{
        Vu,
        native::{Native, given, interrupted, text_at, throw, undefined},
    },
};

pub(in crate::js::native) const TABLE: &[(&str, Native)] = &[
    ("htmlFind", find_in),
    ("htmlRelated", related_to),
    ("htmlClosest", closest),
    ("htmlKeep", keep),
    ("htmlAdd", add),
    ("htmlPick", pick),
    ("htmlEnd", end),
    ("htmlSize", size),
    ("htmlText", text),
    ("htmlName", name),
    ("htmlUrl", url),
    ("htmlInner", inner),
    ("htmlAttribute", attribute),
    ("htmlIndex", index),
    ("htmlAt", at),
];

fn find_in<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, object) = this(ctx, arguments)?;
    let found = choosing(&from, arguments, 1, |chosen| {
        find(&from.document, &from.nodes, chosen, || vu.must_end())
    })?;
    let nodes = found.ok_or_else(|| interrupted(ctx))?;
    more(ctx, &from, &object, nodes)
}

/// The relation, what ends it, and a selector that is kept of it.
fn related_to<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, object) = this(ctx, arguments)?;
    let relation = match text_at(arguments, 1)?.as_str() {
        "children" => Relation::Children,
        "contents" => Relation::Contents,
        "parent" => Relation::Parent,
        "parents" => Relation::Parents,
        "next" => Relation::Next,
        "nextAll" => Relation::NextAll,
        "prev" => Relation::Previous,
        "prevAll" => Relation::PreviousAll,
        _ => Relation::Siblings,
    };
    let document = &from.document;
    let mut nodes = if given(arguments, 2).is_some() {
        choosing(&from, arguments, 2, |until| {
            related(document, &from.nodes, relation, Some(until))
        })?
    } else {
        related(document, &from.nodes, relation, None)
    };
    if given(arguments, 3).is_some() {
        let selector = Selector::parse(&text_at(arguments, 3)?);
        nodes.retain(|it| selector.matches(document, *it));
    }
    more(ctx, &from, &object, nodes)
}

fn closest<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, object) = this(ctx, arguments)?;
    let nodes = choosing(&from, arguments, 1, |chosen| {
        let each = from.nodes.iter();
        unique(each.filter_map(|it| from.document.closest(*it, chosen)))
    })?;
    more(ctx, &from, &object, nodes)
}

/// Keeps what is chosen (`filter`), what is not (`not`), or what has it in itself (`has`).
fn keep<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, object) = this(ctx, arguments)?;
    let how = text_at(arguments, 2)?;
    let document = &from.document;
    let nodes = choosing(&from, arguments, 1, |chosen| {
        let mut nodes = from.nodes.clone();
        if how == "has" {
            let inner = match chosen {
                Chosen::Among(others, _) => others.to_vec(),
                Chosen::By(_) => find(document, &[ROOT], chosen, || vu.must_end())?,
            };
            let around = related(document, &inner, Relation::Parents, None);
            // The document itself is around all of it, and no element.
            let outer: HashSet<Id> = around.into_iter().chain([ROOT]).collect();
            nodes.retain(|it| outer.contains(it) && (*it != ROOT || !inner.is_empty()));
            return Some(nodes);
        }
        let wanted = how == "filter";
        let mut is_stopped = false;
        nodes.retain(|it| {
            is_stopped = is_stopped || vu.must_end();
            !is_stopped && chosen.has(document, *it) == wanted
        });
        if is_stopped {
            return None;
        }
        Some(nodes)
    })?;
    let nodes = nodes.ok_or_else(|| interrupted(ctx))?;
    more(ctx, &from, &object, nodes)
}

fn add<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, object) = this(ctx, arguments)?;
    let others = selected(arguments, 1);
    if others.is_some_and(|it| !it.nodes.is_empty() && !Rc::ptr_eq(&it.document, &from.document)) {
        return Err(throw(
            ctx,
            "what is selected in two pages cannot be one selection",
        ));
    }
    let found = choosing(&from, arguments, 1, |chosen| match chosen {
        Chosen::Among(others, _) => Some(others.to_vec()),
        Chosen::By(_) => find(&from.document, &[ROOT], chosen, || vu.must_end()),
    })?;
    let found = found.ok_or_else(|| interrupted(ctx))?;
    let nodes = unique(from.nodes.iter().copied().chain(found));
    more(ctx, &from, &object, nodes)
}

/// Selects the nodes at these places.
fn pick<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, object) = this(ctx, arguments)?;
    let mut nodes = Vec::new();
    let places = given(arguments, 1).and_then(Value::as_array);
    for place in places.into_iter().flat_map(Array::iter::<usize>) {
        nodes.extend(from.nodes.get(place?));
    }
    more(ctx, &from, &object, nodes)
}

fn end<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, object) = this(ctx, arguments)?;
    let prototype = prototype(ctx, object.get_prototype())?;
    match &from.previous {
        Some(inner) => {
            let inner = Rc::clone(inner);
            Ok(Class::instance_proto(JsSelected { inner }, prototype)?.into_value())
        }
        None => wrap(ctx, &from.document, Vec::new(), None, prototype),
    }
}

fn size<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, _) = this(ctx, arguments)?;
    Ok(Value::new_number(ctx.clone(), from.nodes.len() as f64))
}

fn text<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, _) = this(ctx, arguments)?;
    let mut text = String::new();
    for id in &from.nodes {
        from.document.text_into(*id, &mut text);
    }
    text.into_js(ctx)
}

/// Returns the name of the first node, empty where it is no element.
fn name<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, _) = this(ctx, arguments)?;
    let first = from.nodes.first();
    first.map_or("", |it| from.document.name(*it)).into_js(ctx)
}

fn url<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, _) = this(ctx, arguments)?;
    from.document.url.as_str().into_js(ctx)
}

fn inner<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, _) = this(ctx, arguments)?;
    let inner = match from.nodes.first() {
        Some(id) => from.document.inner(*id),
        None => Some(String::new()),
    };
    inner.map_or_else(|| Ok(undefined(ctx)), |it| it.into_js(ctx))
}

fn attribute<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, _) = this(ctx, arguments)?;
    let name = text_at(arguments, 1)?;
    let first = from.nodes.first();
    match first.and_then(|it| from.document.attribute(*it, &name)) {
        Some(value) => value.into_js(ctx),
        None => Ok(undefined(ctx)),
    }
}

/// Returns where the first node stands: among its siblings, in what a selector finds, or, where others
/// are given, where the first of those stands among these.
fn index<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, _) = this(ctx, arguments)?;
    let first = from.nodes.first().copied();
    let place = if let Some(others) = selected(arguments, 1) {
        let is_same_page = Rc::ptr_eq(&others.document, &from.document);
        let wanted = others.nodes.first().filter(|_| is_same_page);
        wanted.and_then(|it| from.nodes.iter().position(|one| one == it))
    } else if given(arguments, 1).is_some() {
        let all = choosing(&from, arguments, 1, |chosen| {
            find(&from.document, &[ROOT], chosen, || vu.must_end())
        })?;
        let all = all.ok_or_else(|| interrupted(ctx))?;
        first.and_then(|it| all.iter().position(|one| *one == it))
    } else {
        first.map(|it| from.document.index(it))
    };
    Ok(Value::new_number(
        ctx.clone(),
        place.map_or(-1.0, |it| it as f64),
    ))
}

/// Selects the node at a place, and remembers from what where the last argument says so.
fn at<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (from, _) = this(ctx, arguments)?;
    let prototype = prototype_at(ctx, arguments, 2)?;
    let place = usize::try_from(number_at(arguments, 1)).unwrap_or(usize::MAX);
    let nodes = from.nodes.get(place).copied().into_iter().collect();
    let remembers = given(arguments, 3).and_then(Value::as_bool) == Some(true);
    let previous = remembers.then(|| Rc::clone(&from));
    wrap(ctx, &from.document, nodes, previous, prototype)
}

/// Calls `work` with what an argument chooses in a page: a selector, or nodes.
fn choosing<T>(
    from: &Selected,
    arguments: &[Value<'_>],
    place: usize,
    work: impl FnOnce(&Chosen<'_>) -> T,
) -> Result<T> {
    Ok(match selected(arguments, place) {
        Some(others) if Rc::ptr_eq(&others.document, &from.document) => {
            work(&Chosen::among(&others.nodes))
        }
        Some(_) => work(&Chosen::among(&[])),
        None => work(&Chosen::By(Selector::parse(&text_at(arguments, place)?))),
    })
}

/// Returns nodes that were selected from `from`, as an object of its kind.
fn more<'js>(
    ctx: &Ctx<'js>,
    from: &Rc<Selected>,
    object: &Object<'js>,
    nodes: Vec<Id>,
) -> Result<Value<'js>> {
    let prototype = prototype(ctx, object.get_prototype())?;
    wrap(ctx, &from.document, nodes, Some(Rc::clone(from)), prototype)
}
