//! Python: put into a component with `CPython` by componentize-py.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::error::{read, write};
use super::sdk::FOLDER;
use super::tool::{Shop, answer, on_path};
use super::{WorkshopError, made_from};

/// The tool, and what brings it.
const TOOL: &str = "componentize-py";

/// The module that the tool begins at.
const ENTRY: &str = "hapta_entry";

/// Puts the modules of the folder into a component.
pub(super) fn make(shop: &mut Shop<'_>) -> Result<Vec<u8>, WorkshopError> {
    let mut componentize = tool(&shop.project.folder)?;
    let modules = gather(shop)?;
    let made = shop.bench.join("made.wasm");
    let folder = shop.project.folder.join(FOLDER);
    shop.begins("componentize-py puts it into a component with Python: about ten seconds");
    componentize
        .arg("--wit-path")
        .arg(folder.join("wit"))
        .args([
            "--world",
            shop.project.world.name(),
            "componentize",
            "--stub-wasi",
            ENTRY,
        ])
        .arg("--python-path")
        .arg(&modules)
        .arg("--python-path")
        .arg(folder.join("python"))
        .arg("--output")
        .arg(&made)
        // Compiled files would be left beside the sources.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // The rule's own traceback is in what it says; this would add the tool's.
        .env("RUST_BACKTRACE", "0");
    shop.run_quietly(TOOL, &mut componentize)?;
    fs::read(&made).map_err(read(&made))
}

/// A folder of the rule's files alone: the tool takes whatever lies in one.
fn gather(shop: &Shop<'_>) -> Result<std::path::PathBuf, WorkshopError> {
    let project = shop.project;
    let modules = shop.bench.join("modules");
    for file in made_from::sources(project)? {
        let to = modules.join(file.strip_prefix(&project.folder).unwrap_or(&file));
        let above = to.parent().unwrap_or(&modules);
        fs::create_dir_all(above).map_err(write(above))?;
        fs::copy(&file, &to).map_err(read(&file))?;
    }
    let entry = modules.join(format!("{ENTRY}.py"));
    fs::write(&entry, entry_of(project.source.as_deref())).map_err(write(&entry))?;
    Ok(modules)
}

/// The module that the tool looks for the world's functions in.
fn entry_of(source: Option<&Path>) -> String {
    let source = source.unwrap_or(Path::new("rule.py")).with_extension("");
    let parts: Vec<_> = source
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    let module = parts.join(".");
    format!(
        "import importlib\n\nfrom hapta_rule.component import component\n\nWitWorld = component(importlib.import_module(\"{module}\"))\n"
    )
}

/// The tool of the folder's virtual environment, of the `PATH`, or of Python's own packages.
fn tool(folder: &Path) -> Result<Command, WorkshopError> {
    let of_folder = folder.join(".venv/bin").join(TOOL);
    if of_folder.exists() {
        return Ok(Command::new(of_folder));
    }
    if let Some(tool) = on_path(TOOL) {
        return Ok(Command::new(tool));
    }
    let install = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt";
    let Some(python) = on_path("python3") else {
        return Err(WorkshopError::Missing {
            tool: "python3".to_owned(),
            install: format!(
                "install Python 3.10 or later with pip (on Debian: apt-get install python3-venv), then in {}: {install}",
                folder.display()
            ),
        });
    };
    let mut ask = Command::new(&python);
    let is_there =
        "import importlib.util as u, sys; sys.exit(u.find_spec(\"componentize_py\") is None)";
    if answer(ask.args(["-c", is_there]).current_dir(folder)).is_none() {
        let asked = folder.join("requirements.txt").exists();
        let install = if asked {
            install
        } else {
            "python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1"
        };
        return Err(WorkshopError::Missing {
            tool: TOOL.to_owned(),
            install: format!("run in {}: {install}", folder.display()),
        });
    }
    let mut tool = Command::new(python);
    // What pip's own script does: the package has no `__main__`.
    let script = "import sys; from componentize_py import script; sys.exit(script())";
    tool.args(["-c", script]);
    Ok(tool)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_names_the_module_of_the_source() {
        let named = |source: &str| entry_of(Some(Path::new(source)));
        assert!(named("rule.py").contains("import_module(\"rule\")"));
        assert!(named("own/posts.py").contains("import_module(\"own.posts\")"));
    }
}
