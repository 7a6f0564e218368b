//! A proxy in front of Moto for what Moto does not model: instances that take a while to start and stop, and, for the
//! tests (which include this file too), calls that are throttled, delayed, refused, or whose answer is lost. It stands
//! before DynamoDB and before Slack's Web API too, where a test wants to hold a call at a certain point.

#[path = "asked.rs"]
mod asked;
#[path = "upstream.rs"]
mod upstream;

use super::rollouts::Rollouts;
use actix_web::dev::ServerHandle;
use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use asked::{Asked, error, is_container, region};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::net::{TcpListener, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use upstream::{Upstream, ask, container};

/// How long a connection without a call is kept: longer than clients keep theirs.
const KEPT: Duration = Duration::from_secs(75);

/// Longer than any caller waits.
const FOR_EVER: Duration = Duration::from_secs(3_600);

/// How many lines the proxy remembers.
const LONGEST_STORY: usize = 5_000;

/// What goes wrong.
#[allow(dead_code, reason = "the demo breaks nothing; the tests do")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// AWS answers with this error code and HTTP status; Moto is not asked.
    Error(&'static str, u16),
    /// The answer comes this much later.
    Delay(Duration),
    /// The call is made, and its answer never comes.
    LoseAnswer,
    /// The call is not made, and no answer comes.
    Swallow,
    /// The call is made this much later.
    Late(Duration),
    /// The call is made, and something else answers in AWS's place: this status, this body.
    Page(u16, &'static str),
    /// The call is made twice, and answered once.
    Twice,
    /// The call is not made, and this is answered as if it had been.
    Pretend(&'static str),
    /// The call is made with these words in place of those.
    Reword(&'static str, &'static str),
}

/// Where a call is held: the tests kill its caller there.
#[derive(Debug, Default)]
struct Gate {
    /// How many calls are let through before the one that is held.
    left: usize,
    /// Whether it is held after it was made, in place of before.
    after: bool,
    /// Only calls of this action count.
    action: Option<String>,
    armed: bool,
    reached: bool,
}

#[derive(Clone, Debug)]
struct Fault {
    action: String,
    trouble: Trouble,
    times: u32,
    until: Option<Instant>,
}

/// What the proxy knows: a handle for whoever controls it.
#[derive(Debug, Default)]
pub struct Control {
    faults: Mutex<Vec<Fault>>,
    moving: Mutex<HashMap<String, (&'static str, &'static str, Instant)>>,
    calls: Mutex<Vec<(String, Vec<String>)>>,
    made: Mutex<Vec<(String, Vec<String>)>>,
    /// Every call by its IAM name.
    named: Mutex<Vec<String>>,
    /// The addresses that somebody has allocated: those are elastic.
    allocated: Mutex<Vec<String>>,
    /// What came and how it was answered, for a test that fails.
    story: Mutex<VecDeque<String>>,
    /// The rollouts of ECS services.
    pub rollouts: Rollouts,
    /// How many calls met a trouble.
    struck: AtomicUsize,
    lag: Mutex<Duration>,
    gate: Mutex<Gate>,
    /// Items of a table whose calls do not count, beside what replicas say of themselves all the time.
    overlooked: Mutex<Vec<&'static str>>,
    down: AtomicBool,
    server: OnceLock<ServerHandle>,
}

#[allow(dead_code, reason = "the demo breaks nothing; the tests do")]
impl Control {
    /// The next `times` calls of this action meet this trouble. A DryRun is an action of its own, `DryRun:StopInstances`;
    /// `us-east-1/StopInstances` means the calls in one region.
    pub fn break_next(&self, action: &str, trouble: Trouble, times: u32) {
        self.faults.lock().push(Fault { action: action.to_owned(), trouble, times, until: None });
    }

    /// The same, and for so long at most.
    pub fn break_for(&self, time: Duration, action: &str, trouble: Trouble, times: u32) {
        self.faults.lock().push(Fault { action: action.to_owned(), trouble, times, until: Some(now() + time) });
    }

    /// The calls that reached AWS: those of [`Control::calls`] that no trouble kept back.
    pub fn made(&self) -> Vec<(String, Vec<String>)> {
        self.made.lock().clone()
    }

    /// The calls made so far by their IAM names, `ec2:StopInstances`: what a role needs for them.
    pub fn named(&self) -> Vec<String> {
        self.named.lock().clone()
    }

    /// How many calls met a trouble so far: what was armed may strike nobody.
    pub fn struck(&self) -> usize {
        self.struck.load(Ordering::Relaxed)
    }

    /// No more trouble.
    pub fn clear(&self) {
        self.faults.lock().clear();
    }

    /// After so many more calls the next is held for ever: before it is made, or when it was made and before its answer.
    pub fn hold(&self, left: usize, after: bool) {
        *self.gate.lock() = Gate { left, after, action: None, armed: true, reached: false };
    }

    /// The same for the next call of an action.
    pub fn hold_next(&self, action: &str, after: bool) {
        *self.gate.lock() = Gate { left: 0, after, action: Some(action.to_owned()), armed: true, reached: false };
    }

    /// Whether a call is held.
    pub fn is_held(&self) -> bool {
        self.gate.lock().reached
    }

    /// From now on calls about this item are neither counted nor held.
    pub fn overlook(&self, item: &'static str) {
        self.overlooked.lock().push(item);
    }

    fn is_overlooked(&self, body: &str) -> bool {
        let names = |item: &str| body.contains(&format!(r#"{{"S":"{item}"}}"#));
        names("replica") || self.overlooked.lock().iter().any(|item| names(item))
    }

    /// Holds nothing more. What is held stays so: its caller is dead.
    pub fn pass(&self) {
        *self.gate.lock() = Gate::default();
    }

    /// Ends the proxy, and its threads.
    pub fn close(&self) {
        if let Some(server) = self.server.get() {
            // it is told by the call; nobody waits for the end
            drop(server.stop(false));
        }
    }

    /// Whether this call is the one to be held: before it (`Some(false)`) or after it (`Some(true)`). What replicas say
    /// of themselves all the time does not count.
    fn gate(&self, action: &str, body: &str) -> Option<bool> {
        let mut gate = self.gate.lock();
        if !gate.armed || self.is_overlooked(body) || gate.action.as_ref().is_some_and(|meant| meant != action) {
            return None;
        }
        if gate.left > 0 {
            gate.left -= 1;
            return None;
        }
        gate.armed = false;
        if !gate.after {
            gate.reached = true;
        }
        Some(gate.after)
    }

    /// Nobody answers any more, or everybody again.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
    }

    /// How long instances take to change their state, from now on.
    pub fn set_lag(&self, lag: Duration) {
        *self.lag.lock() = lag;
    }

    /// Whatever is on its way to another state is there now.
    pub fn arrive(&self) {
        self.moving.lock().clear();
        self.rollouts.arrive(now());
    }

    /// The calls made so far: action (as in [`Control::break_next`]) and instance ids.
    pub fn calls(&self) -> Vec<(String, Vec<String>)> {
        self.calls.lock().clone()
    }

    /// What came and how it was answered, with the time of day; the last of it.
    pub fn story(&self) -> Vec<String> {
        self.story.lock().iter().cloned().collect()
    }

    fn tell(&self, line: &str) {
        let mut story = self.story.lock();
        if story.len() == LONGEST_STORY {
            story.pop_front();
        }
        story.push_back(format!("{} {line}", time_of_day()));
    }

    fn trouble(&self, region: &str, action: &str) -> Option<Trouble> {
        let mut faults = self.faults.lock();
        let is_meant = |meant: &str| meant == action || meant.split_once('/') == Some((region, action));
        faults.retain(|fault| fault.times > 0 && fault.until.is_none_or(|until| now() < until));
        let fault = faults.iter_mut().find(|fault| is_meant(&fault.action))?;
        fault.times -= 1;
        self.struck.fetch_add(1, Ordering::Relaxed);
        Some(fault.trouble.clone())
    }

    /// Notes that instances begin to change their state.
    fn begin(&self, action: &str, ids: &[String]) {
        let lag = *self.lag.lock();
        let through = match action {
            "StopInstances" => ("64", "stopping"),
            "StartInstances" => ("0", "pending"),
            "TerminateInstances" => ("32", "shutting-down"),
            _ => return,
        };
        let until = now() + lag;
        self.moving.lock().extend(ids.iter().map(|id| (id.clone(), (through.0, through.1, until))));
    }

    /// Writes the state of instances that are still on their way into an answer.
    fn in_transit(&self, mut xml: String) -> String {
        let mut moving = self.moving.lock();
        moving.retain(|_, (_, _, until)| *until > now());
        for (id, (code, name, _)) in moving.iter() {
            let Some(at) = xml.find(&format!("<instanceId>{id}</instanceId>")) else { continue };
            for tag in ["instanceState", "currentState"] {
                let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
                let Some(start) = xml[at..].find(&open).map(|found| at + found) else { continue };
                let Some(end) = xml[start..].find(&close).map(|found| start + found) else { continue };
                let state = format!("{open}<code>{code}</code><name>{name}</name>");
                xml.replace_range(start..end, &state);
                break;
            }
        }
        xml
    }
}

#[expect(clippy::disallowed_methods, reason = "the simulated cloud has a clock of its own")]
fn now() -> Instant {
    Instant::now()
}

/// As the bot's log has it.
#[expect(clippy::disallowed_methods, reason = "the simulated cloud has a clock of its own")]
fn time_of_day() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

/// Starts the proxy on a free port, on threads of its own that live until it is closed. `account` separates the
/// callers of one Moto from each other.
pub fn start(url: String, account: Option<String>) -> Result<(String, Arc<Control>), String> {
    start_at("127.0.0.1", url, account)
}

/// The same at this address.
pub fn start_at(host: &str, url: String, account: Option<String>) -> Result<(String, Arc<Control>), String> {
    let control = Arc::new(Control::default());
    let address = open((host, 0), &control, url, account)?;
    Ok((address, control))
}

/// Opens a door at this address; [`Control::close`] closes the first one of several. `/health` is answered here, uncounted.
#[expect(clippy::disallowed_methods, reason = "a thread of the demo and the tests, not of the bot")]
pub fn open(
    at: impl ToSocketAddrs,
    control: &Arc<Control>,
    url: String,
    account: Option<String>,
) -> Result<String, String> {
    let listener = TcpListener::bind(at).map_err(|error| format!("no port for the proxy: {error}"))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let (state, upstream) = (Data::from(Arc::clone(control)), Data::new(Upstream { url, account }));
    let known = Arc::clone(control);
    std::thread::spawn(move || {
        let app = move || {
            let app = App::new().app_data(state.clone()).app_data(upstream.clone());
            app.route("/health", web::get().to(async || HttpResponse::Ok())).default_service(web::to(forward))
        };
        let server = HttpServer::new(app).workers(1).disable_signals();
        // no end of a connection, and no 408, of which the test has not asked for: both come after five seconds by themselves
        let server = server.keep_alive(KEPT).client_request_timeout(Duration::ZERO).listen(listener);
        if let Ok(server) = server {
            let server = server.run();
            let _ = known.server.set(server.handle());
            let _ = rt::System::new().block_on(server);
        }
    });
    Ok(format!("http://{address}"))
}

async fn forward(request: HttpRequest, body: Bytes, control: Data<Control>, upstream: Data<Upstream>) -> HttpResponse {
    let asked = Asked::read(&request, &body, &control);
    let (what, began) = (format!("{} {}", asked.action, asked.ids.join(" ")), now());
    control.tell(&format!("{what} came"));
    let answer = answer(&request, asked, body, &control, &upstream).await;
    control.tell(&format!("{what} got {} after {} ms", answer.status(), began.elapsed().as_millis()));
    answer
}

async fn answer(
    request: &HttpRequest,
    Asked { action, ids, form }: Asked,
    body: Bytes,
    control: &Control,
    upstream: &Upstream,
) -> HttpResponse {
    if !control.is_overlooked(&form) {
        control.calls.lock().push((action.clone(), ids.clone()));
    }
    let gate = control.gate(&action, &form);
    if gate == Some(false) {
        rt::time::sleep(FOR_EVER).await;
    }
    let failed = |code: &str, status: u16| error(request, code, status, &action, &ids);
    if control.down.load(Ordering::Relaxed) {
        control.struck.fetch_add(1, Ordering::Relaxed);
        return failed("ServiceUnavailable", 503);
    }
    let trouble = control.trouble(region(request), &action);
    match trouble {
        Some(Trouble::Error(code, status)) => return failed(code, status),
        Some(Trouble::Swallow) => rt::time::sleep(FOR_EVER).await,
        Some(Trouble::Late(delay)) => rt::time::sleep(delay).await,
        Some(Trouble::Pretend(said)) => return HttpResponse::Ok().content_type("application/json").body(said),
        Some(Trouble::Twice) => drop(ask(request, body.clone(), upstream).await),
        _ => (),
    }
    let body = match trouble {
        Some(Trouble::Reword(from, to)) => Bytes::from(form.replace(from, to)),
        _ => body,
    };
    let answer = match is_container(request) {
        true => container(request, &action, body, control, upstream).await,
        false => ask(request, body, upstream).await,
    };
    control.begin(&action, &ids);
    if !ids.is_empty() {
        control.made.lock().push((action.clone(), ids.clone()));
    }
    if gate == Some(true) {
        control.gate.lock().reached = true;
        rt::time::sleep(FOR_EVER).await;
    }
    match trouble {
        Some(Trouble::Delay(delay)) => rt::time::sleep(delay).await,
        Some(Trouble::LoseAnswer) => rt::time::sleep(FOR_EVER).await,
        Some(Trouble::Page(status, page)) => return asked::page(status, page),
        _ => (),
    }
    let Some((status, kind, xml)) = answer else { return failed("ServiceUnavailable", 503) };
    let xml = match action.as_str() {
        "DescribeInstances" => control.in_transit(asked::owned(xml, &control.allocated.lock())),
        "StopInstances" | "StartInstances" | "TerminateInstances" => control.in_transit(xml),
        "AllocateAddress" => {
            control.allocated.lock().extend(asked::allocated(&xml));
            xml
        }
        _ => xml,
    };
    HttpResponse::build(status).insert_header(("content-type", kind)).body(xml)
}
