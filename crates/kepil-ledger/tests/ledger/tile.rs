use kepil_ledger::tile::{
    self, FetchError, PathError, TileBuilder, TileError, TileHashes, TileKind, TilePath,
    fetch_bundle, fetch_hashes,
};
use kepil_ledger::tree::{
    Frontier, consistency_path, inclusion_path, verify_consistency, verify_inclusion,
};
use proptest::prelude::*;

use crate::log::{leaf, publish};

#[test]
fn paths_are_those_of_the_specification() {
    let cases = [
        (TilePath::hashes(0, 0, 256).unwrap(), "tile/0/000"),
        (
            TilePath::hashes(0, 1_234_067, 256).unwrap(),
            "tile/0/x001/x234/067",
        ),
        (
            TilePath::hashes(1, 1_000, 17).unwrap(),
            "tile/1/x001/000.p/17",
        ),
        (TilePath::hashes(63, 999, 255).unwrap(), "tile/63/999.p/255"),
        (
            TilePath::entries(273, 112).unwrap(),
            "tile/entries/273.p/112",
        ),
        (
            TilePath::entries(u64::MAX, 256).unwrap(),
            "tile/entries/x018/x446/x744/x073/x709/x551/615",
        ),
    ];
    for (path, text) in cases {
        assert_eq!(path.to_string(), text);
        assert_eq!(TilePath::parse(text), Ok(path));
    }
}

#[test]
fn paths_in_any_other_spelling_are_refused() {
    for text in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/x1/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p/1/2",
        "/tile/0/000",
        "tile/0/000/",
        "tile/data/000",
        "tile/entries/000.p",
        "tile/8/0/000",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/../000",
        "checkpoint",
    ] {
        assert_eq!(
            TilePath::parse(text),
            Err(PathError::Malformed {
                path: text.to_owned()
            }),
            "{text:?}"
        );
    }
    assert!(TilePath::hashes(64, 0, 1).is_err());
    assert!(TilePath::hashes(0, 0, 0).is_err());
    assert!(TilePath::entries(0, 257).is_err());
}

#[test]
fn a_tree_of_70_000_has_the_tiles_the_specification_lists() {
    let width = |level, index| TilePath::hashes_in(level, index, 70_000).map(|path| path.width());
    assert_eq!(
        (width(0, 272), width(0, 273), width(0, 274)),
        (Some(256), Some(112), None)
    );
    assert_eq!(
        (width(1, 0), width(1, 1), width(1, 2)),
        (Some(256), Some(17), None)
    );
    assert_eq!(
        (width(2, 0), width(2, 1), width(3, 0)),
        (Some(1), None, None)
    );
    assert_eq!(TilePath::hashes_in(0, 1, 256), None);
    assert_eq!(
        TilePath::hashes_in(1, 0, 256).map(|path| path.width()),
        Some(1)
    );
    assert_eq!(TilePath::hashes_in(63, 0, u64::MAX), None);
}

#[test]
fn a_builder_writes_the_tiles_of_every_size() {
    let mut builder = TileBuilder::new();
    let mut frontier = Frontier::new();
    let mut filled = 0;
    for size in 1..=70_000_u64 {
        let leaf = leaf(size);
        builder.push(&leaf.to_bytes()).unwrap();
        frontier.append(leaf.hash());
        if size % 4_099 == 0 || size.is_multiple_of(256) && size < 2_000 || size == 65_536 {
            assert_eq!(builder.root(), frontier.root(), "size {size}");
            for (path, bytes) in builder.partial() {
                let expected = match path.kind() {
                    TileKind::Entries => TilePath::entries_in(path.index(), size),
                    TileKind::Hashes { level } => TilePath::hashes_in(level, path.index(), size),
                };
                assert_eq!(Some(path), expected);
                assert!(path.is_partial());
                match path.kind() {
                    TileKind::Entries => assert_eq!(
                        tile::parse_bundle(&bytes).unwrap().len(),
                        usize::from(path.width())
                    ),
                    TileKind::Hashes { .. } => assert_eq!(
                        tile::parse_hashes(&bytes).unwrap().len(),
                        usize::from(path.width())
                    ),
                }
            }
        }
        filled += builder.filled().len();
        builder.forget_filled();
    }
    // 273 bundles, 273 tiles of level 0, one of level 1.
    assert_eq!(filled, 273 + 273 + 1);
}

#[test]
fn a_builder_goes_on_from_its_parts_at_every_size() {
    let mut straight = TileBuilder::new();
    let mut frontier = Frontier::new();
    for size in 0..1_200_u64 {
        let (bundle, open) = (straight.bundle().to_vec(), straight.open().to_vec());
        assert_eq!(straight.frontier(), frontier);
        let mut resumed = TileBuilder::resume(size, bundle.clone(), open.clone()).unwrap();
        assert_eq!(resumed.root(), frontier.root());
        for wrong in [size + 1, size.wrapping_sub(1), size + 256, size + 65_536] {
            assert!(TileBuilder::resume(wrong, bundle.clone(), open.clone()).is_none());
        }
        if !bundle.is_empty() {
            let mut other = bundle.clone();
            *other.last_mut().unwrap() ^= 1;
            assert!(TileBuilder::resume(size, other, open).is_none());
        }
        straight.forget_filled();
        straight.push(&leaf(size).to_bytes()).unwrap();
        resumed.push(&leaf(size).to_bytes()).unwrap();
        frontier.append(leaf(size).hash());
        assert_eq!(resumed.filled(), straight.filled());
        assert_eq!(resumed.partial(), straight.partial());
    }
    assert!(Frontier::resume(3, vec![frontier.root()]).is_none());
}

#[test]
fn proofs_are_made_from_tiles() {
    let (log, checkpoints) = publish(&[300, 66_000]);
    let [old, new] = checkpoints.as_slice() else {
        panic!("two checkpoints")
    };
    let tiles = TileHashes::new(&log, new.size);
    for index in [0, 1, 255, 256, 65_535, 65_536, 65_999] {
        let path = inclusion_path(&tiles, index, new.size).unwrap();
        verify_inclusion(&leaf(index).hash(), index, new.size, &path, &new.root).unwrap();
    }
    let path = consistency_path(&tiles, old.size, new.size).unwrap();
    verify_consistency((old.size, &old.root), (new.size, &new.root), &path).unwrap();
    assert!(matches!(
        inclusion_path(&tiles, new.size, new.size),
        Err(FetchError::Proof(_))
    ));
}

#[test]
fn a_deleted_partial_tile_is_read_from_the_full_one() {
    let (mut log, checkpoints) = publish(&[300, 600]);
    let partial = TilePath::hashes_in(0, 1, checkpoints[0].size).unwrap();
    assert_eq!(partial.to_string(), "tile/0/001.p/44");
    log.files.remove(&partial.to_string()).unwrap();
    log.files.remove("tile/entries/001.p/44").unwrap();
    assert_eq!(fetch_hashes(&log, partial).unwrap().len(), 44);
    let entries = fetch_bundle(&log, TilePath::entries(1, 44).unwrap()).unwrap();
    assert_eq!(entries.len(), 44);
    assert_eq!(entries[43], leaf(299).to_bytes());

    log.files.remove("tile/0/001").unwrap();
    assert!(
        matches!(fetch_hashes(&log, partial), Err(FetchError::Missing { path }) if path == partial)
    );
    let wide = log.files["tile/entries/000"].clone();
    log.files.insert("tile/entries/002.p/88".to_owned(), wide);
    assert!(matches!(
        fetch_bundle(&log, TilePath::entries(2, 88).unwrap()),
        Err(FetchError::Width { found: 256, .. })
    ));
}

#[test]
fn bundles_have_whole_entries_only() {
    let mut bundle = Vec::new();
    tile::push_entry(&mut bundle, b"ab").unwrap();
    tile::push_entry(&mut bundle, b"").unwrap();
    assert_eq!(bundle, [0, 2, b'a', b'b', 0, 0]);
    assert_eq!(tile::parse_bundle(&bundle), Ok(vec![b"ab".as_slice(), b""]));
    assert_eq!(
        tile::parse_bundle(&bundle[..5]),
        Err(TileError::Truncated { entry: 1 })
    );
    assert_eq!(
        tile::parse_bundle(&bundle[..3]),
        Err(TileError::Truncated { entry: 0 })
    );
    assert_eq!(
        tile::parse_bundle(&[0; 514]),
        Err(TileError::TooManyEntries)
    );
    assert_eq!(
        tile::parse_bundle(&[0; 512]).map(|entries| entries.len()),
        Ok(256)
    );
    assert_eq!(
        tile::push_entry(&mut bundle, &vec![0; 65_536]),
        Err(TileError::EntryTooLong { found: 65_536 })
    );
    assert_eq!(
        tile::parse_hashes(&[0; 31]),
        Err(TileError::NotHashes { found: 31 })
    );
    assert_eq!(
        tile::parse_hashes(&[]),
        Err(TileError::NotHashes { found: 0 })
    );
    assert!(tile::parse_hashes(&[0; 257 * 32]).is_err());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..1_000)) {
        let _ = tile::parse_hashes(&bytes);
        if let Ok(entries) = tile::parse_bundle(&bytes) {
            let mut again = Vec::new();
            for entry in entries {
                tile::push_entry(&mut again, entry).unwrap();
            }
            prop_assert_eq!(again, bytes);
        }
    }

    #[test]
    fn paths_round_trip(level in 0_u8..64, index: u64, width in 1_u16..=256, entries: bool) {
        let path = if entries {
            TilePath::entries(index, width).unwrap()
        } else {
            TilePath::hashes(level, index, width).unwrap()
        };
        prop_assert_eq!(TilePath::parse(&path.to_string()), Ok(path));
    }

    #[test]
    fn texts_that_parse_are_written_the_same(text in "tile/[0-9e]{1,3}/[x0-9/.p]{1,16}") {
        if let Ok(path) = TilePath::parse(&text) {
            prop_assert_eq!(path.to_string(), text);
        }
    }
}
