//! The cookie jars of `k6/http`.

use std::{cell::RefCell, rc::Rc};

use rquickjs::{Ctx, IntoJs as _, Object, Result, Value};
use url::Url;

use super::{Native, given, text, text_at, throw, undefined};
use crate::{
    http::{Address, Attributes, Jar},
    js::{Phase, Vu},
};

pub(super) const TABLE: &[(&str, Native)] = &[
    ("newJar", new_jar),
    ("currentJar", current_jar),
    ("jarCookies", jar_cookies),
    ("jarSet", jar_set),
    ("jarRemove", jar_remove),
];

fn new_jar<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, _: &[Value<'js>]) -> Result<Value<'js>> {
    let mut jars = vu.jars.borrow_mut();
    jars.push(Rc::default());
    Ok(Value::new_number(ctx.clone(), jars.len() as f64))
}

fn current_jar<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, _: &[Value<'js>]) -> Result<Value<'js>> {
    if vu.phase.get() == Phase::Init {
        let message = "Making cookie jars in the init context is not supported";
        return Err(throw(ctx, message));
    }
    // The virtual user's own jar is number 0, whichever it is at the moment.
    Ok(Value::new_number(ctx.clone(), 0.0))
}

fn jar_at<'js>(
    vu: &Rc<Vu>,
    ctx: &Ctx<'js>,
    arguments: &[Value<'js>],
) -> Result<(Rc<RefCell<Jar>>, Url)> {
    let id = given(arguments, 0)
        .and_then(Value::as_number)
        .unwrap_or(0.0);
    let jar = vu
        .find_jar(id as usize)
        .ok_or_else(|| throw(ctx, "there is no such cookie jar"))?;
    let address = text_at(arguments, 1)?;
    let address = Address::parse(&address).map_err(|err| throw(ctx, &err))?;
    let url = address.url.clone();
    Ok((jar, url))
}

fn jar_cookies<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (jar, url) = jar_at(vu, ctx, arguments)?;
    let object = Object::new(ctx.clone())?;
    for (name, value) in jar.borrow().matching(&url) {
        let mut values: Vec<String> = object
            .get::<_, Option<Vec<String>>>(name.as_str())?
            .unwrap_or_default();
        values.push(value);
        object.set(name, values)?;
    }
    Ok(object.into_value())
}

fn jar_set<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (jar, url) = jar_at(vu, ctx, arguments)?;
    let mut attributes = Attributes::default();
    if let Some(options) = given(arguments, 4).and_then(Value::as_object) {
        attributes.domain = options.get("domain")?;
        attributes.path = options.get("path")?;
        attributes.expires = options.get("expires")?;
        // As in Go, an age of 0 is none.
        attributes.max_age = options.get("max_age")?;
        attributes.max_age = attributes.max_age.filter(|it| *it != 0);
        if let Some(expires) = attributes.expires.as_deref().filter(|it| !it.is_empty())
            && !Jar::is_date(expires)
        {
            let message = format!("unable to parse \"expires\" date string {expires:?}");
            return Err(throw(ctx, &message));
        }
        attributes.secure = options.get::<_, Option<bool>>("secure")?.unwrap_or(false);
    }
    jar.borrow_mut().set(
        &url,
        &text_at(arguments, 2)?,
        &text_at(arguments, 3)?,
        &attributes,
    );
    true.into_js(ctx)
}

fn jar_remove<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (jar, url) = jar_at(vu, ctx, arguments)?;
    let name = given(arguments, 2).map(text).transpose()?;
    jar.borrow_mut().remove(&url, name.as_deref());
    Ok(undefined(ctx))
}
