//! What a panic said and where it was, carried from the panic hook to the code that catches it.

use std::{
    any::Any,
    backtrace::{Backtrace, BacktraceStatus},
    cell::RefCell,
    fmt,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    sync::Once,
};

/// A caught panic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Panicked {
    /// Its message.
    pub text: String,
    /// `file:line:column`, if the panic hook is installed.
    pub location: Option<String>,
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.text)?;
        match &self.location {
            Some(location) => write!(f, " at {location}"),
            None => Ok(()),
        }
    }
}

thread_local! {
    /// The last panic on this thread; the code that catches it takes it.
    static LAST: RefCell<Option<Panicked>> = const { RefCell::new(None) };
}

/// Makes every panic leave its location for the code that catches it, one log line inside the span of the actor or task, and
/// a count. Installing it again changes nothing. Without a tracing subscriber the former hook still speaks, so that no
/// panic is silent.
pub fn install_panic_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let former = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let location = info.location().map(ToString::to_string);
            remember(info, location.as_deref());
            metrics::counter!("dronebot_panics_total").increment(1);
            if tracing::dispatcher::has_been_set() {
                log(info, location.as_deref());
            } else {
                former(info);
            }
        }));
    });
}

fn remember(info: &PanicHookInfo<'_>, location: Option<&str>) {
    let panicked = Panicked { text: text_of(info.payload()), location: location.map(str::to_owned) };
    // a thread that is being torn down has no storage left, and nobody to read it
    let _ = LAST.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = Some(panicked);
        }
    });
}

fn log(info: &PanicHookInfo<'_>, location: Option<&str>) {
    let thread = std::thread::current();
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(
        panic = text_of(info.payload()),
        location,
        thread = thread.name().unwrap_or("unnamed"),
        backtrace,
        "panic"
    );
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a text".to_owned()
    }
}

/// Turns what was caught into a [`Panicked`].
pub(super) fn read(payload: Box<dyn Any + Send>) -> Panicked {
    let text = text_of(&*payload);
    let last = LAST.try_with(|last| last.borrow_mut().take()).ok().flatten();
    // a panic that was raised without the hook must not be given the place of an earlier one
    let location = last.filter(|last| last.text == text).and_then(|last| last.location);
    if let Err(worse) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // a payload whose drop panics gives another payload; leaking it is the only end
        std::mem::forget(worse);
    }
    Panicked { text, location }
}

/// Runs `f` and catches its panic. The caller throws away or rebuilds what `f` may have left half done.
pub(super) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Panicked> {
    panic::catch_unwind(AssertUnwindSafe(f)).map_err(read)
}
