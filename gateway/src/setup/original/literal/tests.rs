//! Files as people write them.

use super::*;

fn object(pairs: &[(&str, Literal)]) -> Literal {
    let own = |(key, value): &(&str, Literal)| ((*key).to_owned(), value.clone());
    Literal::Object(pairs.iter().map(own).collect())
}

fn text(text: &str) -> Literal {
    Literal::Text(text.to_owned())
}

#[test]
fn a_file_is_read_however_it_is_exported() {
    let expected = object(&[("port", Literal::Number(3000.0)), ("hostname", text("x"))]);
    for file in [
        "export default { port: 3000, hostname: 'x' }",
        "export default {port: 3_000, 'hostname': \"x\",} as const;",
        "export default { port: 3000, hostname: `x` } satisfies Config\nfunction later() {}",
        "import type { C } from './types'\nconst config: C = { port: 3000, hostname: 'x' };\nexport default config;",
        "let c = { port: 3000, hostname: 'x' } as { port: number, hostname: string }\nexport default c",
        "// export default { port: 1 }\n/* { */ export default ({ /* here */ port: 3000, // there\n hostname: 'x' })",
        "module.exports = { port: (1 + 2) * 1000, hostname: 'x' }",
    ] {
        assert_eq!(exported(file).unwrap(), expected, "{file}");
    }
}

#[test]
fn numbers_are_reckoned_with_and_nothing_else() {
    let file = "export default { every: 60 * 1000 / 2 - -1, list: [1, 2,], on: !true }";
    let error = exported(file).unwrap_err().to_string();
    assert!(
        error.contains("line 1") && error.contains("!true"),
        "{error}"
    );
    let file = "export default { every: 60 * 1000 / 2 - -1, list: [1, 2,] }";
    let list = Literal::List(vec![Literal::Number(1.0), Literal::Number(2.0)]);
    let expected = object(&[("every", Literal::Number(30_001.0)), ("list", list)]);
    assert_eq!(exported(file).unwrap(), expected);
}

#[test]
fn what_only_running_would_tell_is_named_with_its_place() {
    let cases = [
        (
            "export default {\n  port: process.env.PORT ?? 3000,\n}",
            "line 2",
            "process.env.PORT ?? 3000",
        ),
        (
            "export default {\n\n port: Number(x.y), a: 1 }",
            "line 3",
            "Number(x.y)",
        ),
        ("export default { a: 'x' + 1 }", "line 1", "'x' + 1"),
        ("export default { ...base }", "line 1", "."),
        ("export default { port }", "line 1", "port"),
        ("export default { a: `${b}` }", "line 1", "template"),
        ("export default config", "line 1", "config"),
        (
            "const c = { port: 1 };\nc.port = 2;\nexport default c",
            "line 2",
            "c.port = 2;",
        ),
        (
            "const c = {}\nexport default c\nadd(c, 1)",
            "line 3",
            "add(c, 1)",
        ),
    ];
    for (file, line, expression) in cases {
        let error = exported(file).unwrap_err().to_string();
        assert!(
            error.contains(line) && error.contains(expression),
            "{file}: {error}"
        );
    }
}

#[test]
fn a_broken_file_is_no_panic() {
    for file in [
        "export default {",
        "export default",
        "",
        "export default { a: 'x",
        "/*",
    ] {
        assert!(exported(file).is_err(), "{file}");
    }
    let deep = format!("export default {}", "[".repeat(100_000));
    assert!(matches!(exported(&deep), Err(OriginalError::TooDeep)));
}
