//! What a state folder keeps, from whom, and for whom.

use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;

use super::*;

/// A folder below the system's for temporary files; removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("hapta-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn folder_key_and_files_are_private() {
    let folder = Folder::new("private");
    let state = State::open(&folder.0).unwrap();
    state.write("cache/one", b"bytes").unwrap();
    assert_eq!(mode(&folder.0), 0o700);
    assert_eq!(mode(&folder.0.join("cache")), 0o700);
    for file in ["key", "cache/one"] {
        assert_eq!(mode(&folder.0.join(file)), 0o600, "{file}");
    }
    assert_eq!(state.read("cache/one", 5).unwrap().unwrap(), b"bytes");
    assert_eq!(state.read("cache/two", 5).unwrap(), None);
    assert!(matches!(
        state.read("cache/one", 4),
        Err(StateError::TooLarge { .. })
    ));
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let folder = Folder::new("open-key");
    drop(State::open(&folder.0).unwrap());
    fs::set_permissions(folder.0.join(KEY), fs::Permissions::from_mode(0o640)).unwrap();
    let told = |error: StateError| error.to_string();
    for error in [
        State::open(&folder.0).map(drop).map_err(told).unwrap_err(),
        State::visit(&folder.0).map(drop).map_err(told).unwrap_err(),
    ] {
        assert!(error.contains("mode 640"), "{error}");
    }
}

#[test]
fn a_folder_that_others_can_write_is_refused() {
    let folder = Folder::new("open-folder");
    fs::create_dir(&folder.0).unwrap();
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o770)).unwrap();
    let error = State::open(&folder.0).unwrap_err().to_string();
    assert!(error.contains("mode 770"), "{error}");
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
    State::open(&folder.0).unwrap();
}

#[test]
fn one_gateway_at_a_time_holds_the_folder_and_visitors_see_whether_one_does() {
    let folder = Folder::new("held");
    assert!(State::visit(&folder.0).unwrap().is_none());
    let first = State::open(&folder.0).unwrap();
    assert!(matches!(State::open(&folder.0), Err(StateError::Held(_))));
    let visitor = State::visit(&folder.0).unwrap().unwrap();
    assert!(visitor.is_held());
    drop(first);
    assert!(!visitor.is_held());
    State::open(&folder.0).unwrap();
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let folder = Folder::new("names");
    let state = State::open(&folder.0).unwrap();
    for name in ["", ".", "../key", "a/../../b", "/etc/hapta"] {
        assert!(state.write(name, b"").is_err(), "{name}");
        assert!(state.read(name, 100).is_err(), "{name}");
    }
}

#[test]
fn what_a_crash_left_half_written_is_swept() {
    let folder = Folder::new("sweep");
    drop(State::open(&folder.0).unwrap());
    fs::create_dir(folder.0.join("cache")).unwrap();
    let left = [".new.1.2", "cache/.new.3.4"].map(|name| folder.0.join(name));
    for file in &left {
        fs::write(file, b"half").unwrap();
    }
    drop(State::open(&folder.0).unwrap());
    assert!(left.iter().all(|file| !file.exists()));
}

#[test]
fn a_seal_is_of_one_folder_and_one_purpose() {
    let (one, other) = (Folder::new("one"), Folder::new("other"));
    let (one, other) = (State::open(&one.0).unwrap(), State::open(&other.0).unwrap());
    let sealed = one.seal("control", b"bytes");
    assert_eq!(one.unseal("control", &sealed), Some(&b"bytes"[..]));
    assert_eq!(one.unseal("contro", &sealed), None);
    assert_eq!(other.unseal("control", &sealed), None);
    let visitor = State::visit(one.folder()).unwrap().unwrap();
    assert!(visitor.unseal("control", &sealed).is_some());
}

proptest! {
    #[test]
    fn whatever_is_changed_in_it_breaks_a_seal(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let key = Key::of(&[7; 32]);
        let mut sealed = key.seal("purpose", &bytes);
        prop_assert_eq!(key.unseal("purpose", &sealed), Some(&bytes[..]));
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        prop_assert_eq!(key.unseal("purpose", &sealed), None);
        sealed[at] ^= 1 << bit;
        sealed.pop();
        prop_assert_eq!(key.unseal("purpose", &sealed), None);
    }
}
