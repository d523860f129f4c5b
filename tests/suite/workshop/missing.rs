//! What is missing is named, with the command that brings it.

use super::{Workshop, text};

async fn missing(language: &str, programs: &[(&str, &str)], words: &[&str]) {
    let workshop = Workshop::with_programs(programs);
    workshop
        .hapta(&["new", "own-posts", "--lang", language])
        .await
        .well();
    let folder = workshop.at("own-posts");
    let said = workshop.hapta(&["build", text(&folder)]).await;
    said.refused(words);
    assert!(!folder.join("build/own-posts.wasm").exists());
}

#[tokio::test]
async fn of_rust() {
    let debian = "apt-get install rustc-web cargo-web rust-web-src lld-22";
    let none = [
        "cargo",
        "https://rustup.rs",
        "rustup target add wasm32-unknown-unknown",
        debian,
    ];
    missing("rust", &[], &none).await;
    let without_target = [
        ("cargo", "exit 1"),
        ("rustc", "echo /nowhere"),
        ("rustup", "exit 1"),
    ];
    let target = [
        "Rust's target",
        "rustup target add wasm32-unknown-unknown brings it",
        debian,
    ];
    missing("rust", &without_target, &target).await;
}

#[tokio::test]
async fn of_typescript() {
    missing(
        "ts",
        &[],
        &[
            "node is needed",
            "https://nodejs.org",
            "apt-get install nodejs npm",
        ],
    )
    .await;
    let node = [("node", "exit 1"), ("npm", "exit 1")];
    missing(
        "ts",
        &node,
        &["componentize-qjs is needed", "run npm install in"],
    )
    .await;
    missing(
        "ts",
        &node[..1],
        &["run npm install in", "apt-get install npm"],
    )
    .await;
}

#[tokio::test]
async fn a_package_that_the_folder_does_not_ask_for_is_installed_by_name() {
    let workshop = Workshop::with_programs(&[("node", "exit 1"), ("npm", "exit 1")]);
    workshop
        .hapta(&["new", "own-posts", "--lang", "ts"])
        .await
        .well();
    let folder = workshop.at("own-posts");
    std::fs::write(folder.join("package.json"), "{}").expect("writes it");
    let said = workshop.hapta(&["build", text(&folder)]).await;
    said.refused(&["npm install --save-dev componentize-qjs@0.4.5"]);
    let programs = folder.join("node_modules/.bin");
    std::fs::create_dir_all(&programs).expect("makes it");
    std::fs::write(programs.join("componentize-qjs"), "").expect("writes it");
    let said = workshop.hapta(&["build", text(&folder)]).await;
    said.refused(&["esbuild is needed", "npm install --save-dev esbuild"]);
}

#[tokio::test]
async fn of_python() {
    let install = ".venv/bin/pip install -r requirements.txt";
    missing(
        "python",
        &[],
        &["python3 is needed", "python3-venv", install],
    )
    .await;
    let python = [("python3", "exit 1")];
    missing("python", &python, &["componentize-py is needed", install]).await;
}

#[tokio::test]
async fn of_c() {
    let ways = [
        "C compiler",
        ".venv/bin/pip install ziglang",
        "apt-get install --no-install-recommends clang-22",
        "WASI_SDK_PATH",
    ];
    missing("c", &[], &ways).await;
}
