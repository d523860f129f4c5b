//! What stands below the options of each command: examples, and what to know.

/// What commands that read a whole configuration say of the environment; a macro,
/// since only literals can be put together at compile time.
macro_rules! environment {
    () => {
        "\
Environment, over the file: DB_URL, ADMIN_EMAIL, ADMIN_PASSWORD (the gateway's
superuser), HAPTA_ADMIN_KEY (opens the admin listener), SSL_ENABLED (true or
false), JWT_SECRET (checked, and not used: the gateway makes its keys itself),
RUST_LOG (what is logged; \"info\" by default)."
    };
}

pub(super) const CHECK: &str = concat!(
    "\
Examples:
  hapta check                                 hapta.toml in this folder
  hapta check --config /etc/hapta/hapta.toml && systemctl reload hapta

With [pocketbase.run] a PocketBase is started for the check: not while one runs.
What is checked are the files, also where a generation is pinned. Warnings, as about
where PocketBase's mails lead, say what to set and leave the status as it is.

",
    environment!()
);

pub(super) const SERVE: &str = concat!(
    "\
Examples:
  hapta serve                                 hapta.toml in this folder
  hapta serve --config /etc/hapta/hapta.toml
  hapta serve --listen 0.0.0.0:3000           clients connect here
  hapta serve --pocketbase http://127.0.0.1:8091
  DB_URL=http://127.0.0.1:8091 ADMIN_EMAIL=… ADMIN_PASSWORD=… hapta serve

",
    environment!()
);

pub(super) const STATUS: &str = "\
Examples:
  hapta status                                hapta.toml in this folder
  hapta status --config /etc/hapta/hapta.toml
  hapta status --json | jq .refused.reason    why the last change was not taken";

pub(super) const RULES: &str = "\
Examples:
  hapta rules history                         what was in force, and when
  hapta rules diff 7                          what changed between 7 and now
  hapta rules rollback                        back to the generation before
  hapta rules rollback 7                      back to generation 7
  hapta rules pin --off                       follow the files again
  hapta rules remove spam-filter              out of the rules folder, and meant so

After a rollback: mend the files, hapta check, then hapta rules pin --off.";

pub(super) const DENY: &str = "\
Examples:
  hapta deny add user:users/k2f9x0q4m1z7abc   this account is misused
  hapta deny add address:203.0.113.0/24       this network
  hapta deny add collection:invoices          until the rule is mended
  hapta deny list
  hapta deny remove address:203.0.113.0/24

An address is that of the connection: behind a proxy it is the proxy's.";

pub(super) const SESSIONS: &str = "\
Examples:
  hapta sessions list                         all of them, those used last first
  hapta sessions list --user users/k2f9x0q4m1z7abc
  hapta sessions end 4be0643f1d98573b97cdca98a65347dd
  hapta sessions end-user users/k2f9x0q4m1z7abc
  hapta sessions end-all                      everybody logs in again
  hapta sessions rotate                       another key signs tokens";
