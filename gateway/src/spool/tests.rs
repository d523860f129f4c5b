//! What is kept, in what bounds, and that nothing stays.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;

/// Spools in a folder of their own, with bounds as they are changed.
pub(crate) fn spools(change: impl FnOnce(&mut Settings)) -> Spools {
    let mut settings = Settings {
        folder: std::env::temp_dir(),
        is_named: true,
        max_file: ByteSize::mib(1),
        max_request: ByteSize::mib(2),
        max_principal: ByteSize::mib(3),
        max_total: ByteSize::mib(4),
        files: 3,
        types: Types::default(),
        open: 3,
        open_principal: 2,
        timeout: Duration::from_mins(1),
        idle: Duration::from_secs(10),
    };
    change(&mut settings);
    Spools::new(settings)
}

fn guest(last: u8) -> Owner {
    Owner::guest(IpAddr::from([192, 0, 2, last]))
}

/// The files of a guest, each with key, name and bytes.
pub(crate) async fn filled(
    spools: &Spools,
    files: &[(&str, &str, &[u8])],
) -> Result<Spooled, SpoolError> {
    let mut filling = spools.open(guest(1)).await?;
    for (key, name, bytes) in files {
        filling.begin((*key).to_owned(), (*name).to_owned())?;
        for piece in bytes.chunks(100_000) {
            filling.write(Bytes::copy_from_slice(piece)).await?;
        }
        filling.end();
    }
    filling.finish().await
}

async fn whole(spooled: &Spooled, stored: &Stored) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut from = 0;
    while let Some(block) = spooled.read(stored, from).await.unwrap() {
        assert!(block.len() <= BLOCK);
        from += block.len() as u64;
        bytes.extend_from_slice(&block);
    }
    bytes
}

/// The bound that refused, and how much it said it is.
#[track_caller]
fn refused<T>(result: Result<T, SpoolError>) -> (Bound, String) {
    match result {
        Err(SpoolError::Full { bound, most }) => (bound, most),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("taken"),
    }
}

#[tokio::test]
async fn what_was_kept_is_read_back_with_its_name_and_type() {
    let spools = spools(|_| {});
    let large: Vec<u8> = (0..700_000_u32).map(|at| (at % 251) as u8).collect();
    let files: [(&str, &str, &[u8]); 3] = [
        ("a", "x.txt", b"\x89PNG\r\n\x1a\n"),
        ("b+", "y", &large),
        ("b+", "z", b""),
    ];
    let spooled = filled(&spools, &files).await.unwrap();
    let types = ["image/png", "application/octet-stream", "text/plain"];
    for ((stored, (key, name, bytes)), media_type) in spooled.files().iter().zip(files).zip(types) {
        let expected = Upload {
            key: key.to_owned(),
            name: name.to_owned(),
            size: bytes.len() as u64,
            media_type: media_type.to_owned(),
        };
        assert_eq!(stored.upload, expected);
        assert_eq!(whole(&spooled, stored).await, bytes);
    }
    assert_eq!(spools.counts().bytes, 700_008);
    drop(spooled);
    assert_eq!(spools.counts(), Counts::default());
}

#[tokio::test]
async fn a_spool_has_no_name_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let spools = spools(|settings| folder.path().clone_into(&mut settings.folder));
    let bytes = vec![1; 600_000];
    let spooled = filled(&spools, &[("a", "x", &bytes)]).await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    drop(spooled);
    let mut filling = spools.open(guest(1)).await.unwrap();
    filling.begin("a".to_owned(), "x".to_owned()).unwrap();
    filling.write(vec![1; 300_000].into()).await.unwrap();
    assert_eq!(spools.counts().bytes, 300_000);
    drop(filling);
    assert_eq!(spools.counts(), Counts::default());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_request_is_as_large_as_its_bounds_and_no_larger() {
    let spools = spools(|settings| {
        settings.max_file = ByteSize::b(10);
        settings.max_request = ByteSize::b(15);
    });
    let ten: (&str, &str, &[u8]) = ("a", "x", &[0; 10]);
    assert!(filled(&spools, &[ten, ("a", "y", &[0; 5])]).await.is_ok());
    let file = filled(&spools, &[("a", "x", &[0; 11])]).await;
    assert_eq!(refused(file), (Bound::MaxFile, "10 B".to_owned()));
    let request = filled(&spools, &[ten, ("a", "y", &[0; 6])]).await;
    assert_eq!(refused(request), (Bound::MaxRequest, "15 B".to_owned()));
    let empty: (&str, &str, &[u8]) = ("a", "x", &[]);
    assert!(filled(&spools, &[empty; 3]).await.is_ok());
    let four = filled(&spools, &[empty; 4]).await;
    assert_eq!(refused(four), (Bound::Files, "3".to_owned()));
    assert_eq!(spools.counts().refused, [1, 1, 0, 0, 1, 0, 0, 0]);
    assert_eq!((spools.counts().bytes, spools.counts().open), (0, 0));
}

#[tokio::test]
async fn one_takes_no_more_than_its_share_and_all_no_more_than_there_is() {
    let spools = spools(|settings| {
        settings.max_principal = ByteSize::b(20);
        settings.max_total = ByteSize::b(30);
    });
    let begin = async |owner: Owner| {
        let mut filling = spools.open(owner).await?;
        filling.begin("a".to_owned(), "x".to_owned())?;
        Ok::<_, SpoolError>(filling)
    };
    let mut one = begin(guest(1)).await.unwrap();
    let mut two = begin(guest(1)).await.unwrap();
    let third = begin(guest(1)).await;
    assert_eq!(refused(third), (Bound::OpenPrincipal, "2".to_owned()));
    let mut other = begin(Owner::record("users", "u1")).await.unwrap();
    let fourth = begin(Owner::record("users", "u2")).await;
    assert_eq!(refused(fourth), (Bound::Open, "3".to_owned()));

    one.write(vec![0; 12].into()).await.unwrap();
    let share = two.write(vec![0; 9].into()).await;
    assert_eq!(refused(share), (Bound::MaxPrincipal, "20 B".to_owned()));
    two.write(vec![0; 8].into()).await.unwrap();
    let total = other.write(vec![0; 11].into()).await;
    assert_eq!(refused(total), (Bound::MaxTotal, "30 B".to_owned()));
    drop(one);
    other.write(vec![0; 11].into()).await.unwrap();
    assert_eq!(spools.counts().bytes, 19);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let spools = spools(|settings| settings.folder = folder.path().join("none"));
    let told = spools.check().await.unwrap_err().to_string();
    assert!(told.starts_with("cannot keep a file in /"), "{told}");
    assert!(matches!(
        spools.open(guest(1)).await,
        Err(SpoolError::Disk { .. })
    ));
    assert_eq!(spools.counts().open, 0);
}

#[test]
fn guests_of_one_network_are_one() {
    let of = |text: &str| Owner::guest(text.parse().unwrap());
    assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
    assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    let guest = Owner::of(&Principal::Guest, Ipv4Addr::LOCALHOST.into());
    assert_eq!(guest, of("127.0.0.1"));
}

/// What may happen to spools: one is opened for somebody, takes bytes, or ends.
#[derive(Clone, Debug)]
enum Step {
    Open(u8),
    Reserve(usize, u64),
    Drop(usize),
}

proptest! {
    #[test]
    fn whatever_happens_the_accounts_are_those_of_a_model(
        steps in proptest::collection::vec(
            prop_oneof![
                (0..3_u8).prop_map(Step::Open),
                (0..6_usize, 0..15_u64).prop_map(|(which, bytes)| Step::Reserve(which, bytes)),
                (0..6_usize).prop_map(Step::Drop),
            ],
            0..60,
        ),
    ) {
        let spools = spools(|settings| {
            settings.max_principal = ByteSize::b(20);
            settings.max_total = ByteSize::b(30);
        });
        let mut open: Vec<(u8, u64, Place)> = Vec::new();
        for step in steps {
            match step {
                Step::Open(who) => {
                    let own = open.iter().filter(|(other, ..)| *other == who).count();
                    let place = spools.ledger.open(guest(who), &spools.settings);
                    prop_assert_eq!(place.is_ok(), own < 2 && open.len() < 3);
                    open.extend(place.ok().map(|place| (who, 0, place)));
                }
                Step::Reserve(which, bytes) => {
                    let total: u64 = open.iter().map(|(_, bytes, _)| bytes).sum();
                    let Some(&(who, ..)) = open.get(which) else { continue };
                    let of = open.iter().filter(|(other, ..)| *other == who);
                    let own: u64 = of.map(|(_, bytes, _)| bytes).sum();
                    let (_, had, place) = &mut open[which];
                    let reserved = place.reserve(bytes, &spools.settings);
                    prop_assert_eq!(reserved.is_ok(), own + bytes <= 20 && total + bytes <= 30);
                    *had += if reserved.is_ok() { bytes } else { 0 };
                }
                Step::Drop(which) if which < open.len() => drop(open.remove(which)),
                Step::Drop(_) => {}
            }
            let counts = spools.counts();
            prop_assert_eq!(counts.open, open.len());
            prop_assert_eq!(counts.bytes, open.iter().map(|(_, bytes, _)| bytes).sum::<u64>());
        }
        open.clear();
        let counts = spools.counts();
        prop_assert_eq!((counts.open, counts.bytes), (0, 0));
    }
}
