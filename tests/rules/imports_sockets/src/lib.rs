//! Asks for the network: a component that imports what was not granted must not be loaded, and the
//! message must name the import.

use hapta_rule::{Denial, Hook, Manifest, NoSettings, Request, Rule, SettingsError, Verdict};

#[cfg(target_family = "wasm")]
mod sockets {
    //! Only the name of this import matters: nobody is to provide it.
    #![allow(unsafe_code, unreachable_pub, reason = "generated")]

    wit_bindgen::generate!({
        inline: "
            package hapta-tests:hostile;

            world imports-sockets {
                import wasi:sockets/instance-network@0.2.0;
            }

            package wasi:sockets@0.2.0 {
                interface instance-network {
                    instance-network: func() -> u32;
                }
            }
        ",
        generate_all,
    });

    pub(crate) use self::wasi::sockets::instance_network::instance_network;
}

struct ImportsSockets;

impl Rule for ImportsSockets {
    type Settings = NoSettings;

    fn configure(_: NoSettings) -> Result<Self, SettingsError> {
        Ok(Self)
    }

    fn manifest(&self) -> Manifest {
        Manifest::hooks([Hook::Before])
    }

    fn before(&self, _request: &Request) -> Verdict {
        #[cfg(target_family = "wasm")]
        let network = sockets::instance_network();
        #[cfg(not(target_family = "wasm"))]
        let network = 0;
        let message = format!("The network is number {network}.");
        Err(Denial::forbidden("networked", message))
    }
}

hapta_rule::export!(ImportsSockets);
