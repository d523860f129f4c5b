//! Where calls run: on the thread that serves the request, until they run long.
//!
//! A call that reaches its first tick, a hundred times the usual cost, moves to
//! one thread of low priority that all such calls share. So a rule that loops,
//! or as many as there are worker threads, takes a tick or two from the
//! requests of others, and no more.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::CatchUnwind;
use tokio::runtime::{Builder, Runtime};

use super::fault::Fault;

/// Low, so that it yields to the threads that serve requests; not the lowest,
/// which on a busy machine would get next to nothing.
const NICE: i32 = 10;

/// The thread for calls that run long.
pub(super) struct SlowLane {
    /// None only while it is being dropped.
    runtime: Option<Runtime>,
}

/// A call to be run.
pub(super) type Call<F> = Pin<Box<F>>;

/// Set by a call at its first tick: "move me".
#[derive(Clone, Debug, Default)]
pub(super) struct Crossed(Arc<AtomicBool>);

impl SlowLane {
    pub(super) fn start() -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("hapta-slow")
            // A looping call never leaves the queue empty, so timers and I/O
            // are looked at after every poll and not every 61st.
            .event_interval(1)
            .on_thread_start(lower_priority)
            .enable_all()
            .build()?;
        Ok(Self {
            runtime: Some(runtime),
        })
    }

    /// Runs a call to its end, or to its deadline: then the call is dropped
    /// wherever it stands, and its instance with it. It comes in a box, since it
    /// is kilobytes that would be copied from hand to hand.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        deadline: Duration,
        crossed: &Crossed,
        call: Call<impl Future<Output = Result<T, Fault>> + Send + 'static>,
    ) -> Result<T, Fault> {
        let mut call = AssertUnwindSafe(call).catch_unwind();
        let whole = async {
            match until_crossed(&mut call, crossed).await {
                Some(ended) => ended.unwrap_or(Err(Fault::Host)),
                None => self.finish(call).await,
            }
        };
        tokio::time::timeout(deadline, whole)
            .await
            .unwrap_or(Err(Fault::Deadline))
    }

    /// Runs what no request waits for, on the same thread.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(work);
        }
    }

    async fn finish<T: Send + 'static>(
        &self,
        call: CatchUnwind<
            AssertUnwindSafe<Call<impl Future<Output = Result<T, Fault>> + Send + 'static>>,
        >,
    ) -> Result<T, Fault> {
        let Some(runtime) = &self.runtime else {
            return Err(Fault::Host);
        };
        // Aborts the call when the deadline drops this future.
        let task = tokio_util::task::AbortOnDropHandle::new(runtime.spawn(call));
        match task.await {
            Ok(Ok(ended)) => ended,
            // It panicked, here or there.
            Ok(Err(_)) | Err(_) => Err(Fault::Host),
        }
    }
}

impl Drop for SlowLane {
    fn drop(&mut self) {
        // An engine may be dropped within a runtime, where waiting is forbidden.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Crossed {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Polls a call here until it ends, or until it has crossed a tick: then none.
async fn until_crossed<F: Future + Unpin>(call: &mut F, crossed: &Crossed) -> Option<F::Output> {
    std::future::poll_fn(|context| match call.poll_unpin(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if crossed.is_set() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// Threads are processes to the Linux scheduler, so this is this thread's alone.
fn lower_priority() {
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
        tracing::warn!(%error, "cannot lower the priority of the thread for long calls");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call of a gateway with a mistake in it.
    async fn mistaken(crossed: Option<&Crossed>) -> Result<(), Fault> {
        if let Some(crossed) = crossed {
            crossed.set();
            tokio::task::yield_now().await;
        }
        let nothing: Option<()> = std::hint::black_box(None);
        nothing.expect("the gateway makes a mistake");
        Ok(())
    }

    #[tokio::test]
    async fn a_panic_of_the_gateway_under_a_call_refuses() {
        let lane = SlowLane::start().unwrap();
        let deadline = Duration::from_secs(10);
        let crossed = Crossed::default();
        let ended = lane.run(deadline, &crossed, Box::pin(mistaken(None))).await;
        assert_eq!(ended, Err(Fault::Host));
        // The same where the call went on in the thread for long ones, which lives on.
        for _ in 0..2 {
            let crossed = Crossed::default();
            let own = crossed.clone();
            let call = Box::pin(async move { mistaken(Some(&own)).await });
            assert_eq!(lane.run(deadline, &crossed, call).await, Err(Fault::Host));
        }
        let crossed = Crossed::default();
        crossed.set();
        let well = Box::pin(async {
            tokio::task::yield_now().await;
            Ok(std::thread::current().name().map(str::to_owned))
        });
        let well = lane.run(deadline, &crossed, well);
        assert_eq!(well.await, Ok(Some("hapta-slow".to_owned())));
    }
}
