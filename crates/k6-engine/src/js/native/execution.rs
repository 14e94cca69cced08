//! `k6/execution`: the run, seen from within.

use std::{
    rc::Rc,
    sync::{PoisonError, atomic::Ordering},
};

use rquickjs::{Ctx, Exception, IntoJs as _, Result, Value};

use super::{Native, interrupted, text_at, throw, undefined};
use crate::js::{Phase, StopReason, Vu, vu::read};

pub(super) const TABLE: &[(&str, Native)] = &[
    ("exec", exec),
    ("abort", abort),
    ("failTest", fail),
    ("optionsJson", options),
    ("inRun", in_run),
    ("getMark", get_mark),
    ("setMark", set_mark),
    ("removeMark", remove_mark),
    ("markNames", mark_names),
];

fn exec<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (part, key) = (text_at(arguments, 0)?, text_at(arguments, 1)?);
    let number = |value: f64| Ok(Value::new_number(ctx.clone(), value));
    let count = |value: &std::sync::atomic::AtomicU64| value.load(Ordering::Relaxed) as f64;
    match part.as_str() {
        "vu" => running(vu, ctx, "VU information")?,
        "instance" => running(vu, ctx, "instance information")?,
        _ => {}
    }
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
                return Err(throw(
                    ctx,
                    "getting scenario information outside of the VU context is not supported",
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

/// Refuses what is not known while the script is loaded.
fn running(vu: &Vu, ctx: &Ctx<'_>, what: &str) -> Result<()> {
    if vu.phase.get() == Phase::Init {
        let message = format!("getting {what} in the init context is not supported");
        return Err(throw(ctx, &message));
    }
    Ok(())
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
    if vu.phase.get() == Phase::Init {
        let message = "execution.test.fail() called outside of VU context";
        return Err(throw(ctx, message));
    }
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
    running(vu, ctx, "test options")?;
    read(&vu.shared.options).to_string().into_js(ctx)
}

/// The tags of the virtual user's samples, or what goes with them: `tag` or `metadata`.
fn kind_at(arguments: &[Value<'_>]) -> Result<bool> {
    Ok(text_at(arguments, 0)? == "tag")
}

fn get_mark<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (is_tag, key) = (kind_at(arguments)?, text_at(arguments, 1)?);
    let find = |all: &[(String, String)]| all.iter().find(|it| it.0 == key).map(|it| it.1.clone());
    let found = if is_tag {
        find(&vu.tags.borrow())
    } else {
        find(&vu.metadata.borrow())
    };
    match found {
        Some(value) => value.into_js(ctx),
        None => Ok(undefined(ctx)),
    }
}

fn set_mark<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (is_tag, key) = (kind_at(arguments)?, text_at(arguments, 1)?);
    let value = arguments.get(2).map(super::tag_text).transpose()?;
    let what = if is_tag { "tag" } else { "metadata" };
    let Some(value) = value.flatten() else {
        let plural = if is_tag { "s" } else { "" };
        let message = format!(
            "invalid value for metric {what} '{key}': only String, Boolean and Number types are accepted as a metric {what} value{plural}"
        );
        return Err(Exception::throw_type(ctx, &message));
    };
    if is_tag {
        vu.set_tag(&key, Some(&value));
    } else {
        vu.set_metadata(&key, Some(value));
    }
    Ok(undefined(ctx))
}

fn remove_mark<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let key = text_at(arguments, 1)?;
    if kind_at(arguments)? {
        vu.set_tag(&key, None);
    } else {
        vu.set_metadata(&key, None);
    }
    Ok(undefined(ctx))
}

fn mark_names<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let names =
        |all: &[(String, String)]| -> Vec<String> { all.iter().map(|it| it.0.clone()).collect() };
    let names = if kind_at(arguments)? {
        names(&vu.tags.borrow())
    } else {
        names(&vu.metadata.borrow())
    };
    names.into_js(ctx)
}

fn in_run<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, _: &[Value<'js>]) -> Result<Value<'js>> {
    running(vu, ctx, "VU information")?;
    Ok(undefined(ctx))
}
