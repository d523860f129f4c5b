//! Where the shell of a page runs: the demo's people and posts behind a gateway that runs, in a
//! folder of its own, with `hapta` on the path. Addresses in the text are those of the demo, and
//! stand for those of the scene.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use hapta_tests::{ADMIN_KEY, PATIENCE, PocketBase, Process, Program, Setup, root};
use tokio::process::Command;

use super::blocks::Block;
use crate::commands::HAPTA;

/// Of a command line that was not understood, and of a command that is not there.
const NOT_UNDERSTOOD: [i32; 2] = [2, 127];

/// What the demo's addresses stand for.
struct Scene {
    pocketbase: PocketBase,
    process: Process,
}

/// Runs the shell of one page, block by block, in one scene.
pub(super) async fn play(page: &str, blocks: &[Block]) {
    let scene = Scene::open().await;
    let mut answered = String::new();
    for block in blocks {
        match block.kind.as_str() {
            "sh" => {
                let (status, output) = scene.run(&block.text).await;
                assert_eq!(status, Some(0), "{}:\n{output}", block.place());
                answered = output;
            }
            "sh lines" => {
                for line in block.text.lines().filter(|line| !line.trim().is_empty()) {
                    let (status, output) = scene.run(line).await;
                    let is_understood = status.is_some_and(|it| !NOT_UNDERSTOOD.contains(&it));
                    assert!(is_understood, "{}: {line}\n{output}", block.place());
                }
            }
            "json answer" => {
                let expected = block.text.trim();
                assert!(
                    answered.contains(expected),
                    "{}: the shell before it answers otherwise:\n{answered}",
                    block.place()
                );
            }
            _ => {}
        }
    }
    assert!(!blocks.is_empty(), "{page}");
}

impl Scene {
    async fn open() -> Self {
        let pocketbase = PocketBase::start().await;
        let mut setup = Setup::before(pocketbase.address()).rule("ownership");
        for collection in ["users", "posts", "comments"] {
            setup = setup.judged(collection, &["ownership"]);
        }
        let process = Program::new(HAPTA, setup).serve().await;
        let bin = process.folder().join("bin");
        std::fs::create_dir(&bin).expect("a folder");
        std::os::unix::fs::symlink(HAPTA, bin.join("hapta")).expect("a link");
        // What `npm install` brings is there already: nothing is fetched by tests.
        let modules = root().join("rules-examples/ownership-typescript/node_modules");
        let npm = format!("#!/bin/sh\nln -s '{}' node_modules\n", modules.display());
        std::fs::write(bin.join("npm"), npm).expect("writes it");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(bin.join("npm"), mode).expect("may run");
        Self {
            pocketbase,
            process,
        }
    }

    /// Runs a text as a script; its end, and all that it wrote.
    async fn run(&self, text: &str) -> (Option<i32>, String) {
        let folder = self.process.folder();
        let places = [
            (
                "127.0.0.1:8090",
                self.process.client().address().to_string(),
            ),
            ("127.0.0.1:8091", self.pocketbase.address().to_string()),
            (
                "127.0.0.1:8092",
                self.process.operator().address().to_string(),
            ),
            (".build/demo/", String::new()),
        ];
        let mut script = text.to_owned();
        for (demo, own) in places {
            script = script.replace(demo, &own);
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let child = Command::new("bash")
            .args(["-eu", "-o", "pipefail", "-c", &script])
            .current_dir(folder)
            .env("PATH", format!("{}:{path}", bin(folder)))
            .env("HAPTA_ADMIN_KEY", ADMIN_KEY)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let ended = tokio::time::timeout(PATIENCE * 4, child).await;
        let ended = ended.expect("it ends in time").expect("bash");
        let mut output = String::from_utf8_lossy(&ended.stdout).into_owned();
        output.push_str(&String::from_utf8_lossy(&ended.stderr));
        (ended.status.code(), output)
    }
}

fn bin(folder: &Path) -> String {
    folder.join("bin").to_string_lossy().into_owned()
}
