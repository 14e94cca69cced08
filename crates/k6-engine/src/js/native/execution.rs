//! `k6/execution`: the run, seen from within.

use std::{
    rc::Rc,
    sync::{PoisonError, atomic::Ordering},
};

use rquickjs::{Ctx, IntoJs as _, Result, Value};

use super::{Native, given, interrupted, text_at, throw, undefined};
use crate::js::{Phase, StopReason, Vu, vu::read};

pub(super) const TABLE: &[(&str, Native)] = &[
    ("exec", exec),
    ("abort", abort),
    ("failTest", fail),
    ("optionsJson", options),
    ("getTag", get_tag),
    ("setTag", set_tag),
    ("tagNames", tag_names),
];

fn exec<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (part, key) = (text_at(arguments, 0)?, text_at(arguments, 1)?);
    let number = |value: f64| Ok(Value::new_number(ctx.clone(), value));
    let count = |value: &std::sync::atomic::AtomicU64| value.load(Ordering::Relaxed) as f64;
    match (part.as_str(), key.as_str()) {
        ("vu", "idInInstance" | "idInTest") => number(vu.id as f64),
        ("vu", "iterationInInstance") => number(vu.iteration.get() as f64),
        ("vu", _) => number(vu.iteration_in_scenario.get() as f64),
        ("instance", "currentTestRunDuration") => {
            number(read(&vu.shared.started).elapsed().as_nanos() as f64 / 1e6)
        }
        ("instance", "iterationsCompleted") => number(count(&vu.shared.completed)),
        ("instance", "iterationsInterrupted") => number(count(&vu.shared.interrupted)),
        ("instance", "vusActive") => number(count(&vu.shared.active)),
        ("instance", _) => number(count(&vu.shared.initialized)),
        (_, key) => {
            let scenario = vu.scenario.borrow();
            let Some(scenario) = scenario.as_ref() else {
                let what = if vu.phase.get() == Phase::Init {
                    "init context"
                } else {
                    "setup or teardown"
                };
                return Err(throw(
                    ctx,
                    &format!("getting scenario information in the {what} is not supported"),
                ));
            };
            match key {
                "name" => scenario.plan.name.as_str().into_js(ctx),
                "executor" => scenario.plan.executor_name().into_js(ctx),
                "startTime" => number(scenario.started_at_ms()),
                "progress" => number(scenario.progress()),
                _ => number(vu.iteration_in_test.get() as f64),
            }
        }
    }
}

fn abort<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let reason = text_at(arguments, 0)?;
    let message = if reason.is_empty() {
        "test aborted".to_owned()
    } else {
        format!("test aborted: {reason}")
    };
    vu.aborted.set(true);
    vu.shared.stop(StopReason::Script(message));
    Err(interrupted(ctx))
}

fn fail<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let reason = text_at(arguments, 0)?;
    let mut marked = vu
        .shared
        .marked_failed
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    marked.get_or_insert(reason);
    Ok(undefined(ctx))
}

fn options<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, _: &[Value<'js>]) -> Result<Value<'js>> {
    if vu.phase.get() == Phase::Init {
        return Err(throw(
            ctx,
            "getting test options in the init context is not supported",
        ));
    }
    read(&vu.shared.options).to_string().into_js(ctx)
}

fn get_tag<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let key = text_at(arguments, 0)?;
    match vu.tags.borrow().iter().find(|it| it.0 == key) {
        Some((_, value)) => value.as_str().into_js(ctx),
        None => Ok(undefined(ctx)),
    }
}

fn set_tag<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let value = given(arguments, 1).map(super::text).transpose()?;
    vu.set_tag(&text_at(arguments, 0)?, value.as_deref());
    Ok(undefined(ctx))
}

fn tag_names<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, _: &[Value<'js>]) -> Result<Value<'js>> {
    let names: Vec<String> = vu.tags.borrow().iter().map(|it| it.0.clone()).collect();
    names.into_js(ctx)
}
