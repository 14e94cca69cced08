//! What a virtual user knows and shares.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    sync::{Arc, Mutex, PoisonError, RwLock},
    task::Waker,
};

use corosensei::Yielder;
use rquickjs::{Object, Persistent};
use tokio::task::AbortHandle;

use super::{
    anatomy::depth,
    fiber::{Input, Op},
    group::Seat,
    native::{Note, Sockets},
    shared::{Defaults, Phase, Shared},
};
use crate::{
    html, http,
    metrics::{Collector, Id, Shard, Tags},
    run::{Control, ScenarioRun},
};

/// The statuses that are no failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Ranges(Vec<(u16, u16)>),
    /// Nothing is judged.
    Unjudged,
}

impl Expected {
    pub(crate) fn judge(&self, status: u16) -> Option<bool> {
        match self {
            Self::Ranges(ranges) => Some(ranges.iter().any(|it| (it.0..=it.1).contains(&status))),
            Self::Unjudged => None,
        }
    }
}

/// A callback that waits for an event.
pub(crate) enum Event {
    Timer(u64),
    Answer(u64, Box<http::Response>),
    Socket(u64, Box<Note>),
}

impl Event {
    fn id(&self) -> u64 {
        match self {
            Self::Timer(id) | Self::Answer(id, _) | Self::Socket(id, _) => *id,
        }
    }
}

/// A virtual user.
pub struct Vu {
    pub(crate) shared: Arc<Shared>,
    pub(crate) shard: Arc<Mutex<Shard>>,
    pub(crate) collector: RefCell<Option<Arc<Collector>>>,
    pub(crate) client: RefCell<Option<Rc<http::Client>>>,
    pub(crate) yielder: Cell<*const Yielder<Input, Op>>,
    /// Where its stack ended when it last waited.
    pub(crate) depth: Cell<usize>,
    /// Its place in its runtime, while it has one.
    pub(crate) seat: RefCell<Option<Rc<Seat>>>,
    /// What its answers have in common.
    pub(crate) prototype: RefCell<Option<Persistent<Object<'static>>>>,
    /// The variables of a scenario that stand in `__ENV`.
    pub(crate) scenario_env: RefCell<Option<BTreeMap<String, String>>>,
    pub(crate) id: u64,
    pub(crate) phase: Cell<Phase>,
    pub(crate) iteration: Cell<u64>,
    pub(crate) iteration_in_scenario: Cell<u64>,
    pub(crate) iteration_in_test: Cell<u64>,
    pub(crate) scenario: RefCell<Option<Arc<ScenarioRun>>>,
    pub(crate) group: RefCell<String>,
    pub(crate) tags: RefCell<Rc<Vec<(String, String)>>>,
    /// What goes with its samples and is no tag.
    pub(crate) metadata: RefCell<Vec<(String, String)>>,
    pub(crate) jar: RefCell<Rc<RefCell<http::Jar>>>,
    pub(crate) jars: RefCell<Vec<Rc<RefCell<http::Jar>>>>,
    pub(crate) expected: RefCell<Rc<Expected>>,
    /// What was added to its context, by the addresses of the functions that add it.
    pub(crate) intrinsics: RefCell<Vec<usize>>,
    /// The files that it opened.
    pub(crate) opened: RefCell<Vec<Arc<Vec<u8>>>>,
    /// What its pages of HTML take of the memory, where it has had some.
    pub(crate) pages: RefCell<Option<Rc<html::Account>>>,
    pub(crate) random: Cell<u64>,
    pub(crate) defaults: RefCell<Rc<Defaults>>,
    /// Whether the running iteration must end now.
    pub(crate) cancelled: Cell<bool>,
    pub(crate) waker: RefCell<Option<Waker>>,
    pub(crate) events: RefCell<VecDeque<Event>>,
    pub(crate) event_waker: RefCell<Option<Waker>>,
    pub(crate) pending: Cell<u64>,
    pub(crate) next_event: Cell<u64>,
    /// The modules that wait for one that they require.
    pub(crate) requiring: RefCell<Vec<String>>,
    /// Why promises were broken that nobody listened to, by their addresses.
    pub(crate) unhandled: RefCell<BTreeMap<usize, String>>,
    pub(crate) address: RefCell<Option<(String, Arc<http::Address>)>>,
    /// The first event of the running iteration: earlier ones come too late.
    pub(crate) first_event: Cell<u64>,
    /// What was begun beside the running iteration, and may not be done.
    pub(crate) tasks: RefCell<Vec<AbortHandle>>,
    /// Its `WebSockets`, where it has any.
    pub(crate) sockets: RefCell<Option<Box<Sockets>>>,
    /// Until when iterations may go on.
    pub(crate) control: RefCell<Option<Arc<Control>>>,
    /// Whether the script itself ended the run: k6 counts such an iteration as whole.
    pub(crate) aborted: Cell<bool>,
    /// Whether an iteration is running.
    pub(crate) running: Cell<bool>,
    /// Whether a stop of the run ends what it does: not so in `teardown` and `handleSummary`.
    pub(crate) heeds_stop: Cell<bool>,
}

impl Vu {
    /// Returns a virtual user that has not loaded its script.
    pub fn new(shared: Arc<Shared>, samples: Arc<Mutex<Shard>>, id: u64) -> Rc<Self> {
        let collector = read(&shared.collector).clone();
        let client = read(&shared.http)
            .clone()
            .map(|it| Rc::new(http::Client::new(it)));
        let defaults = read(&shared.defaults).clone();
        let tags = defaults.tags.clone();
        Rc::new(Self {
            shard: samples,
            collector: RefCell::new(collector),
            client: RefCell::new(client),
            yielder: Cell::new(std::ptr::null()),
            depth: Cell::new(0),
            seat: RefCell::default(),
            prototype: RefCell::default(),
            scenario_env: RefCell::default(),
            id,
            phase: Cell::new(Phase::Init),
            iteration: Cell::new(0),
            iteration_in_scenario: Cell::new(0),
            iteration_in_test: Cell::new(0),
            scenario: RefCell::default(),
            group: RefCell::default(),
            tags: RefCell::new(Rc::new(tags)),
            metadata: RefCell::default(),
            jar: RefCell::default(),
            jars: RefCell::default(),
            expected: RefCell::new(Rc::new(Expected::Ranges(vec![(200, 399)]))),
            intrinsics: RefCell::default(),
            opened: RefCell::default(),
            pages: RefCell::default(),
            random: Cell::new(seed(id)),
            defaults: RefCell::new(Rc::new(defaults)),
            cancelled: Cell::new(false),
            waker: RefCell::default(),
            events: RefCell::default(),
            event_waker: RefCell::default(),
            pending: Cell::new(0),
            next_event: Cell::new(0),
            requiring: RefCell::default(),
            unhandled: RefCell::default(),
            address: RefCell::default(),
            first_event: Cell::new(0),
            tasks: RefCell::default(),
            sockets: RefCell::default(),
            control: RefCell::default(),
            heeds_stop: Cell::new(true),
            aborted: Cell::new(false),
            running: Cell::new(false),
            shared,
        })
    }

    /// Ends the running iteration as soon as it does anything.
    pub fn cancel(&self) {
        if !self.cancelled.replace(true)
            && let Some(waker) = self.waker.borrow_mut().take()
        {
            waker.wake();
        }
    }

    /// Returns whether nothing can happen any more that it waits for.
    pub(crate) fn is_idle(&self) -> bool {
        self.pending.get() == 0 && self.events.borrow().is_empty()
    }

    /// Returns whether the running iteration has to end.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }

    /// Waits until the running iteration has to end.
    pub(crate) fn cancellation(&self) -> impl Future<Output = ()> {
        std::future::poll_fn(|cx| {
            if self.cancelled.get() {
                return std::task::Poll::Ready(());
            }
            let mut waker = self.waker.borrow_mut();
            match waker.as_mut() {
                Some(known) => known.clone_from(cx.waker()),
                None => *waker = Some(cx.waker().clone()),
            }
            std::task::Poll::Pending
        })
    }

    /// Adds a sample.
    pub(crate) fn sample(&self, id: Id, value: f64, own: &[(&str, &str)]) {
        let collector = self.collector.borrow();
        let Some(collector) = collector.as_ref() else {
            return;
        };
        let base = self.tags.borrow().clone();
        let metadata = self.metadata.borrow();
        let tags = Tags {
            base: &base,
            own,
            metadata: &metadata,
        };
        crate::metrics::lock(&self.shard).add(collector, id, value, tags);
    }

    /// Replaces a tag of the virtual user, or removes it.
    pub(crate) fn set_tag(&self, key: &str, value: Option<&str>) {
        let mut tags = self.tags.borrow_mut();
        let tags = Rc::make_mut(&mut tags);
        tags.retain(|it| it.0 != key);
        if let Some(value) = value {
            tags.push((key.to_owned(), value.to_owned()));
        }
    }

    /// Replaces what goes with its samples under `key`, or removes it.
    pub(crate) fn set_metadata(&self, key: &str, value: Option<String>) {
        let mut metadata = self.metadata.borrow_mut();
        metadata.retain(|it| it.0 != key);
        metadata.extend(value.map(|it| (key.to_owned(), it)));
    }

    /// Lets its samples tell the iteration, where the options ask for that. There are too many
    /// iterations for a tag.
    pub(crate) fn mark_iteration(&self) {
        let system = self.defaults.borrow().system_tags;
        if system & system_tag("vu") != 0 {
            self.set_metadata("vu", Some(self.id.to_string()));
        }
        if system & system_tag("iter") != 0 {
            self.set_metadata("iter", Some(self.iteration.get().to_string()));
        }
    }

    /// Gives the virtual user to a scenario.
    pub(crate) fn assign(&self, scenario: &Arc<ScenarioRun>) {
        let same = self
            .scenario
            .borrow()
            .as_ref()
            .is_some_and(|it| Arc::ptr_eq(it, scenario));
        if !same {
            self.iteration_in_scenario.set(0);
            *self.scenario.borrow_mut() = Some(Arc::clone(scenario));
        }
        let mut tags = self.defaults.borrow().tags.clone();
        let system = self.defaults.borrow().system_tags;
        let mut set = |key: &str, value: &str| {
            tags.retain(|it: &(String, String)| it.0 != key);
            tags.push((key.to_owned(), value.to_owned()));
        };
        for (key, value) in &scenario.plan.tags {
            set(key, value);
        }
        if system & system_tag("scenario") != 0 {
            set("scenario", &scenario.plan.name);
        }
        if system & system_tag("group") != 0 {
            set("group", "");
        }
        *self.tags.borrow_mut() = Rc::new(tags);
        self.group.borrow_mut().clear();
    }

    /// Hands the thread to others until `op` is done.
    pub(crate) fn suspend(self: &Rc<Self>, op: Op) -> Input {
        let yielder = self.yielder.get();
        let seat = self.seat.borrow().clone();
        // Another virtual user's stack cannot wait on behalf of this one.
        let Some(seat) = seat.filter(|it| !yielder.is_null() && it.is_running(self)) else {
            return Input::Cancel;
        };
        self.depth.set(depth());
        let away = seat.leave();
        // SAFETY: the pointer is set at the start of the fiber's body to the yielder that lives as
        // long as this body, and reset at its end; native functions run only within it, on its stack.
        let input = unsafe { &*yielder }.suspend(op);
        seat.enter(self, away);
        input
    }

    /// Begins something beside the running iteration, which ends no later than that.
    pub(crate) fn begin(&self, work: impl Future<Output = ()> + 'static) {
        let mut tasks = self.tasks.borrow_mut();
        if tasks.len() == tasks.capacity() {
            tasks.retain(|it| !it.is_finished());
        }
        tasks.push(tokio::task::spawn_local(work).abort_handle());
    }

    /// Tells the virtual user that something it waits for has happened.
    pub(crate) fn happened(&self, event: Event) {
        if event.id() < self.first_event.get() {
            return;
        }
        self.events.borrow_mut().push_back(event);
        if let Some(waker) = self.event_waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Returns whether the running iteration must end, however busy it is.
    pub(crate) fn must_end(&self) -> bool {
        if self.cancelled.get() {
            return true;
        }
        let control = self.control.borrow();
        let over = control.as_ref().is_some_and(|it| it.is_over());
        over || (self.heeds_stop.get() && self.shared.is_stopping())
    }

    /// Returns the jar with the number `id`. 0 is the virtual user's own.
    pub(crate) fn find_jar(&self, id: usize) -> Option<Rc<RefCell<http::Jar>>> {
        match id.checked_sub(1) {
            None => Some(self.jar.borrow().clone()),
            Some(place) => self.jars.borrow().get(place).cloned(),
        }
    }

    /// Reads an address. Most scripts ask for the same one again.
    pub(crate) fn address(&self, text: &str) -> Result<Arc<http::Address>, String> {
        let mut cache = self.address.borrow_mut();
        if let Some((known, address)) = cache.as_ref()
            && known == text
        {
            return Ok(Arc::clone(address));
        }
        let address = Arc::new(http::Address::parse(text)?);
        *cache = Some((text.to_owned(), Arc::clone(&address)));
        Ok(address)
    }

    /// Returns 64 random bits.
    pub(crate) fn random_bits(&self) -> u64 {
        // SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators".
        let state = self.random.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.random.set(state);
        let mut bits = state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }
}

fn seed(id: u64) -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    since.map_or(0, |it| it.as_nanos() as u64) ^ id.wrapping_mul(0xD1B5_4A32_D192_ED03)
}

/// The tags that the engine sets, in the order of their bits.
pub(crate) const SYSTEM_TAGS: [&str; 17] = [
    "proto",
    "subproto",
    "status",
    "method",
    "url",
    "name",
    "group",
    "check",
    "error",
    "error_code",
    "tls_version",
    "scenario",
    "service",
    "expected_response",
    "iter",
    "vu",
    "ip",
];

/// Returns the bit of a tag that the engine sets.
pub(crate) fn system_tag(name: &str) -> u32 {
    let place = SYSTEM_TAGS.iter().position(|it| *it == name);
    place.map_or(0, |it| 1 << it)
}

pub(crate) fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
