//! A virtual user's stack: JavaScript that waits hands its thread to the others.

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use corosensei::{
    Coroutine, CoroutineResult,
    stack::{DefaultStack, Stack as _},
};
use futures_util::{StreamExt as _, stream::FuturesUnordered};

use super::{Group, Vu, group::Seat, memory, vm, vu::Expected};
use crate::{
    http::{Jar, Request, Response, masked},
    metrics::{
        self, HTTP_REQ_BLOCKED, HTTP_REQ_CONNECTING, HTTP_REQ_DURATION, HTTP_REQ_FAILED,
        HTTP_REQ_RECEIVING, HTTP_REQ_SENDING, HTTP_REQ_TLS, HTTP_REQ_WAITING, HTTP_REQS, Tags,
    },
};

/// Address space of a stack. Only what is used of it takes memory.
const STACK: usize = 1 << 20;

/// What of a stack is kept for native functions under JavaScript.
const NATIVE_STACK: usize = 192 << 10;

/// How often the stack is made smaller: after the script is loaded, and at the first wait of the first
/// iteration, when most of what is done once has been done.
const SPARES: u8 = 2;

/// More than a stack that waits has below the place where it began to: saved registers.
const WAITING: usize = 1 << 10;

/// What a virtual user is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// One iteration of this exported function.
    Iteration(String),
    /// `setup`, where there is one.
    Setup,
    /// `teardown`, where there is one.
    Teardown,
    /// `handleSummary` with these data as JSON, where there is one.
    Summary(String),
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The script is loaded: its options as JSON, and the functions that it exports.
    Loaded {
        /// Its options as JSON, `null` where it has none.
        options: String,
        /// The functions that it exports.
        functions: Vec<String>,
    },
    /// The script could not be loaded.
    LoadFailed(String),
    /// Done, with what the function returned as JSON.
    Done(Option<String>),
    /// An exception.
    Thrown(String),
    /// Stopped from outside.
    Interrupted,
}

/// What JavaScript waits for.
pub(crate) enum Op {
    Ready(Outcome),
    Call(Box<Call>),
    Batch(Vec<Box<Call>>),
    Sleep(Duration),
    /// Something else.
    Do(std::pin::Pin<Box<dyn Future<Output = ()>>>),
    /// An event of the virtual user.
    Wait,
}

/// What it gets.
pub(crate) enum Input {
    Start,
    Run(Job),
    Response(Box<Response>),
    Responses(Vec<Box<Response>>),
    Done,
    Cancel,
    Stop,
}

/// A request with what is to be said of it.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) request: Request,
    pub(crate) jar: Option<Rc<RefCell<Jar>>>,
    pub(crate) said: Said,
}

/// What is to be said of a request.
#[derive(Clone)]
pub(crate) struct Said {
    /// The address as the script wrote it.
    pub(crate) text: String,
    pub(crate) name: Option<String>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) base: Rc<Vec<(String, String)>>,
    pub(crate) expected: Rc<Expected>,
}

/// A virtual user with its stack.
pub struct Fiber {
    coroutine: Option<Coroutine<Input, Op, (), DefaultStack>>,
    waited: bool,
    /// How often its stack is yet to be made smaller.
    spares: u8,
    /// The lowest address of its stack.
    limit: usize,
    /// What it knows.
    pub vu: Rc<Vu>,
}

impl Fiber {
    /// Makes the stack of a virtual user of `group`. Nothing runs yet.
    ///
    /// # Errors
    ///
    /// Fails when the system has no more address space or mappings.
    pub fn new(vu: Rc<Vu>, group: Rc<Group>, entry: Arc<str>) -> std::io::Result<Self> {
        let stack = DefaultStack::new(STACK)?;
        let limit = stack.limit().get();
        let floor = limit + NATIVE_STACK;
        let inner = Rc::clone(&vu);
        let coroutine = Coroutine::with_stack(stack, move |yielder, _: Input| {
            inner.yielder.set(yielder);
            vm::live(&inner, Seat::new(group, floor), &entry);
            inner.yielder.set(std::ptr::null());
        });
        Ok(Self {
            coroutine: Some(coroutine),
            waited: false,
            spares: SPARES,
            limit,
            vu,
        })
    }

    /// Loads the script.
    pub async fn load(&mut self) -> Outcome {
        self.pump(Input::Start).await
    }

    /// Gives the memory back that the stack took below the place where it waits.
    fn give_back(&self) {
        if self.coroutine.as_ref().is_some_and(|it| !it.done()) {
            let end = self.vu.depth.get().saturating_sub(WAITING);
            // SAFETY: it is this stack below the place where it waits, so that nothing in it is read again
            // before it is written.
            unsafe { memory::forget(self.limit, end) };
        }
    }

    /// Runs a function of the script.
    pub async fn run(&mut self, job: Job) -> Outcome {
        self.pump(Input::Run(job)).await
    }

    /// Returns whether the last job waited for anything.
    pub fn waited(&self) -> bool {
        self.waited
    }

    async fn pump(&mut self, mut input: Input) -> Outcome {
        let vu = Rc::clone(&self.vu);
        self.waited = false;
        loop {
            let Some(coroutine) = self.coroutine.as_mut().filter(|it| !it.done()) else {
                return Outcome::LoadFailed("the virtual user has ended".to_owned());
            };
            let op = match coroutine.resume(input) {
                CoroutineResult::Yield(op) => op,
                CoroutineResult::Return(()) => {
                    self.coroutine = None;
                    return Outcome::LoadFailed("the virtual user has ended".to_owned());
                }
            };
            if self.spares > 0 {
                self.spares -= 1;
                self.give_back();
            }
            let op = match op {
                Op::Ready(outcome) => return outcome,
                other => other,
            };
            self.waited = true;
            let work = async {
                match op {
                    Op::Ready(_) => Input::Done,
                    // In memory that is free again while nothing is asked for.
                    Op::Call(call) => Input::Response(Box::pin(perform(&vu, call)).await),
                    Op::Batch(calls) => Input::Responses(batch(&vu, calls).await),
                    Op::Sleep(duration) => {
                        tokio::time::sleep(duration).await;
                        Input::Done
                    }
                    Op::Do(work) => {
                        work.await;
                        Input::Done
                    }
                    Op::Wait => {
                        event(&vu).await;
                        Input::Done
                    }
                }
            };
            input = tokio::select! {
                biased;
                next = work => next,
                () = vu.cancellation() => Input::Cancel,
            };
        }
    }
}

impl Drop for Fiber {
    fn drop(&mut self) {
        let Some(mut coroutine) = self.coroutine.take() else {
            return;
        };
        if !coroutine.started() || coroutine.done() {
            return;
        }
        // JavaScript cannot be unwound by force: it is told to end, and each wait fails at once.
        self.vu.cancelled.set(true);
        for _ in 0..10_000 {
            match coroutine.resume(Input::Stop) {
                CoroutineResult::Yield(_) => {}
                CoroutineResult::Return(()) => return,
            }
        }
        // It does not end: its memory is given up rather than touched again.
        std::mem::forget(coroutine);
    }
}

async fn event(vu: &Vu) {
    std::future::poll_fn(|cx| {
        if vu.events.borrow().is_empty() {
            *vu.event_waker.borrow_mut() = Some(cx.waker().clone());
            std::task::Poll::Pending
        } else {
            std::task::Poll::Ready(())
        }
    })
    .await;
}

/// Makes a request and adds its samples.
pub(crate) async fn perform(vu: &Vu, mut call: Box<Call>) -> Box<Response> {
    let client = vu.client.borrow().clone();
    let Some(client) = client else {
        return Box::new(Response {
            error: "no requests can be made here".to_owned(),
            error_code: 1000,
            ..Response::default()
        });
    };
    let rps = vu.defaults.borrow().rps;
    if let Some(rps) = rps {
        vu.shared.wait_for_slot(rps).await;
    }
    let Call { request, jar, said } = &mut *call;
    let first = request.shown();
    let told = |response: &Response| {
        let led = masked(&response.url);
        let url = if response.url == first {
            &said.text
        } else {
            led.as_ref()
        };
        let url = said.name.as_deref().unwrap_or(url);
        samples(vu, response, url, said);
    };
    client.fetch(request, jar.as_deref(), &told).await
}

async fn batch(vu: &Vu, calls: Vec<Box<Call>>) -> Vec<Box<Response>> {
    let (limit, per_host) = {
        let defaults = vu.defaults.borrow();
        (defaults.batch.max(1), defaults.batch_per_host)
    };
    let mut waiting: Vec<Option<Box<Call>>> = calls.into_iter().map(Some).collect();
    let mut done: Vec<Option<Box<Response>>> = waiting.iter().map(|_| None).collect();
    let mut busy: Vec<(String, usize)> = Vec::new();
    let mut running = FuturesUnordered::new();
    loop {
        for (place, slot) in waiting.iter_mut().enumerate() {
            if running.len() >= limit {
                break;
            }
            let Some(host) = slot
                .as_ref()
                .map(|it| it.request.url.authority().to_owned())
            else {
                continue;
            };
            let at = if let Some(at) = busy.iter().position(|it| it.0 == host) {
                at
            } else {
                busy.push((host.clone(), 0));
                busy.len() - 1
            };
            if per_host > 0 && busy[at].1 >= per_host {
                continue;
            }
            if let Some(call) = slot.take() {
                busy[at].1 += 1;
                running.push(async move { (place, host, perform(vu, call).await) });
            }
        }
        let Some((place, host, response)) = running.next().await else {
            break;
        };
        done[place] = Some(response);
        if let Some(entry) = busy.iter_mut().find(|it| it.0 == host) {
            entry.1 -= 1;
        }
    }
    done.into_iter().map(Option::unwrap_or_default).collect()
}

/// Adds the samples of one request.
fn samples(vu: &Vu, response: &Response, url: &str, said: &Said) {
    let Said {
        tags,
        base,
        expected,
        ..
    } = said;
    let collector = vu.collector.borrow();
    let Some(collector) = collector.as_ref() else {
        return;
    };
    let system = vu.defaults.borrow().system_tags;
    let status = match response.status {
        200 => std::borrow::Cow::Borrowed("200"),
        other => std::borrow::Cow::Owned(other.to_string()),
    };
    let code;
    // As in k6: the first of the two requests of Digest authentication is there to be refused.
    let verdict = expected.judge(response.status).map(|it| {
        if response.invites {
            response.status == 401
        } else {
            it
        }
    });
    let mut own: Vec<(&str, &str)> = Vec::with_capacity(tags.len() + 10);
    own.extend(tags.iter().map(|it| (it.0.as_str(), it.1.as_str())));
    let mut add = |key: &'static str, value| {
        if system & super::vu::system_tag(key) != 0 {
            own.push((key, value));
        }
    };
    add("method", &response.method);
    add("url", url);
    add("name", url);
    add("status", &status);
    if !response.proto.is_empty() {
        add("proto", response.proto);
    }
    if response.error_code != 0 {
        code = response.error_code.to_string();
        if !response.error.is_empty() {
            add("error", &response.error);
        }
        add("error_code", &code);
    }
    let ip;
    if let Some(remote) = response
        .remote
        .filter(|_| system & super::vu::system_tag("ip") != 0)
    {
        ip = remote.ip().to_string();
        add("ip", &ip);
    }
    if !response.tls_version.is_empty() {
        add("tls_version", response.tls_version);
    }
    if let Some(verdict) = verdict {
        add("expected_response", if verdict { "true" } else { "false" });
    }
    let metadata = vu.metadata.borrow();
    let tags = Tags {
        base,
        own: &own,
        metadata: &metadata,
    };
    let timings = &response.timings;
    let mut shard = metrics::lock(&vu.shard);
    let values = [
        (HTTP_REQS, 1.0),
        (HTTP_REQ_DURATION, timings.duration()),
        (HTTP_REQ_BLOCKED, timings.blocked),
        (HTTP_REQ_CONNECTING, timings.connecting),
        (HTTP_REQ_TLS, timings.tls),
        (HTTP_REQ_SENDING, timings.sending),
        (HTTP_REQ_WAITING, timings.waiting),
        (HTTP_REQ_RECEIVING, timings.receiving),
    ];
    for (id, value) in values {
        shard.add(collector, id, value, tags);
    }
    if let Some(verdict) = verdict {
        shard.add(
            collector,
            HTTP_REQ_FAILED,
            f64::from(u8::from(!verdict)),
            tags,
        );
    }
}
