//! A gateway before a real PocketBase, with a recording proxy between the two.

use crate::{Client, PocketBase, RecordingProxy, Setup, TestGateway};

/// All that a scenario needs.
#[derive(Debug)]
pub struct Stage {
    /// What is tested.
    pub gateway: TestGateway,
    /// What sees all that reaches PocketBase from the gateway.
    pub proxy: RecordingProxy,
    /// What stands behind.
    pub pocketbase: PocketBase,
}

impl Stage {
    /// Starts all three. `set_up` says what the gateway exposes, and under which rules.
    pub async fn with(set_up: impl FnOnce(Setup) -> Setup) -> Self {
        Self::with_files(&[], set_up).await
    }

    /// The same, where PocketBase has hooks or a public folder: see [`PocketBase::start_with`].
    pub async fn with_files(files: &[(&str, &str)], set_up: impl FnOnce(Setup) -> Setup) -> Self {
        Self::before(PocketBase::start_with(files).await, set_up).await
    }

    /// The same before a PocketBase that is there already.
    pub async fn before(pocketbase: PocketBase, set_up: impl FnOnce(Setup) -> Setup) -> Self {
        let proxy = RecordingProxy::before(pocketbase.address()).await;
        let gateway = set_up(Setup::before(proxy.address())).start().await;
        Self {
            gateway,
            proxy,
            pocketbase,
        }
    }

    /// The demo's collections under PocketBase's own rules alone.
    pub async fn open() -> Self {
        Self::with(|gateway| gateway.open("users").open("posts").open("comments")).await
    }

    /// A guest at the gateway.
    #[must_use]
    pub fn guest(&self) -> Client {
        self.gateway.client()
    }

    /// A guest at PocketBase itself.
    #[must_use]
    pub fn direct(&self) -> Client {
        self.pocketbase.client()
    }

    /// The superuser, known to PocketBase, at the gateway.
    pub async fn superuser(&self) -> Client {
        let direct = self.pocketbase.superuser().await;
        self.guest().with_token(direct.token())
    }

    /// One of the demo's people at the gateway. The login goes past it: what the
    /// proxy has seen is what the test asks.
    pub async fn log_in(&self, name: &str) -> Client {
        let direct = self.direct().log_in(name).await;
        self.guest().with_token(direct.token())
    }
}
