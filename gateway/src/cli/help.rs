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

pub(super) const TEST: &str = "\
Examples:
  hapta test                                  the rule of this folder, by its tests.toml
  hapta test posts-rule users-rule            the rules of these folders
  hapta test tests.toml --rule posts.wasm     this rule, by these tests
  hapta test --filter guest --watch           some cases, again at each save
  hapta test --junit report.xml --coverage require

Ends with status 0 if all cases passed, 1 if some failed, 2 if nothing could be tried.";

pub(super) const RUN: &str = "\
Examples:
  hapta run --case \"a guest changes nothing\"  a case of the tests of this folder
  hapta run --request \"view posts/p1\" --response '{\"id\": \"p1\", \"secret\": 1}'
  hapta run posts.wasm --request \"update posts/p1\" --body '{\"title\": \"x\"}' --stored none";

pub(super) const BENCH: &str = "\
Examples:
  hapta bench                                 the rule of this folder, against its build before
  hapta bench --case \"an author\" --calls 5000
  hapta bench tests.toml --rule new.wasm --against old.wasm";

pub(super) const NEW: &str = "\
Examples:
  hapta new own-posts --lang ts               a folder own-posts, in TypeScript
  hapta new rules/own-posts --lang rust       the name is the last part: own-posts
  hapta new quota --lang python --world powered-rule

Each rule to begin with is the same: the author of a record alone changes it. What
comes next is told, and stands in the folder's README.md.";

pub(super) const BUILD: &str = "\
Examples:
  hapta build                                 the rule in this folder
  hapta build rules/own-posts
  hapta build --out /etc/hapta/rules/own-posts.wasm
  hapta build --json | jq -r .file

It calls what the language is compiled with, and installs nothing: what is missing is
named, with the command that brings it.
  rust        cargo, with the target wasm32-unknown-unknown; or Debian's rustc-web
  typescript  node, and of the folder's packages componentize-qjs, esbuild and tsc
  python      componentize-py, of .venv, the PATH or Python's packages
  c           WASI_SDK_PATH, zig, Debian's clang with wasi-libc, or Python's ziglang

The component is build/NAME.wasm; the one before it is kept beside it for hapta bench.
Where nothing has changed, nothing is done.";

pub(super) const INSPECT: &str = "\
Examples:
  hapta inspect                               the rule in this folder, built first
  hapta inspect own-posts.wasm
  hapta inspect own-posts.wasm --settings '{\"author_field\": \"owner\"}'
  hapta inspect own-posts.wasm --json | jq .grants

Loaded as a gateway would, with every grant that it can have; nothing is served.
Ends with status 0 for a rule, also for one that refuses these settings, 1 for
anything else.";

pub(super) const SHELL: &str = "\
Examples:
  hapta shell completions bash > ~/.local/share/bash-completion/completions/hapta
  hapta shell man ~/.local/share/man/man1";

pub(super) const COMPLETIONS: &str = "\
Examples:
  bash        hapta shell completions bash > ~/.local/share/bash-completion/completions/hapta
  zsh         hapta shell completions zsh > \"${fpath[1]}/_hapta\"
  fish        hapta shell completions fish > ~/.config/fish/completions/hapta.fish
  elvish      hapta shell completions elvish >> ~/.config/elvish/rc.elv
  powershell  hapta shell completions powershell >> $PROFILE";

pub(super) const MAN: &str = "\
Examples:
  hapta shell man ~/.local/share/man/man1     then: man hapta, man hapta-build
  hapta shell man /tmp/man && man /tmp/man/hapta.1";

pub(super) const DEV: &str = "\
Examples:
  hapta dev                                   the rule of this folder, or those below it
  hapta dev rules/own-posts --listen 127.0.0.1:3000
  hapta dev --pocketbase ./pocketbase         this executable
  ADMIN_EMAIL=… ADMIN_PASSWORD=… hapta dev --pocketbase http://127.0.0.1:8091
  hapta dev --json | jq 'select(.type == \"request\" and .verdict != \"allowed\")'

With a hapta.toml here, that is what serves. Without one everything is made up in
.hapta/dev: a PocketBase with data of its own, a superuser for its dashboard, and a
configuration that exposes each collection, judged by the rules that are for it.

Environment: POCKETBASE (the executable, or a URL), NO_COLOR, RUST_LOG (what the gateway
says of itself beside requests).";
pub(super) const INIT: &str = "\
Examples:
  hapta init --pocketbase http://127.0.0.1:8091 --email admin@example.com
  ADMIN_EMAIL=… ADMIN_PASSWORD=… hapta init --pocketbase http://127.0.0.1:8091 --json
  hapta init --from ../hapta/config.ts        takes over the original Hapta's files
  hapta init --schema > hapta.schema.json     what may stand in hapta.toml, for editors";
