//! WASI, for guests whose runtime needs it: clocks, randomness, and output to
//! the log. There is nothing else behind it: no files, no environment, no
//! arguments, no network, and an input that is closed.
//!
//! It is linked for all and imported only by those to whom it is granted.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream, WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksCtxView, WasiClocksView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::{self, OutputStream, Pollable, StreamResult};
use wasmtime_wasi::random::{WasiRandom, WasiRandomCtx};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView, async_trait};

use super::CallState;
use crate::rules::bindings::hapta::rule::log::Level;

/// Bytes that an instance may print to each of its outputs; what is more is lost.
const PRINTED: usize = 4_000;

/// Bytes of randomness that a guest gets at once.
const RANDOM: u64 = 64 << 10;

/// What one instance has of WASI.
pub(super) struct Wasi {
    context: WasiCtx,
    table: ResourceTable,
    out: Printed,
    error: Printed,
    /// The interface of which `configure` asked what it does not have.
    asked: Option<&'static str>,
}

/// What a guest prints, until its call has ended.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

/// Gives the linker what is left of WASI without files and network.
pub(super) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    use p2::bindings::{cli, clocks, filesystem, random};

    // What this links of clocks and randomness is replaced below.
    linker.allow_shadowing(true);
    p2::add_to_linker_proxy_interfaces_async(linker)?;
    clocks::wall_clock::add_to_linker::<_, WasiClocks>(linker, |state| {
        state.clocks_of("wasi:clocks/wall-clock")
    })?;
    clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(linker, |state| {
        state.clocks_of("wasi:clocks/monotonic-clock")
    })?;
    random::random::add_to_linker::<_, WasiRandom>(linker, |state| {
        state.random_of("wasi:random/random")
    })?;
    random::insecure::add_to_linker::<_, WasiRandom>(linker, |state| {
        state.random_of("wasi:random/insecure")
    })?;
    random::insecure_seed::add_to_linker::<_, WasiRandom>(linker, |state| {
        state.random_of("wasi:random/insecure-seed")
    })?;
    linker.allow_shadowing(false);
    cli::exit::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::environment::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    filesystem::types::add_to_linker::<_, WasiFilesystem>(linker, CallState::filesystem)?;
    filesystem::preopens::add_to_linker::<_, WasiFilesystem>(linker, CallState::filesystem)
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi();
        WasiCtxView {
            ctx: &mut wasi.context,
            table: &mut wasi.table,
        }
    }
}

impl CallState {
    /// Made when it is first asked for: most rules never do.
    fn wasi(&mut self) -> &mut Wasi {
        self.wasi.get_or_insert_with(|| Box::new(Wasi::new()))
    }

    /// The clocks. Whatever `configure` is told would be told to every call
    /// after it, so its asking is taken down, and the load fails.
    fn clocks_of(&mut self, interface: &'static str) -> WasiClocksCtxView<'_> {
        self.take_down(interface);
        self.clocks()
    }

    fn random_of(&mut self, interface: &'static str) -> &mut WasiRandomCtx {
        self.take_down(interface);
        self.wasi().context.random()
    }

    fn take_down(&mut self, interface: &'static str) {
        if self.configuring {
            self.wasi().asked = Some(interface);
        }
        // Waiting for a clock is no work.
        self.waited = true;
    }

    /// The interface of which `configure` asked what it does not have.
    pub(in crate::rules) fn asked_in_configure(&self) -> Option<&'static str> {
        self.wasi.as_ref()?.asked
    }

    /// Writes to the log what the guest printed in its call.
    pub(in crate::rules) fn flush_printed(&mut self) {
        let Some(wasi) = &self.wasi else {
            return;
        };
        for (printed, level) in [
            (wasi.out.take(), Level::Info),
            (wasi.error.take(), Level::Warn),
        ] {
            let text = String::from_utf8_lossy(&printed);
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                self.say(level, line);
            }
        }
    }
}

impl Wasi {
    fn new() -> Self {
        let (out, error) = (Printed::default(), Printed::default());
        let mut builder = WasiCtxBuilder::new();
        builder
            .stdout(out.clone())
            .stderr(error.clone())
            .max_random_size(RANDOM)
            .allow_tcp(false)
            .allow_udp(false);
        Self {
            context: builder.build(),
            table: ResourceTable::new(),
            out,
            error,
            asked: None,
        }
    }
}

impl Printed {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    /// Without a task between: what is printed is there when the call ends.
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Printed {
    /// Takes all, and keeps what fits: a guest that prints much must not fail for it.
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = PRINTED.saturating_sub(kept.len()).min(bytes.len());
        kept.extend(bytes.iter().take(room));
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PRINTED)
    }
}

#[async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}
