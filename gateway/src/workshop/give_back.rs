//! Has a component of componentize-qjs give back what it borrowed before a call returns, not after.
//!
//! The request, the response and the record are lent to a rule for one call, and a component has to
//! drop its handles to them before that call returns. Release 0.4.5 of componentize-qjs drops them in the
//! post-return function: that is too late, and every call traps with "borrow handles still
//! remain". So the module between the component's functions and the interpreter gets a function
//! around each that lends something: it calls the old one, then drops. The interpreter's own drops
//! of the same handles come later and do nothing.

use super::WorkshopError;

/// What is added to that module.
const ADDED: &str = r#"
  (global $lent (mut i32) (i32.const -1))
  (func $"drop unless lent" (param i32)
    (if (i32.ne (local.get 0) (global.get $lent))
      (then (call $"[resource-drop]document" (local.get 0)))))
  (func $"drop nothing" (param i32))
  (func $"before, and give back" (param i32) (result i32)
    (call $before (local.get 0))
    (call $"[resource-drop]request" (local.get 0)))
  (func $"reveal, and give back" (param i32 i32) (result i32)
    (global.set $lent (local.get 1))
    (call $reveal (local.get 0) (local.get 1))
    (call $"[resource-drop]document" (local.get 1))
    (call $"[resource-drop]request" (local.get 0)))
  (func $"after, and give back" (param i32 i32) (result i32)
    (call $after (local.get 0) (local.get 1))
    (call $"[resource-drop]response" (local.get 1))
    (call $"[resource-drop]request" (local.get 0)))
  (func $"reveal is over" (param i32)
    (call $cabi_post_reveal (local.get 0))
    (global.set $lent (i32.const -1)))
"#;

/// What it exports from then on: the old line, the new one.
const EXPORTS: [(&str, &str); 4] = [
    (
        r#"(export "before" (func $before))"#,
        r#"(export "before" (func $"before, and give back"))"#,
    ),
    (
        r#"(export "reveal" (func $reveal))"#,
        r#"(export "reveal" (func $"reveal, and give back"))"#,
    ),
    (
        r#"(export "after" (func $after))"#,
        r#"(export "after" (func $"after, and give back"))"#,
    ),
    (
        r#"(export "cabi_post_reveal" (func $cabi_post_reveal))"#,
        r#"(export "cabi_post_reveal" (func $"reveal is over"))"#,
    ),
];

/// The interpreter finds the functions that drop in a table, by which these lines begin it.
const TABLE: &str = "(elem (;0;) ";
const DROPS: [(&str, &str); 3] = [
    (r#"$"[resource-drop]document""#, r#"$"drop unless lent""#),
    (r#"$"[resource-drop]request""#, r#"$"drop nothing""#),
    (r#"$"[resource-drop]response""#, r#"$"drop nothing""#),
];

/// By these names the module is known among the others of a component.
const MARKS: [&str; 2] = ["wit_dylib_export_call", "cabi_post_reveal"];

/// How a component begins, in bytes, before its sections.
const PREAMBLE: usize = 8;
/// Sections of a component that hold what may hold the module.
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;

/// The component, giving back in time.
pub(super) fn give_back(component: &[u8]) -> Result<Vec<u8>, WorkshopError> {
    let mut mended = 0;
    let whole = within(component, &mut mended)?;
    match mended {
        1 => Ok(whole),
        number => Err(unexpected(format!(
            "{number} modules between functions and interpreter"
        ))),
    }
}

/// A component's sections, with the module in them, or in a component among them, mended.
fn within(component: &[u8], mended: &mut usize) -> Result<Vec<u8>, WorkshopError> {
    let cut = || unexpected("a section that is cut off".to_owned());
    let (preamble, mut rest) = component.split_at_checked(PREAMBLE).ok_or_else(cut)?;
    let mut whole = preamble.to_vec();
    while let Some((kind, after)) = rest.split_first() {
        let (length, after) = number(after).ok_or_else(cut)?;
        let (body, after) = after.split_at_checked(length).ok_or_else(cut)?;
        let fresh = match *kind {
            COMPONENT => Some(within(body, mended)?),
            CORE_MODULE if MARKS.iter().all(|mark| has(body, mark)) => {
                *mended += 1;
                Some(mend(body)?)
            }
            _ => None,
        };
        let body = fresh.as_deref().unwrap_or(body);
        whole.push(*kind);
        push_number(&mut whole, body.len());
        whole.extend_from_slice(body);
        rest = after;
    }
    Ok(whole)
}

/// The module itself, by way of its text.
fn mend(module: &[u8]) -> Result<Vec<u8>, WorkshopError> {
    let text = wasmprinter::print_bytes(module)
        .map_err(|error| unexpected(format!("a module that can't be printed: {error:#}")))?;
    let mended = mend_text(&text)?;
    wat::parse_str(&mended)
        .map_err(|error| unexpected(format!("a module that can't be mended: {error}")))
}

fn mend_text(text: &str) -> Result<String, WorkshopError> {
    let mut text = text.to_owned();
    for (old, new) in EXPORTS {
        text = once(&text, old, new)?;
    }
    let table = text
        .lines()
        .find(|line| line.trim_start().starts_with(TABLE));
    let table = table
        .ok_or_else(|| unexpected("no table of functions".to_owned()))?
        .to_owned();
    let mut dropping = table.clone();
    for (old, new) in DROPS {
        dropping = once(&dropping, old, new)?;
    }
    let text = once(&text, &table, &dropping)?;
    // The module's last parenthesis is the text's.
    let open = text.trim_end().strip_suffix(')');
    let open = open.ok_or_else(|| unexpected("a text without an end".to_owned()))?;
    Ok(format!("{open}{ADDED})\n"))
}

fn once(text: &str, old: &str, new: &str) -> Result<String, WorkshopError> {
    match text.matches(old).count() {
        1 => Ok(text.replacen(old, new, 1)),
        number => Err(unexpected(format!("{} {number} times", old.trim()))),
    }
}

fn unexpected(found: String) -> WorkshopError {
    WorkshopError::OtherQuickJs(found)
}

fn has(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}

/// An unsigned number in LEB128, of at most 32 bits, and what comes after it.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (mut number, mut rest) = (0_usize, bytes);
    for shift in (0..35).step_by(7) {
        let (byte, after) = rest.split_first()?;
        number |= usize::from(byte & 0x7f) << shift;
        rest = after;
        if byte & 0x80 == 0 {
            return Some((number, rest));
        }
    }
    None
}

fn push_number(to: &mut Vec<u8>, mut number: usize) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            to.push(low);
            return;
        }
        to.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;

    /// What the real tool makes of the guest in JavaScript.
    fn made() -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("made.wasm");
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let ended = Command::new("node_modules/.bin/componentize-qjs")
            .current_dir(repository.join("tests/guests/js"))
            .args([
                "--wit",
                "../../../wit",
                "--world",
                "rule",
                "--js",
                "quickjs.js",
            ])
            .args(["--sync", "--stub-wasi", "--output"])
            .arg(&made)
            .output()
            .expect("componentize-qjs is there: make guests");
        assert!(ended.status.success(), "{ended:?}");
        std::fs::read(made).unwrap()
    }

    #[test]
    fn a_real_component_is_mended_once_and_stays_one() {
        let made = made();
        let mended = give_back(&made).unwrap();
        super::super::component::check(&mended).unwrap();
        for added in [
            "before, and give back",
            "drop unless lent",
            "reveal is over",
        ] {
            assert!(has(&mended, added) && !has(&made, added), "{added}");
        }
        // All but the one module is as it was.
        assert!(mended.len() > made.len() && mended.len() < made.len() + 2_000);
        let again = give_back(&mended).unwrap_err().to_string();
        assert!(
            again.contains("0.4.5") && again.contains("0 times"),
            "{again}"
        );
    }

    #[test]
    fn what_is_not_as_expected_is_told_by_name() {
        let told = |bytes: &[u8]| give_back(bytes).unwrap_err().to_string();
        let none = told(&wat::parse_str("(component)").unwrap());
        assert!(none.contains("0 modules"), "{none}");
        assert!(told(b"\0asm").contains("cut off"));
        assert!(told(b"\0asm\x0d\0\x01\0\x01\xff").contains("cut off"));
        let other = "(component (core module (func (export \"cabi_post_reveal\")) (func (export \"wit_dylib_export_call\"))))";
        let other = told(&wat::parse_str(other).unwrap());
        assert!(
            other.contains(r#"(export "before" (func $before)) 0 times"#),
            "{other}"
        );
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for expected in [0, 1, 127, 128, 16_383, 16_384, 1_308_678, u32::MAX as usize] {
            let mut bytes = Vec::new();
            push_number(&mut bytes, expected);
            bytes.push(9);
            assert_eq!(number(&bytes), Some((expected, [9].as_slice())));
        }
        assert_eq!(number(&[0x80; 6]), None);
    }
}
