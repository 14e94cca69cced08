//! `check`, `group`, `sleep` and the metrics of scripts.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use rquickjs::{Coerced, Ctx, Function, Object, Result, Value, atom::PredefinedAtom};

use super::{Native, given, interrupted, tag_text, text, text_at, throw, undefined};
use crate::{
    js::{
        Phase, Vu,
        fiber::{Input, Op},
        vu::{Event, system_tag},
    },
    metrics::{self, Contains, GROUP_DURATION, Kind, Tags},
};

pub(super) const TABLE: &[(&str, Native)] = &[
    ("check", check),
    ("group", group),
    ("sleep", sleep),
    ("fail", fail),
    ("randomSeed", random_seed),
    ("metric", metric),
    ("addSample", add_sample),
    ("timer", timer),
];

/// Returns the tags in an object as pairs of texts. `what` begins the words of the error on a wrong one.
pub(super) fn tags_of(
    ctx: &Ctx<'_>,
    object: &Object<'_>,
    what: &str,
) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for entry in object.props::<String, Value<'_>>() {
        let (key, value) = entry?;
        let Some(value) = tag_text(&value)? else {
            let message = format!(
                "{what}invalid value for metric tag '{key}': only String, Boolean and Number types are accepted as a metric tag values"
            );
            return Err(throw(ctx, &message));
        };
        pairs.push((key, value));
    }
    Ok(pairs)
}

/// Returns whether a function is an asynchronous one.
fn is_async(function: &Function<'_>) -> Result<bool> {
    let tag: Value<'_> = function.get(PredefinedAtom::SymbolToStringTag)?;
    Ok(tag
        .as_string()
        .is_some_and(|it| it.to_string().is_ok_and(|it| it == "AsyncFunction")))
}

fn check<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    if vu.phase.get() == Phase::Init {
        return Err(throw(
            ctx,
            "Using check() in the init context is not supported",
        ));
    }
    let Some(sets) = given(arguments, 1).and_then(Value::as_object) else {
        return Err(throw(ctx, "no checks provided to `check`"));
    };
    let subject = arguments.first().cloned().unwrap_or_else(|| undefined(ctx));
    let extra = match given(arguments, 2).and_then(Value::as_object) {
        Some(tags) => tags_of(ctx, tags, "")?,
        None => Vec::new(),
    };
    let system = vu.defaults.borrow().system_tags;
    let mut all = true;
    for entry in sets.props::<String, Value<'js>>() {
        let (name, test) = entry?;
        if name.contains("::") {
            return Err(throw(ctx, "group and check names may not contain '::'"));
        }
        let (passed, thrown) = match test.as_function() {
            Some(function) => match function.call::<_, Value<'js>>((subject.clone(),)) {
                // A promise is true, whatever it promises.
                Ok(value) if value.is_promise() && is_async(function)? => {
                    return Err(throw(
                        ctx,
                        "the built-in check() does not support async functions as arguments",
                    ));
                }
                Ok(value) => (truth(&value)?, None),
                Err(err) => (false, Some(err)),
            },
            None => (truth(&test)?, None),
        };
        all &= passed;
        let collector = vu.collector.borrow();
        if let Some(collector) = collector.as_ref()
            && !vu.is_cancelled()
        {
            let base = vu.tags.borrow().clone();
            let mut own: Vec<(&str, &str)> = extra
                .iter()
                .map(|it| (it.0.as_str(), it.1.as_str()))
                .collect();
            if system & system_tag("check") != 0 {
                own.push(("check", &name));
            }
            let metadata = vu.metadata.borrow();
            let tags = Tags {
                base: &base,
                own: &own,
                metadata: &metadata,
            };
            metrics::lock(&vu.shard).check(collector, &vu.group.borrow(), &name, passed, tags);
        }
        drop(collector);
        if let Some(err) = thrown {
            return Err(err);
        }
    }
    Ok(Value::new_bool(ctx.clone(), all))
}

fn truth(value: &Value<'_>) -> Result<bool> {
    match value.as_bool() {
        Some(known) => Ok(known),
        None => Ok(value.get::<Coerced<bool>>()?.0),
    }
}

fn group<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    if vu.phase.get() == Phase::Init {
        return Err(throw(
            ctx,
            "Using group() in the init context is not supported",
        ));
    }
    let name = text_at(arguments, 0)?;
    if name.contains("::") {
        return Err(throw(ctx, "group and check names may not contain '::'"));
    }
    let Some(function) = given(arguments, 1).and_then(Value::as_function) else {
        return Err(throw(
            ctx,
            "group() requires a callback as a second argument",
        ));
    };
    if is_async(function)? {
        return Err(throw(
            ctx,
            "group() does not support async functions as arguments",
        ));
    }
    let outer = vu.group.borrow().clone();
    let inner = if name.is_empty() {
        outer.clone()
    } else {
        format!("{outer}::{name}")
    };
    let began = Instant::now();
    enter(vu, &inner);
    let result = function.call::<_, Value<'js>>(());
    vu.sample(GROUP_DURATION, began.elapsed().as_nanos() as f64 / 1e6, &[]);
    // As in k6, whose summary finds groups by the tags of samples.
    if vu.defaults.borrow().system_tags & system_tag("group") != 0 {
        metrics::lock(&vu.shard).enter(&inner);
    }
    enter(vu, &outer);
    result
}

/// Makes `path` the group that samples belong to.
pub(crate) fn enter(vu: &Vu, path: &str) {
    path.clone_into(&mut vu.group.borrow_mut());
    if vu.defaults.borrow().system_tags & system_tag("group") != 0 {
        vu.set_tag("group", Some(path));
    }
}

fn sleep<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let seconds = match given(arguments, 0) {
        Some(value) => value.get::<Coerced<f64>>()?.0,
        None => 0.0,
    };
    let duration = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    match vu.suspend(Op::Sleep(duration)) {
        Input::Done => Ok(undefined(ctx)),
        _ => Err(interrupted(ctx)),
    }
}

fn fail<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    Err(throw(ctx, &text_at(arguments, 0)?))
}

fn random_seed<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let seed = match given(arguments, 0) {
        Some(value) => value.get::<Coerced<f64>>()?.0,
        None => 0.0,
    };
    vu.random.set(seed.to_bits());
    let inner = Rc::clone(vu);
    let math: Object<'js> = ctx.globals().get("Math")?;
    // 53 random bits over 2^53: every value below one is as likely as another.
    let random = Function::new(ctx.clone(), move || {
        (inner.random_bits() >> 11) as f64 / (1_u64 << 53) as f64
    })?;
    math.set("random", random)?;
    Ok(undefined(ctx))
}

fn metric<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    if vu.phase.get() != Phase::Init {
        return Err(throw(ctx, "metrics must be declared in the init context"));
    }
    let kind = match text_at(arguments, 0)?.as_str() {
        "counter" => Kind::Counter,
        "gauge" => Kind::Gauge,
        "rate" => Kind::Rate,
        _ => Kind::Trend,
    };
    let is_time = given(arguments, 2)
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let contains = if is_time {
        Contains::Time
    } else {
        Contains::Default
    };
    let name = text_at(arguments, 1)?;
    let registered = match vu.collector.borrow().as_ref() {
        Some(collector) => collector.registry.register(&name, kind, contains),
        None => vu.shared.registry.register(&name, kind, contains),
    };
    let id = registered.map_err(|err| throw(ctx, &err))?;
    Ok(Value::new_number(ctx.clone(), id as f64))
}

fn add_sample<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    if vu.phase.get() == Phase::Init {
        return Err(throw(
            ctx,
            "Adding to metrics in the init context is not supported",
        ));
    }
    let id = given(arguments, 0)
        .and_then(Value::as_number)
        .unwrap_or(-1.0);
    let id = id as usize;
    let value = match given(arguments, 1) {
        Some(value) => value.get::<Coerced<f64>>()?.0,
        None => f64::NAN,
    };
    if !value.is_finite() {
        let metric = metric_name(vu, id);
        let told = match arguments.get(1).map(text).transpose()? {
            Some(told) => format!("'{told}' is an invalid value"),
            None => "no value was provided".to_owned(),
        };
        let message =
            format!("{told} for metric '{metric}', a number or a boolean value is expected");
        if vu.defaults.borrow().throw {
            return Err(throw(ctx, &message));
        }
        (vu.shared.console)(crate::js::Level::Warning, &message);
        return Ok(Value::new_bool(ctx.clone(), false));
    }
    let extra = match given(arguments, 2).and_then(Value::as_object) {
        Some(tags) => {
            let metric = metric_name(vu, id);
            let what = format!("cannot add tags for the '{metric}' custom metric: ");
            tags_of(ctx, tags, &what)?
        }
        None => Vec::new(),
    };
    let own: Vec<(&str, &str)> = extra
        .iter()
        .map(|it| (it.0.as_str(), it.1.as_str()))
        .collect();
    vu.sample(id, value, &own);
    Ok(Value::new_bool(ctx.clone(), true))
}

fn metric_name(vu: &Vu, id: metrics::Id) -> String {
    let collector = vu.collector.borrow();
    let definition = collector.as_ref().and_then(|it| it.registry.get(id));
    definition.map(|it| it.name).unwrap_or_default()
}

fn timer<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let delay = given(arguments, 0)
        .and_then(Value::as_number)
        .unwrap_or(0.0);
    let delay = Duration::try_from_secs_f64(delay / 1e3).unwrap_or_default();
    let id = shelve(vu, ctx, arguments.get(1))?;
    let inner = Rc::clone(vu);
    vu.begin(async move {
        tokio::time::sleep(delay).await;
        inner.happened(Event::Timer(id));
    });
    Ok(undefined(ctx))
}

/// Keeps a callback for an event, and returns the event's number.
pub(super) fn shelve<'js>(
    vu: &Rc<Vu>,
    ctx: &Ctx<'js>,
    callback: Option<&Value<'js>>,
) -> Result<u64> {
    let id = vu.next_event.get();
    vu.next_event.set(id + 1);
    vu.pending.set(vu.pending.get() + 1);
    let shelf: Object<'js> = ctx
        .globals()
        .get::<_, Object<'js>>("__k6")?
        .get("callbacks")?;
    shelf.set(id.to_string(), callback.cloned())?;
    Ok(id)
}
