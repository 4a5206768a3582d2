//! Several units at once: a thread each, their events in one stream, one person who may stop them all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::Scope;

use tokio::sync::{mpsc, oneshot};

use crate::device::Cancel;
use crate::error::{Error, Kind, Result};
use crate::run::event::{Event, Listener};

/// Works on every unit of `units` at once, each on a thread of its own. `hear` is told what happens, on the calling
/// thread. Ctrl-C (or a request to terminate) asks all of them to stop; a second one, at once.
///
/// What one unit's work comes to, and even its panic, never touches the others; results are in the order of `units`.
///
/// # Errors
/// `storage` when the machine gives no runtime or threads.
pub fn run<U: Send, T: Send>(
    units: Vec<U>,
    cancel: &Cancel,
    work: impl Fn(U, &dyn Listener) -> T + Sync,
    mut hear: impl FnMut(&Event),
) -> Result<Vec<Result<T>>> {
    let (tell, mut told) = mpsc::unbounded_channel::<Event>();
    std::thread::scope(|scope| {
        // Before any work begins, and apart from `hear`: who draws may be held up by a question to a person.
        let listening = on_stop(scope, || cancel.ask())?;
        let work = &work;
        let threads: Vec<_> = units
            .into_iter()
            .map(|unit| {
                let tell = tell.clone();
                let listener = move |event: &Event| _ = tell.send(event.clone());
                let body = move || catch_unwind(AssertUnwindSafe(|| work(unit, &listener)));
                std::thread::Builder::new().name("run".into()).spawn_scoped(scope, body)
            })
            .collect();
        drop(tell);
        while let Some(event) = told.blocking_recv() {
            hear(&event);
        }
        drop(listening);
        let died = || Error::new(Kind::Interrupted, "the work on this unit ended in a fault of hardwire itself");
        Ok(threads
            .into_iter()
            .map(|thread| match thread.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(Ok(done))) => Ok(done),
                Ok(_) => Err(died().next("run the same again; report the message above as a bug")),
                Err(cause) => Err(Error::new(Kind::Storage, "no thread for this unit").because(cause)),
            })
            .collect())
    })
}

/// Somebody listens for requests to stop until this is dropped.
pub(super) struct Listening(#[expect(dead_code, reason = "its end is what is told")] oneshot::Sender<()>);

/// Calls `asked` at every Ctrl-C or request to terminate, on a thread of its own.
///
/// # Errors
/// `storage` when the machine gives no runtime or threads.
pub(super) fn on_stop<'scope>(
    scope: &'scope Scope<'scope, '_>,
    mut asked: impl FnMut() + Send + 'scope,
) -> Result<Listening> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_runtime)?;
    let mut stop = runtime.block_on(async { Stop::new() }).map_err(no_runtime)?;
    let (over, mut ended) = oneshot::channel::<()>();
    let listen = move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    () = stop.asked() => asked(),
                    _ = &mut ended => break,
                }
            }
        });
    };
    std::thread::Builder::new().name("stop".into()).spawn_scoped(scope, listen).map_err(no_runtime)?;
    Ok(Listening(over))
}

fn no_runtime(cause: std::io::Error) -> Error {
    Error::new(Kind::Storage, "this machine gives no more threads or signals").because(cause)
}

/// A person's or the system's request to stop.
#[cfg(unix)]
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Stop {
    fn new() -> std::io::Result<Stop> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Stop { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// # Cancel safety
    /// Nothing is lost: a signal that came is heard by the next call.
    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Stop;

#[cfg(not(unix))]
impl Stop {
    fn new() -> std::io::Result<Stop> {
        Ok(Stop)
    }

    /// # Cancel safety
    /// A Ctrl-C between two calls may be lost.
    async fn asked(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::event::EventKind;

    fn event(say: &str) -> Event {
        Event::saying(EventKind::Retry, say)
    }

    #[test]
    fn one_unit_that_falls_over_leaves_the_others_alone() {
        let mut heard = Vec::new();
        let results = run(
            vec![1, 2, 3],
            &Cancel::default(),
            |unit, listener| {
                assert_ne!(unit, 2, "this unit falls over");
                listener.hear(&event(&unit.to_string()));
                unit * 10
            },
            |event| heard.extend(event.say.clone()),
        )
        .unwrap();
        heard.sort();
        assert_eq!(heard, ["1", "3"]);
        let done: Vec<_> = results.iter().map(|result| result.as_ref().ok().copied()).collect();
        assert_eq!(done, [Some(10), None, Some(30)]);
    }

    #[cfg(unix)]
    #[test]
    fn a_request_to_stop_reaches_the_work() {
        let cancel = Cancel::default();
        let results = run(
            vec![()],
            &cancel,
            |(), listener| {
                listener.hear(&event("ready"));
                while !cancel.is_asked() {
                    std::thread::yield_now();
                }
            },
            |_| nix::sys::signal::raise(nix::sys::signal::Signal::SIGTERM).unwrap(),
        );
        assert!(results.unwrap()[0].is_ok());
    }
}
