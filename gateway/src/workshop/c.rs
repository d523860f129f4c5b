//! C: by a clang that has a C library for WebAssembly. The component's type is put in here.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::read;
use super::sdk::FOLDER;
use super::tool::{Shop, answer, on_path};
use super::{Project, WorkshopError, World, component, made_from};

/// Where Debian's library is, for the one triple that its headers are for.
const DEBIAN_LIBRARY: &str = "/usr/include/wasm32-wasi";
/// Debian's compilers that are recent enough, the newest first.
const DEBIAN_COMPILERS: [&str; 4] = ["clang-22", "clang-21", "clang-20", "clang-19"];

/// A compiler, and the system that it is told to compile for.
struct Compiler {
    command: Command,
    target: &'static str,
    /// What puts the stack below all else. Zig knows no such word, and does so by itself.
    stack: &'static [&'static str],
}

/// One that overflows ends the call then, and writes over nothing.
const STACK_FIRST: &[&str] = &["-Wl,--stack-first"];

/// Compiles and links the folder's files with the SDK's, and makes a component of them.
pub(super) fn make(shop: &mut Shop<'_>) -> Result<Vec<u8>, WorkshopError> {
    let Compiler {
        mut command,
        target,
        stack,
    } = compiler(&shop.project.folder)?;
    let project = shop.project;
    let sdk = project.folder.join(FOLDER).join("c");
    let module = shop.bench.join("module.wasm");
    command
        .arg(format!("--target={target}"))
        // No `main`: what is exported is called.
        .args([
            "-mexec-model=reactor",
            "-Os",
            "-flto",
            "-s",
            "-Wl,-z,stack-size=65536",
        ])
        .args(stack)
        .args(["-Wall", "-Wextra", "-Wno-deprecated", "-I"])
        .arg(&sdk);
    command.args(sources(project)?);
    command
        .arg(sdk.join("hapta.c"))
        .arg(sdk.join(glue(project.world)));
    command.arg("-o").arg(&module);
    shop.begins("the C compiler compiles and links");
    shop.run("the C compiler", &mut command)?;
    let mut module = fs::read(&module).map_err(read(&module))?;
    component::embed(
        &mut module,
        &project.folder.join(FOLDER).join("wit"),
        project.world,
    )?;
    component::encode(&module)
}

/// The author's files.
fn sources(project: &Project) -> Result<Vec<PathBuf>, WorkshopError> {
    let mut sources = made_from::sources(project)?;
    sources.retain(|file| file.extension().is_some_and(|ending| ending == "c"));
    Ok(sources)
}

/// What is between the contract's functions and C.
fn glue(world: World) -> &'static str {
    match world {
        World::Rule => "rule.c",
        World::PoweredRule => "powered_rule.c",
    }
}

fn compiler(folder: &Path) -> Result<Compiler, WorkshopError> {
    if let Some(sdk) = env::var_os("WASI_SDK_PATH") {
        let clang = Path::new(&sdk).join("bin/clang");
        if clang.exists() {
            return Ok(Compiler::new(&clang, &[], "wasm32-wasip1", STACK_FIRST));
        }
        return Err(WorkshopError::Missing {
            tool: clang.display().to_string(),
            install: "WASI_SDK_PATH has to name the folder of a wasi-sdk: https://github.com/WebAssembly/wasi-sdk/releases".to_owned(),
        });
    }
    if let Some(zig) = on_path("zig") {
        return Ok(Compiler::new(&zig, &["cc"], "wasm32-wasi", &[]));
    }
    let debian = DEBIAN_COMPILERS.iter().find_map(|name| on_path(name));
    if let Some(clang) = debian
        && Path::new(DEBIAN_LIBRARY).exists()
    {
        return Ok(Compiler::new(&clang, &[], "wasm32-wasi", STACK_FIRST));
    }
    let of_folder = folder.join(".venv/bin/python");
    let pythons = [of_folder.exists().then_some(of_folder), on_path("python3")];
    let has_zig = |python: &PathBuf| {
        answer(Command::new(python).args(["-m", "ziglang", "version"])).is_some()
    };
    if let Some(python) = pythons.into_iter().flatten().find(has_zig) {
        return Ok(Compiler::new(
            &python,
            &["-m", "ziglang", "cc"],
            "wasm32-wasi",
            &[],
        ));
    }
    Err(WorkshopError::Missing {
        tool: "a C compiler for WebAssembly (zig, or clang with a C library)".to_owned(),
        install: "python3 -m venv .venv && .venv/bin/pip install ziglang==0.17.1, in the rule's folder, brings zig; on Debian: apt-get install --no-install-recommends clang-22 lld-22 libclang-rt-22-dev-wasm32 wasi-libc; or set WASI_SDK_PATH to the folder of a wasi-sdk".to_owned(),
    })
}

impl Compiler {
    fn new(
        program: &Path,
        arguments: &[&str],
        target: &'static str,
        stack: &'static [&'static str],
    ) -> Self {
        let mut command = Command::new(program);
        command.args(arguments);
        Self {
            command,
            target,
            stack,
        }
    }
}
