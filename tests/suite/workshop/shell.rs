//! Completions and manual pages.

use std::fs;

use tokio::process::Command;

use super::{Workshop, text};

/// The commands of which a manual page and a completion are expected.
const COMMANDS: [&str; 15] = [
    "serve", "check", "status", "rules", "deny", "sessions", "init", "new", "build", "inspect",
    "test", "run", "bench", "dev", "shell",
];

#[tokio::test]
async fn each_shell_has_completions_of_every_command() {
    let workshop = Workshop::open();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = workshop
            .hapta(&["shell", "completions", shell])
            .await
            .well();
        for command in COMMANDS {
            assert!(
                said.out.contains(command),
                "{shell} does not complete {command}"
            );
        }
        said.has(&["rollback", "--help"]);
    }
    let said = workshop.hapta(&["shell", "completions", "cmd"]).await;
    assert_eq!(said.status, Some(2));
    said.has(&["bash", "zsh", "fish", "elvish", "powershell"]);
}

#[tokio::test]
async fn bash_completes_by_them() {
    let workshop = Workshop::open();
    let said = workshop
        .hapta(&["shell", "completions", "bash"])
        .await
        .well();
    let script = workshop.at("completions");
    fs::write(&script, said.out).expect("writes it");
    let complete = |words: &str, last: usize| {
        format!(
            "source \"$0\"; COMP_WORDS=({words}); COMP_CWORD={last}; _hapta hapta \"${{COMP_WORDS[{last}]}}\" \"${{COMP_WORDS[{last} - 1]}}\"; echo \"${{COMPREPLY[@]}}\""
        )
    };
    for (words, last, expected) in [
        ("hapta ins", 1, "inspect"),
        ("hapta rules roll", 2, "rollback"),
        ("hapta new x --lang py", 4, "python"),
        ("hapta build --js", 2, "--json"),
    ] {
        let ended = Command::new("bash")
            .args(["-c", &complete(words, last), text(&script)])
            .output()
            .await
            .expect("bash is there");
        let said = String::from_utf8_lossy(&ended.stdout);
        assert_eq!(said.trim(), expected, "{words}: {ended:?}");
    }
}

#[tokio::test]
async fn every_command_has_a_manual_page() {
    let workshop = Workshop::open();
    workshop
        .hapta(&["shell", "man", "man pages/man1"])
        .await
        .well();
    let page = |name: &str| {
        let file = workshop.at("man pages/man1").join(format!("{name}.1"));
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    let whole = page("hapta");
    for command in COMMANDS {
        let own = page(&format!("hapta-{command}"));
        assert!(own.starts_with(".ie") || own.contains(".TH"), "{own}");
        assert!(whole.contains(command), "hapta.1 has no {command}");
    }
    assert!(page("hapta-rules-rollback").contains("rollback"));
    assert!(page("hapta-build").contains("hapta build"));
}

#[tokio::test]
async fn help_of_these_commands_teaches() {
    let workshop = Workshop::open();
    let cases: [(&[&str], &[&str]); 5] = [
        (
            &["new", "--help"],
            &["Examples:", "--lang", "--world", "powered-rule", "README"],
        ),
        (
            &["build", "--help"],
            &[
                "Examples:",
                "--out",
                "componentize-qjs",
                "rustc-web",
                "zig",
                "the one before it",
            ],
        ),
        (
            &["inspect", "--help"],
            &["Examples:", "--settings", "--json", "status 0"],
        ),
        (&["shell", "--help"], &["Examples:", "completions", "man"]),
        (
            &["shell", "completions", "--help"],
            &["bash", "zsh", "fish", "elvish", "powershell"],
        ),
    ];
    for (arguments, words) in cases {
        workshop.hapta(arguments).await.well().has(words);
    }
}
