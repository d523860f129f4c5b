//! TypeScript and JavaScript: bundled by esbuild, put into a component with QuickJS by
//! componentize-qjs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::{read, write};
use super::give_back::give_back;
use super::sdk::FOLDER;
use super::tool::{Shop, on_path};
use super::{Project, WorkshopError};

/// What stands for `Math.random` in the bundle that is only looked at.
const RANDOM: &str = "hapta_there_is_no_randomness";

/// What esbuild writes there for a function that waits.
const WAITS: [&str; 3] = ["__async(", "__asyncGenerator(", "__forAwait("];

/// Bundles the source and makes a component of it.
pub(super) fn make(shop: &mut Shop<'_>) -> Result<Vec<u8>, WorkshopError> {
    let tools = Tools::find(shop.project)?;
    let source = shop.project.source.clone().unwrap_or_default();
    let is_typed = source
        .extension()
        .is_some_and(|ending| ending == "ts" || ending == "mts");
    if is_typed {
        check_types(shop, &tools)?;
    }
    look_at(shop, &tools, &source)?;
    let bundle = bundle(shop, &tools, &source)?;
    let made = shop.bench.join("made.wasm");
    shop.begins("componentize-qjs puts it into a component with QuickJS");
    let mut componentize = Command::new(&tools.componentize);
    componentize
        .arg("--wit")
        .arg(shop.project.folder.join(FOLDER).join("wit"))
        .args(["--world", shop.project.world.name(), "--js"])
        .arg(&bundle)
        .args(["--sync", "--stub-wasi", "--output"])
        .arg(&made);
    shop.run_quietly("componentize-qjs", &mut componentize)?;
    give_back(&fs::read(&made).map_err(read(&made))?)
}

/// The tools, of the folder's own packages.
struct Tools {
    componentize: PathBuf,
    esbuild: PathBuf,
    /// Types are checked where it is there.
    tsc: Option<PathBuf>,
}

impl Tools {
    fn find(project: &Project) -> Result<Self, WorkshopError> {
        if on_path("node").is_none() {
            return Err(WorkshopError::Missing {
                tool: "node".to_owned(),
                install: "install Node.js 18 or later, with npm: https://nodejs.org (on Debian: apt-get install nodejs npm)".to_owned(),
            });
        }
        let needed = |name: &str| {
            installed(&project.folder, name).ok_or_else(|| WorkshopError::Missing {
                tool: name.to_owned(),
                install: install(&project.folder, name),
            })
        };
        Ok(Self {
            componentize: needed("componentize-qjs")?,
            esbuild: needed("esbuild")?,
            tsc: installed(&project.folder, "tsc"),
        })
    }
}

/// What brings a package's program: what the folder asks for already, or one more package.
fn install(folder: &Path, name: &str) -> String {
    let asked = fs::read_to_string(folder.join("package.json")).unwrap_or_default();
    let install = if asked.contains(&format!("\"{name}\"")) {
        "npm install".to_owned()
    } else if name == "componentize-qjs" {
        "npm install --save-dev componentize-qjs@0.4.5".to_owned()
    } else {
        format!("npm install --save-dev {name}")
    };
    let npm = match on_path("npm") {
        Some(_) => "",
        None => " (npm comes with Node.js; on Debian: apt-get install npm)",
    };
    format!("run {install} in {}{npm}", folder.display())
}

/// A program of the packages that are installed in the folder, or in one above it.
fn installed(folder: &Path, name: &str) -> Option<PathBuf> {
    let programs = folder
        .ancestors()
        .map(|folder| folder.join("node_modules/.bin"));
    programs
        .map(|programs| programs.join(name))
        .find(|file| file.exists())
}

fn check_types(shop: &mut Shop<'_>, tools: &Tools) -> Result<(), WorkshopError> {
    let Some(tsc) = &tools.tsc else {
        let install = install(&shop.project.folder, "typescript");
        shop.says(&format!(
            "types are not checked: typescript is not installed; {install}"
        ));
        return Ok(());
    };
    shop.begins("tsc checks the types");
    let mut check = Command::new(tsc);
    check.args(["--noEmit", "--pretty", "false"]);
    if shop.project.folder.join("tsconfig.json").exists() {
        check.args(["--project", "tsconfig.json"]);
    } else if let Some(source) = &shop.project.source {
        check.args([
            "--strict",
            "--target",
            "es2022",
            "--moduleResolution",
            "bundler",
        ]);
        check
            .args(["--module", "es2022", "--lib", "es2022"])
            .arg(source);
    }
    shop.run("tsc", &mut check).map(drop)
}

/// Bundles the author's part alone, with a mark for each `Math.random` that is meant: not one in a
/// comment or a text, but one that a library calls. A function that waits has a mark as well.
fn look_at(shop: &mut Shop<'_>, tools: &Tools, source: &Path) -> Result<(), WorkshopError> {
    let looked_at = shop.bench.join("looked-at.js");
    let mut esbuild = esbuild(tools);
    esbuild
        .arg(Path::new(".").join(source))
        .arg("--external:@hapta/rule")
        .arg(format!("--define:Math.random={RANDOM}"))
        .arg("--supported:async-await=false")
        .arg("--supported:async-generator=false")
        .arg("--supported:for-await=false")
        // What there is to say is said of the bundle itself.
        .arg("--log-level=error")
        .arg(option("--outfile=", &looked_at));
    shop.begins("esbuild bundles it");
    shop.run("esbuild", &mut esbuild)?;
    let text = fs::read_to_string(&looked_at).map_err(read(&looked_at))?;
    if let Some(file) = marked(&text, |_, line| line.contains(RANDOM)) {
        return Err(WorkshopError::Randomness(file));
    }
    // Libraries have such functions beside those that a rule calls.
    let waits = |file: &str, line: &str| {
        !file.contains("node_modules/") && WAITS.iter().any(|mark| line.contains(mark))
    };
    match marked(&text, waits) {
        Some(file) => Err(WorkshopError::Waits(file)),
        None => Ok(()),
    }
}

/// The file that the first marked line is in: esbuild writes its name above its code.
fn marked(bundle: &str, is_marked: impl Fn(&str, &str) -> bool) -> Option<String> {
    let mut file = "the bundle";
    for line in bundle.lines() {
        match line.strip_prefix("// ") {
            Some(name) => file = name,
            None if is_marked(file, line) => return Some(file.to_owned()),
            None => {}
        }
    }
    None
}

fn bundle(shop: &mut Shop<'_>, tools: &Tools, source: &Path) -> Result<PathBuf, WorkshopError> {
    let folder = shop.project.folder.join(FOLDER);
    let entry = folder.join("entry.js");
    // As JavaScript reads a text: JSON is one.
    let from = serde_json::Value::from(format!("../{}", source.display()));
    let text = format!(
        "import rule from {from};\nimport {{ component }} from \"@hapta/rule\";\n\nexport const {{ configure, before, reveal, after }} = component(rule);\n"
    );
    fs::write(&entry, text).map_err(write(&entry))?;
    let (bundle, about) = (shop.bench.join("bundle.js"), shop.bench.join("bundle.json"));
    let mut esbuild = esbuild(tools);
    esbuild
        .arg(Path::new(FOLDER).join("entry.js"))
        .arg(option(
            "--alias:@hapta/rule=",
            &folder.join("typescript/index.js"),
        ))
        .arg("--log-level=warning")
        .arg(option("--metafile=", &about))
        .arg(option("--outfile=", &bundle));
    shop.run("esbuild", &mut esbuild)?;
    shop.elsewhere = elsewhere(&about, &shop.project.folder)?;
    Ok(bundle)
}

/// The files outside of the rule's folder that went into a bundle, but for packages.
fn elsewhere(about: &Path, folder: &Path) -> Result<Vec<PathBuf>, WorkshopError> {
    let text = fs::read_to_string(about).map_err(read(about))?;
    let told: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let inputs = told.get("inputs").and_then(serde_json::Value::as_object);
    let inputs = inputs.into_iter().flat_map(serde_json::Map::keys);
    let files = inputs.filter(|file| !file.contains("node_modules/"));
    let files = files.filter_map(|file| folder.join(file).canonicalize().ok());
    Ok(files.filter(|file| !file.starts_with(folder)).collect())
}

fn esbuild(tools: &Tools) -> Command {
    let mut esbuild = Command::new(&tools.esbuild);
    esbuild.args([
        "--bundle",
        "--format=esm",
        "--target=es2022",
        "--platform=neutral",
    ]);
    // Libraries for browsers or Node say in one of these where their code is.
    esbuild.args([
        "--main-fields=module,main",
        "--external:hapta:*",
        "--legal-comments=none",
    ]);
    esbuild
}

fn option(name: &str, file: &Path) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(name);
    option.push(file);
    option
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn randomness_is_found_in_the_file_that_asks_for_it() {
        let bundle = format!("// lib/a.js\nvar x = 1;\n\n// rule.ts\nvar y = {RANDOM}();\n");
        let random = |bundle: &str| marked(bundle, |_, line| line.contains(RANDOM));
        assert_eq!(random(&bundle).as_deref(), Some("rule.ts"));
        assert_eq!(random("// rule.ts\nvar y = \"Math.random\";\n"), None);
    }

    #[test]
    fn packages_of_a_folder_above_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join("node_modules/.bin");
        fs::create_dir_all(&programs).unwrap();
        fs::write(programs.join("esbuild"), "").unwrap();
        let below = folder.path().join("a/b");
        assert_eq!(installed(&below, "esbuild"), Some(programs.join("esbuild")));
        assert_eq!(installed(&below, "tsc"), None);
    }
}
