//! `hapta new`: begins a rule, in a folder that builds.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;

use super::terminal::{GOOD, QUIET, STRONG, paint, say};
use crate::workshop::{self, Language, World};

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The folder to make. Its last part is the rule's name.
    #[arg(value_name = "NAME")]
    folder: PathBuf,
    /// What the rule is written in.
    #[arg(long, short, value_enum, value_name = "LANGUAGE")]
    lang: Lang,
    /// What it may import: the request alone, or other records, counters and the log as well.
    #[arg(long, value_enum, default_value = "rule", value_name = "WORLD")]
    world: Worlds,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Lang {
    /// The smallest and fastest; needs a Rust toolchain.
    Rust,
    /// TypeScript or JavaScript, in QuickJS; needs Node.js.
    #[value(alias = "typescript", alias = "js", alias = "javascript")]
    Ts,
    /// Python; needs Python with pip.
    #[value(alias = "py")]
    Python,
    /// C; needs zig, or clang with a C library.
    C,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Worlds {
    /// The request, and what is in it.
    Rule,
    /// Powers as well, each of which has to be granted.
    PoweredRule,
}

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let language = options.lang.language();
    let world = match options.world {
        Worlds::Rule => World::Rule,
        Worlds::PoweredRule => World::PoweredRule,
    };
    let project = workshop::begin(&options.folder, language, world)?;
    let folder = options.folder.display().to_string();
    let what = format!("a rule in {}, with its tests", language.name());
    say(&format!(
        "{} {folder} {}",
        paint(GOOD, "begun"),
        paint(QUIET, &format!("({what})"))
    ));
    say("");
    say(&paint(STRONG, "Next:"));
    say(&format!("  cd {}", quoted(&folder)));
    for command in workshop::first_commands(project.language) {
        say(&format!("  {command}"));
    }
    say("");
    say("README.md there says the same, and how it gets to judge.");
    Ok(ExitCode::SUCCESS)
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-".contains(letter);
    if path.chars().all(is_plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

impl Lang {
    fn language(self) -> Language {
        match self {
            Self::Rust => Language::Rust,
            Self::Ts => Language::TypeScript,
            Self::Python => Language::Python,
            Self::C => Language::C,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_path_is_quoted_where_a_shell_would_take_it_apart() {
        assert_eq!(quoted("rules/own-posts"), "rules/own-posts");
        assert_eq!(quoted("my rules/a"), "'my rules/a'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
