//! Where the gateway listens: at addresses of its own, or on sockets that systemd hands over, which
//! it keeps open from one start to the next; and what systemd is told.

use std::net::SocketAddr;

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::net::TcpListener;

use super::StartError;

/// The name of the operators' socket among those that are handed over.
const ADMIN: &str = "admin";

/// Sockets that were handed over.
#[derive(Debug, Default)]
pub struct Sockets {
    clients: Option<std::net::TcpListener>,
    operators: Option<std::net::TcpListener>,
}

/// What was handed over can't be listened on.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// By number, from 0.
    #[error("the socket {0} that was handed over is no TCP socket that listens: {1}")]
    Other(usize, std::io::Error),
    /// There are two listeners at most.
    #[error(
        "two sockets were handed over for {0}; name the operators' one \"{ADMIN}\" (FileDescriptorName=)"
    )]
    Twice(&'static str),
    /// It would never be answered.
    #[error("a socket was handed over for operators, but there is no [admin] section")]
    NoAdmin,
}

impl Sockets {
    /// Those of this process, if it was handed any. To be asked for once, at the beginning.
    ///
    /// # Errors
    ///
    /// Sockets that are of no use.
    pub fn of_process() -> Result<Self, SocketError> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut handed = ListenFd::from_env();
        let mut sockets = Self::default();
        let mut names = names.split(':');
        for number in 0..handed.len() {
            let name = names.next().unwrap_or_default();
            let (place, whose) = if name == ADMIN {
                (&mut sockets.operators, "operators")
            } else {
                (&mut sockets.clients, "clients")
            };
            let listener = handed.take_tcp_listener(number);
            let listener = listener.map_err(|error| SocketError::Other(number, error))?;
            if place.is_some() {
                return Err(SocketError::Twice(whose));
            }
            *place = listener;
        }
        Ok(sockets)
    }

    /// The listener for clients.
    pub(super) async fn for_clients(
        &mut self,
        address: SocketAddr,
    ) -> Result<(TcpListener, SocketAddr), StartError> {
        listen(self.clients.take(), address).await
    }

    /// The listener for operators; none where none is asked for.
    pub(super) async fn for_operators(
        &mut self,
        address: Option<SocketAddr>,
    ) -> Result<Option<(TcpListener, SocketAddr)>, StartError> {
        match (self.operators.take(), address) {
            (Some(_), None) => Err(SocketError::NoAdmin.into()),
            (None, None) => Ok(None),
            (handed, Some(address)) => listen(handed, address).await.map(Some),
        }
    }
}

async fn listen(
    handed: Option<std::net::TcpListener>,
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let listening = async {
        let listener = match handed {
            Some(listener) => {
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener)?
            }
            None => TcpListener::bind(address).await?,
        };
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    listening
        .await
        .map_err(|problem| StartError::Listen { address, problem })
}

/// What systemd waits to hear.
#[derive(Clone, Copy, Debug)]
pub(super) enum Told {
    /// Everything is served.
    Ready,
    /// Files are read again.
    Reloading,
    /// The end has begun.
    Stopping,
}

/// Tells systemd, where it started this process and wants to know.
pub(super) fn tell(told: Told) {
    let sent = match told {
        Told::Ready => sd_notify::notify(&[NotifyState::Ready]),
        Told::Reloading => NotifyState::monotonic_usec_now()
            .and_then(|now| sd_notify::notify(&[NotifyState::Reloading, now])),
        Told::Stopping => sd_notify::notify(&[NotifyState::Stopping]),
    };
    if let Err(error) = sent {
        tracing::warn!(%error, ?told, "systemd could not be told");
    }
}
