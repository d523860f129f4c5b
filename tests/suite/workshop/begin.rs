//! What `hapta new` leaves, and that it writes over nothing.

use std::fs;

use super::Workshop;

#[tokio::test]
async fn what_comes_next_is_told_and_stands_in_the_readme() {
    let workshop = Workshop::open();
    let languages: [(&str, &[&str], &str); 4] = [
        ("rust", &["hapta build", "hapta test"], "src/lib.rs"),
        ("ts", &["npm install", "hapta build"], "rule.ts"),
        (
            "python",
            &["pip install -r requirements.txt", "hapta build"],
            "rule.py",
        ),
        ("c", &["hapta build", "hapta test"], "rule.c"),
    ];
    for (language, commands, source) in languages {
        let name = format!("own-{language}");
        let said = workshop
            .hapta(&["new", &name, "--lang", language])
            .await
            .well();
        said.has(&["Next:", &format!("cd {name}")]);
        said.has(commands);
        let folder = workshop.at(&name);
        let readme = fs::read_to_string(folder.join("README.md")).expect("a README");
        for word in commands
            .iter()
            .chain(&[source, "[[rule]]", "rules = [\"own-"])
        {
            assert!(readme.contains(word), "no {word} in:\n{readme}");
        }
        let ignored = fs::read_to_string(folder.join(".gitignore")).expect("a .gitignore");
        assert!(
            ignored.contains(".hapta/") && ignored.contains("build/"),
            "{ignored}"
        );
        for file in [source, "rule.toml", "tests.toml", ".hapta/wit/world.wit"] {
            assert!(folder.join(file).is_file(), "no {file}");
        }
    }
}

#[tokio::test]
async fn nothing_is_written_over() {
    let workshop = Workshop::open();
    let folder = workshop.begin("own-posts", "ts").await;
    fs::write(folder.join("rule.ts"), "mine").expect("writes it");
    let again = workshop
        .hapta(&["new", "own-posts", "--lang", "python"])
        .await;
    again.refused(&["own-posts is there already", "another name"]);
    assert_eq!(
        fs::read_to_string(folder.join("rule.ts")).expect("reads it"),
        "mine"
    );
    assert!(!folder.join("rule.py").exists());
}

#[tokio::test]
async fn a_name_that_can_t_be_one_is_told_what_it_may_be() {
    let workshop = Workshop::open();
    for name in ["3posts", "own posts", "öwn", "pocketbase"] {
        let said = workshop.hapta(&["new", name, "--lang", "c"]).await;
        said.refused(&[name, "can't be a rule's name"]);
        assert!(!workshop.at(name).exists());
    }
    let said = workshop
        .hapta(&["new", "own-posts", "--lang", "cobol"])
        .await;
    assert_eq!(said.status, Some(2));
    said.has(&["rust", "ts", "python", "c"]);
}

#[tokio::test]
async fn powers_are_of_another_world_and_have_to_be_granted() {
    let workshop = Workshop::open();
    let new = [
        "new",
        "quota",
        "--lang",
        "python",
        "--world",
        "powered-rule",
    ];
    workshop.hapta(&new).await.well();
    let read = |file: &str| fs::read_to_string(workshop.at("quota").join(file)).expect("reads it");
    assert!(read("rule.toml").contains("world = \"powered-rule\""));
    for file in ["README.md", "tests.toml"] {
        assert!(
            read(file).contains("grants = [\"hapta:rule/records\""),
            "{file}"
        );
    }
}
