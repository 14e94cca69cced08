//! The life of a virtual user: its runtime is made, its script loaded, its functions called.

use std::rc::Rc;

use rquickjs::{
    CatchResultExt as _, CaughtError, Coerced, Ctx, Exception, Function, Module, Object, Promise,
    Value, promise::PromiseState,
};

use super::{
    Job, Level, Outcome, Phase, Vu,
    anatomy::Away,
    fiber::{Input, Op},
    group::Seat,
    lazy::Classes,
    native,
    vu::{Event, read},
};

/// Runs on the virtual user's own stack until it is told to end.
pub(super) fn live(vu: &Rc<Vu>, seat: Seat, entry: &str) {
    let seat = Rc::new(seat);
    *vu.seat.borrow_mut() = Some(Rc::clone(&seat));
    seat.enter(vu, Away::default());
    serve(vu, &seat, entry);
    seat.end();
    *vu.seat.borrow_mut() = None;
}

fn serve(vu: &Rc<Vu>, seat: &Seat, entry: &str) {
    let context = match seat.context() {
        Ok(context) => context,
        Err(err) => {
            vu.suspend(Op::Ready(Outcome::LoadFailed(err.to_string())));
            return;
        }
    };
    // SAFETY: the context is alive until the end of this function and is used on this stack only.
    // Where others share its runtime, they run only while this one is suspended and has left it.
    let ctx = unsafe { Ctx::from_raw(context.as_raw()) };
    match load(vu, &ctx, seat.classes(), entry) {
        Ok((exports, mut outcome)) => {
            while let Input::Run(job) = vu.suspend(Op::Ready(outcome)) {
                vu.phase.set(Phase::Run);
                outcome = run(vu, &ctx, &exports, job);
            }
        }
        Err(text) => {
            vu.suspend(Op::Ready(Outcome::LoadFailed(text)));
        }
    }
    vu.prototype.borrow_mut().take();
    native::forget(&ctx);
}

// Inlined, what it needs would stand on the stack of each virtual user as long as that lives.
#[inline(never)]
fn load<'js>(
    vu: &Rc<Vu>,
    ctx: &Ctx<'js>,
    classes: Classes,
    entry: &str,
) -> Result<(Object<'js>, Outcome), String> {
    let globals = || -> rquickjs::Result<Module<'js, rquickjs::module::Evaluated>> {
        native::install(ctx, vu, classes)?;
        ctx.globals().set("__VU", vu.id)?;
        let module = vu.shared.modules.load(ctx, entry)?;
        let (module, promise) = module.eval()?;
        settle(vu, ctx, &promise)?;
        finish(vu, ctx)?;
        Ok(module)
    };
    let module = globals().catch(ctx).map_err(|err| explain(&err))?;
    if let Some(text) = vu.unhandled.take().into_values().next() {
        return Err(format!("Uncaught (in promise) {text}"));
    }
    let exports = || -> rquickjs::Result<(Object<'js>, Outcome)> {
        let namespace = module.namespace()?;
        let common: Option<Object<'js>> = namespace.get("__cjs")?;
        let exports = common.unwrap_or(namespace);
        let mut functions = Vec::new();
        for name in exports.keys::<String>() {
            let name = name?;
            if exports.get::<_, Value<'js>>(name.as_str())?.is_function() {
                functions.push(name);
            }
        }
        let options: Value<'js> = exports.get("options")?;
        // What has no form in JSON would be left out, and the run would be another one.
        let check = Function::new(
            ctx.clone(),
            |ctx: Ctx<'js>, key: Coerced<String>, it: Value<'js>| {
                let is_number = it.as_number().is_none_or(f64::is_finite);
                if is_number && !it.is_function() {
                    return Ok(it);
                }
                let what = if it.is_function() {
                    "a function"
                } else {
                    "no finite number"
                };
                let message = match key.0.as_str() {
                    "" => format!("the script's options are {what}"),
                    key => format!("the script's option `{key}` is {what}"),
                };
                Err(Exception::throw_type(&ctx, &message))
            },
        );
        let options = match ctx.json_stringify_replacer(options, check?)? {
            Some(text) => text.to_string()?,
            None => "null".to_owned(),
        };
        Ok((exports, Outcome::Loaded { options, functions }))
    };
    exports().catch(ctx).map_err(|err| explain(&err))
}

fn run<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, exports: &Object<'js>, job: Job) -> Outcome {
    let call = || -> rquickjs::Result<Option<String>> {
        let (name, argument): (&str, Option<Value<'js>>) = match &job {
            Job::Iteration(name) => (name, Some(setup_data(vu, ctx)?)),
            Job::Setup => ("setup", None),
            Job::Teardown => ("teardown", Some(setup_data(vu, ctx)?)),
            Job::Summary(data) => ("handleSummary", Some(ctx.json_parse(data.as_str())?)),
        };
        let function: Option<Function<'js>> = exports.get(name)?;
        let Some(function) = function else {
            return match job {
                Job::Iteration(_) => Err(Exception::throw_message(
                    ctx,
                    &format!("function '{name}' not found in exports"),
                )),
                _ => Ok(None),
            };
        };
        let globals = ctx.globals();
        environment(vu, ctx)?;
        if let Job::Iteration(_) = &job {
            globals.set("__ITER", vu.iteration.get())?;
            vu.mark_iteration();
        }
        let mut returned: Value<'js> = match argument {
            Some(argument) => function.call((argument,))?,
            None => function.call(())?,
        };
        if let Some(promise) = returned.as_promise() {
            let promise = promise.clone();
            returned = settle(vu, ctx, &promise)?;
        }
        finish(vu, ctx)?;
        for text in vu.unhandled.take().into_values() {
            let message = format!("Uncaught (in promise) {text}");
            (vu.shared.console)(Level::Error, &message);
        }
        if matches!(job, Job::Iteration(_) | Job::Teardown) {
            return Ok(None);
        }
        let text = match job {
            // As in k6, what is not defined becomes `null` on its way.
            Job::Setup if !returned.is_undefined() => {
                let null = Value::new_null(ctx.clone());
                let replacer = Function::new(ctx.clone(), move |_: Value<'js>, it: Value<'js>| {
                    if it.is_undefined() { null.clone() } else { it }
                });
                ctx.json_stringify_replacer(returned, replacer?)?
            }
            // Bytes have no form in JSON of their own.
            Job::Summary(_) => {
                let replacer = Function::new(ctx.clone(), summary_part);
                ctx.json_stringify_replacer(returned, replacer?)?
            }
            _ => ctx.json_stringify(returned)?,
        };
        text.map(|it| it.to_string()).transpose()
    };
    let result = call();
    let outcome = match result.catch(ctx) {
        Ok(text) => Outcome::Done(text),
        Err(_) if vu.must_end() => Outcome::Interrupted,
        Err(err) => Outcome::Thrown(explain(&err)),
    };
    if vu.sockets.borrow().is_some() {
        native::part(vu, ctx, matches!(outcome, Outcome::Thrown(_)));
    }
    if vu.pending.get() > 0 || !vu.events.borrow().is_empty() {
        forget(vu, ctx);
    }
    vu.tasks.borrow_mut().clear();
    outcome
}

/// Forgets what an iteration that did not come to its end still waited for.
fn forget(vu: &Rc<Vu>, ctx: &Ctx<'_>) {
    for task in vu.tasks.take() {
        task.abort();
    }
    vu.events.borrow_mut().clear();
    vu.pending.set(0);
    vu.first_event.set(vu.next_event.get());
    if let Ok(hidden) = ctx.globals().get::<_, Object<'_>>("__k6") {
        let _ = hidden.remove("callbacks");
    }
}

/// Gives `__ENV` the variables of the scenario, where it is not the one of the last iteration.
fn environment(vu: &Vu, ctx: &Ctx<'_>) -> rquickjs::Result<()> {
    let scenario = vu.scenario.borrow();
    let own = scenario.as_ref().map(|it| &it.plan.env);
    let wanted = own.filter(|it| !it.is_empty());
    let mut known = vu.scenario_env.borrow_mut();
    if known.as_ref() == wanted {
        return Ok(());
    }
    *known = wanted.cloned();
    drop(known);
    native::environment(ctx)
}

/// Runs the reactions to promises that are due, as long as the iteration may go on: each may add
/// another one without end.
fn jobs(vu: &Vu, ctx: &Ctx<'_>) -> rquickjs::Result<()> {
    while ctx.execute_pending_job() {
        if vu.must_end() {
            return Err(native::interrupted(ctx));
        }
    }
    Ok(())
}

/// Returns what `setup` returned, one copy for each virtual user.
fn setup_data<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>) -> rquickjs::Result<Value<'js>> {
    let globals: Object<'js> = ctx.globals().get("__k6")?;
    if globals.contains_key("data")? {
        return globals.get("data");
    }
    let data = match read(&vu.shared.setup_data).as_deref() {
        Some(text) => ctx.json_parse(text)?,
        None => Value::new_undefined(ctx.clone()),
    };
    globals.set("data", data.clone())?;
    Ok(data)
}

/// Waits until a promise is kept or broken, and serves timers and answers meanwhile.
fn settle<'js>(
    vu: &Rc<Vu>,
    ctx: &Ctx<'js>,
    promise: &Promise<'js>,
) -> rquickjs::Result<Value<'js>> {
    loop {
        jobs(vu, ctx)?;
        match promise.state() {
            // As in k6, an iteration that waits for nothing that can happen is over.
            PromiseState::Pending if vu.is_idle() && vu.phase.get() == Phase::Run => {
                let message = "a promise is waited for that nobody will keep";
                (vu.shared.console)(Level::Warning, message);
                return Ok(Value::new_undefined(ctx.clone()));
            }
            PromiseState::Pending if vu.is_idle() => {
                return Err(Exception::throw_message(
                    ctx,
                    "a promise is waited for that nobody will keep",
                ));
            }
            PromiseState::Pending => turn(vu, ctx)?,
            _ => break,
        }
    }
    match promise.result() {
        Some(result) => result,
        None => Ok(Value::new_undefined(ctx.clone())),
    }
}

/// Serves all that is still to happen.
fn finish(vu: &Rc<Vu>, ctx: &Ctx<'_>) -> rquickjs::Result<()> {
    while vu.pending.get() > 0 || !vu.events.borrow().is_empty() {
        turn(vu, ctx)?;
    }
    jobs(vu, ctx)
}

/// Serves one event, waiting for it where there is none.
fn turn<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>) -> rquickjs::Result<()> {
    jobs(vu, ctx)?;
    let mut event = vu.events.borrow_mut().pop_front();
    if event.is_none() {
        if vu.pending.get() == 0 {
            return Ok(());
        }
        if matches!(vu.suspend(Op::Wait), Input::Cancel | Input::Stop) {
            return Err(native::interrupted(ctx));
        }
        event = vu.events.borrow_mut().pop_front();
    }
    let Some(event) = event else {
        return Ok(());
    };
    vu.pending.set(vu.pending.get().saturating_sub(1));
    let shelf: Object<'js> = ctx
        .globals()
        .get::<_, Object<'js>>("__k6")?
        .get("callbacks")?;
    match event {
        Event::Timer(id) => {
            let callback: Function<'js> = shelf.get(id.to_string())?;
            shelf.remove(id.to_string())?;
            callback.call::<_, ()>(())?;
        }
        Event::Answer(id, response) => {
            let callback: Function<'js> = shelf.get(id.to_string())?;
            shelf.remove(id.to_string())?;
            let response = native::response(vu, ctx, response)?;
            callback.call::<_, ()>((response,))?;
        }
        Event::Socket(id, note) => native::deliver(vu, ctx, &shelf, id, *note)?,
    }
    jobs(vu, ctx)?;
    Ok(())
}

/// Returns a part of what `handleSummary` returned, bytes as an object that says so.
fn summary_part<'js>(
    ctx: Ctx<'js>,
    _: Coerced<String>,
    part: Value<'js>,
) -> rquickjs::Result<Value<'js>> {
    let is_buffer = part
        .as_object()
        .is_some_and(|it| it.as_array_buffer().is_some());
    let Some(bytes) = native::bytes(&part).filter(|_| is_buffer) else {
        return Ok(part);
    };
    let object = Object::new(ctx)?;
    object.set(crate::summary::BYTES, bytes)?;
    Ok(object.into_value())
}

/// Remembers a promise that was broken while nobody listened, until somebody does.
pub(super) fn note_broken(vu: &Vu, promise: &Value<'_>, reason: Value<'_>, is_handled: bool) {
    // SAFETY: the promise is alive; its address is compared, not followed.
    let address = unsafe { rquickjs::qjs::JS_VALUE_GET_PTR(promise.as_raw()) } as usize;
    let mut unhandled = vu.unhandled.borrow_mut();
    if is_handled {
        unhandled.remove(&address);
    } else if unhandled.len() < 100 {
        let error = match Exception::from_value(reason.clone()) {
            Ok(exception) => CaughtError::Exception(exception),
            Err(_) => CaughtError::Value(reason),
        };
        unhandled.insert(address, explain(&error));
    }
}

/// Returns an exception as k6 logs it: the message, then the places.
fn explain(err: &CaughtError<'_>) -> String {
    match err {
        CaughtError::Exception(exception) => {
            let name: String = exception.get("name").unwrap_or_else(|_| "Error".to_owned());
            let mut text = match exception.message() {
                Some(message) if !message.is_empty() => format!("{name}: {message}"),
                _ => name,
            };
            for line in exception.stack().unwrap_or_default().lines() {
                text.push_str("\n\t");
                text.push_str(line.trim());
            }
            text
        }
        // Where not even an exception finds room, QuickJS throws this.
        CaughtError::Value(value) if value.is_null() => {
            "null, which is thrown by a script or for being out of memory".to_owned()
        }
        CaughtError::Value(value) if value.is_undefined() => "undefined".to_owned(),
        CaughtError::Value(value) => {
            let symbol = value.as_symbol().and_then(|it| it.description().ok());
            let json = || value.ctx().json_stringify(value.clone()).ok().flatten();
            let text = symbol.and_then(Value::into_string).or_else(json);
            let text = text.and_then(|it| it.to_string().ok());
            // An object that cannot be written down may have left another exception.
            let _ = value.ctx().catch();
            text.unwrap_or_else(|| "[object Object]".to_owned())
        }
        CaughtError::Error(err) => err.to_string(),
    }
}
