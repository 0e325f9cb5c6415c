//! Published vectors: RFC 6962 test data, and section 17 of the ledger's reference.

use kepil_ledger::book::Book;
use kepil_ledger::chain::Chain;
use kepil_ledger::checkpoint::{self, Checkpoint};
use kepil_ledger::entry::{Commitment, Leaf, MapHead, MapRow};
use kepil_ledger::hash::{self, Hash};
use kepil_ledger::map;
use kepil_ledger::note::{KeyName, Signer, VerifyingKey};
use kepil_ledger::payload::{self, Payload};
use kepil_ledger::period::Period;
use kepil_ledger::person::PersonKeys;
use kepil_ledger::record::{DecisionCode, Facts, GateSigner, Record, RecordKind};
use kepil_ledger::tree::{
    Frontier, MemoryTree, consistency_path, inclusion_path, root, verify_consistency,
    verify_inclusion,
};

pub fn bytes(hex: &str) -> Vec<u8> {
    let (pairs, []) = hex.as_bytes().as_chunks::<2>() else {
        panic!("odd number of digits")
    };
    pairs
        .iter()
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn hash(hex: &str) -> Hash {
    Hash::new(bytes(hex).try_into().unwrap())
}

const RFC6962_LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

const RFC6962_ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn rfc6962_tree() -> MemoryTree {
    MemoryTree::new(
        RFC6962_LEAVES
            .iter()
            .map(|leaf| hash::leaf(&bytes(leaf)))
            .collect(),
    )
}

#[test]
fn the_roots_of_the_rfc_6962_test_data_come_out() {
    let mut frontier = Frontier::new();
    for (size, expected) in RFC6962_ROOTS.iter().enumerate() {
        assert_eq!(frontier.root(), hash(expected), "size {size}");
        assert_eq!(root(&rfc6962_tree(), size as u64).unwrap(), hash(expected));
        if let Some(leaf) = RFC6962_LEAVES.get(size) {
            frontier.append(hash::leaf(&bytes(leaf)));
        }
    }
}

#[test]
fn the_paths_of_the_rfc_6962_test_data_come_out() {
    let a = hash("96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7");
    let b = hash("5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e");
    let c = hash("6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4");
    let tree = rfc6962_tree();
    let leaf = hash(RFC6962_ROOTS[1]);
    assert_eq!(inclusion_path(&tree, 0, 8).unwrap(), [a, b, c]);
    verify_inclusion(&leaf, 0, 8, &[a, b, c], &hash(RFC6962_ROOTS[8])).unwrap();
    assert_eq!(consistency_path(&tree, 1, 8).unwrap(), [a, b, c]);

    let path = [
        hash("0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"),
        hash("ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"),
        hash("d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    ];
    assert_eq!(consistency_path(&tree, 6, 8).unwrap(), path);
    let (old, new) = (hash(RFC6962_ROOTS[6]), hash(RFC6962_ROOTS[8]));
    verify_consistency((6, &old), (8, &new), &path).unwrap();

    let path = [
        hash("5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"),
        hash("bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"),
    ];
    assert_eq!(consistency_path(&tree, 2, 5).unwrap(), path);
}

const RECORD_0: &str = "0101000317733b55e96c53d8166e042de428eba4f369f3040237e013f466c9e0be973d6f7ae3\
    0000019aa4b6457b00000007010003\
    e8eeba210136b6d4f4d6a3ea32f3d72db7f0cbf4468739eb5e48142fc3e0ea19\
    551f75585c23b8180b9e10f38935c3f228602080381d37d6fb4c9bd74369ca75\
    c278952a13e055c2b7492630c8cabf729ce18bda475a90c5acaff92b9b16b500";

const COMMITS: [&str; 3] = [
    "bafa8cb4dfaf9020ef1d903037f1aa13d189cd75d329b6c6f8cb512a8f202dd2",
    "ecda5b57f4d8129724baa2f6342ec57a8fd2c365441a28be1c85e5c35015dc85",
    "38c8e751555a535764277ec6fd5e88c2add915e3ad9587d1e4d152c495ffeb4e",
];

const MAP_HEAD: &str = "0200031773000000000000000300000000691fed23\
    37ecbc2c568668cd9382fab01feebec1c4e2134280bd712ee52f468612faa7a6";

fn section_17_leaves() -> Vec<Vec<u8>> {
    let mut leaves: Vec<Vec<u8>> = COMMITS
        .iter()
        .map(|commit| bytes(&format!("01{commit}")))
        .collect();
    leaves.push(bytes(MAP_HEAD));
    leaves
}

#[test]
fn section_17_commitment_and_leaf_hash_0() {
    let commitment = Commitment::of(&[0x5a; 32], &bytes(RECORD_0));
    assert_eq!(*commitment.as_hash(), hash(COMMITS[0]));
    let leaf = Leaf::Access(commitment);
    assert_eq!(leaf.to_bytes(), section_17_leaves()[0]);
    assert_eq!(
        leaf.hash(),
        hash("88466bac5b32bafcb73bca625434fbd7e4b368392a2c41be4b9fc7fbd33ab476")
    );
    assert_eq!(Leaf::parse(&leaf.to_bytes()), Ok(leaf));
}

#[test]
fn section_17_log_root_and_inclusion_path_3() {
    let leaves: Vec<Hash> = section_17_leaves()
        .iter()
        .map(|leaf| hash::leaf(leaf))
        .collect();
    let tree = MemoryTree::new(leaves.clone());
    let log_root = hash("786da537f1d793803f603ae66c28b857f4045c03f90368554a505dace38d8e04");
    assert_eq!(tree.root().unwrap(), log_root);
    let path = [
        hash("a1f5c6453d062a6fc6e465d842b47545c1275b44f270f27e878d6f185a7899c5"),
        hash("6a5c9cfd574537a899870b1bed23a055d84475337508c2d4a9a1e008b6549818"),
    ];
    assert_eq!(inclusion_path(&tree, 3, 4).unwrap(), path);
    verify_inclusion(&leaves[3], 3, 4, &path, &log_root).unwrap();
}

pub const VKEY: &str =
    "example.org/kepil/test+b7ed0fb4+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";

pub const CHECKPOINT: &str = "example.org/kepil/test\n\
    4\n\
    eG2lN/HXk4A/YDrmbCi4V/QEXAP5A2hVSlBdrOONjgQ=\n\
    \n\
    \u{2014} example.org/kepil/test t+0PtCxCmHatABBrAHIrb45lmUvuC0p6vqRiYrDKU54H8K4kEj9e/CrZdbopT8S2scrUA+qav9mYBuB+6olXeL5kwAM=\n\
    \u{2014} w0.example bd9bCQAAAABpH+0kAnXmkdHuVwdWHVkQFP3u7FIF7kjRprH0FM3zhJxqdfOlDG76ZGQA9TCgqt5j5XCOmoGwoI4o0ToiH+LwBc9fCg==\n";

#[test]
fn section_17_vkey_and_checkpoint() {
    let signer = Signer::from_seed(KeyName::new("example.org/kepil/test").unwrap(), &[0x01; 32]);
    assert_eq!(signer.verifying_key().to_string(), VKEY);
    let key = VerifyingKey::parse(VKEY).unwrap();
    assert_eq!(key, *signer.verifying_key());

    let signed = checkpoint::parse(CHECKPOINT.as_bytes()).unwrap();
    let expected = Checkpoint {
        origin: key.name().clone(),
        size: 4,
        root: hash("786da537f1d793803f603ae66c28b857f4045c03f90368554a505dace38d8e04"),
    };
    assert_eq!(signed.verify(&key), Ok(&expected));
    assert_eq!(signed.note().signatures().len(), 2);
    assert_eq!(signed.note().to_string(), CHECKPOINT);

    let without_witness: String = CHECKPOINT
        .lines()
        .take(5)
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(expected.sign(&signer), without_witness);
}

/// A tag key, a payload key, three records, two chains and their map, built from the inputs.
#[test]
fn section_17_from_keys_to_head() {
    let period = Period::new(202_611).unwrap();
    let (a, b) = (PersonKeys::new([0xa1; 32]), PersonKeys::new([0xa2; 32]));
    let (tag_a, tag_b) = (a.tag(period), b.tag(period));
    assert_eq!(
        tag_a.to_string(),
        "3b55e96c53d8166e042de428eba4f369f3040237e013f466c9e0be973d6f7ae3"
    );
    assert_eq!(
        tag_b.to_string(),
        "d4e568233d025d260079e1da8c264ede10c2cbfea31596196e762777ac932d8b"
    );
    assert_eq!(
        [0, 1, 2, 3].map(|bit| tag_a.bit(bit)),
        [false, false, true, true].map(Some)
    );
    assert_eq!(
        [0, 1, 2, 3].map(|bit| tag_b.bit(bit)),
        [true, true, false, true].map(Some)
    );
    assert_eq!(
        Hash::new(*a.payload_key()),
        hash("6ebd9b0cff2ca8b1732ca1ddb44f96a40fb5b8f299d55ac0747d3b713fc8b0ee")
    );

    let gate = GateSigner::from_seed(7, &[0x05; 32]);
    assert_eq!(
        Hash::new(gate.public().to_bytes()),
        hash("6e7a1cdd29b0b78fd13af4c5598feff4ef2a97166e3ca6f2e4fbfccd80505bf1")
    );
    let mut payload = b"kepil test payload".to_vec();
    payload.resize(64, 0);
    let record = |tag, time_ms, blind: u8| {
        gate.sign(Facts {
            kind: RecordKind::Access,
            period,
            tag,
            time_ms,
            gate: 7,
            decision: DecisionCode::Permit,
            purpose: 3,
            payload: payload::commit(&[blind; 32], &payload),
        })
    };
    let records = [
        (record(tag_a, 1_763_700_000_123, 0xb1), 0x5a),
        (record(tag_b, 1_763_700_001_000, 0xb2), 0x5b),
        (record(tag_a, 1_763_700_002_000, 0xb3), 0x5c),
    ];
    assert_eq!(records[0].0.to_bytes().as_slice(), bytes(RECORD_0));
    let mut book = Book::new();
    for (index, ((record, salt), expected)) in (0..).zip(records.iter().zip(COMMITS)) {
        let read = Record::parse(&record.to_bytes()).unwrap();
        assert_eq!(read, *record);
        gate.public().verify(&read).unwrap();
        let commitment = Commitment::of(&[*salt; 32], &record.to_bytes());
        assert_eq!(*commitment.as_hash(), hash(expected));
        book.step(period, &record.facts.tag, index, &commitment, 0)
            .unwrap();
    }

    let chain = |tag| book.slot(period, tag).unwrap().chain;
    assert_eq!(
        Chain::new(&tag_a).head,
        hash("0f35abd5bd256d6063eb31bb91b6809f7165af664f2c0405cd456957afaebfcb")
    );
    let first = Chain::new(&tag_a).step(0, &Commitment::from_hash(hash(COMMITS[0])));
    assert_eq!(
        first.head,
        hash("f2143ecfd1f0bbc9870d6836f744713fdd25c97190fe7dff58757e3b815c3fef")
    );
    assert_eq!(
        chain(&tag_a),
        Chain {
            count: 2,
            head: hash("594d54c984ee692e3b9c8f3d7c7edd032c302cbd29340491fd4743fb4249cc85")
        }
    );
    assert_eq!(
        chain(&tag_b).head,
        hash("57439c8d0c31d360c69cd2311c1907dd4720641b61d48552690f90e08e974297")
    );
    assert_eq!(
        chain(&tag_a).value(),
        hash("151feb2afbb90bfb5c9eb278008e5799bebe1c7a2949f016d7853969097be164")
    );
    assert_eq!(
        map::leaf(&tag_a, &chain(&tag_a)),
        hash("24b0e375313a432aaa84140f9058c823d732d3dc1283a700e628319ea0ec6494")
    );
    let leaf_b = hash("af8fad4c7397ef9efcdd99e528b8dca1f4faf6c25b5be38ee9e118d0da4defb3");
    assert_eq!(map::leaf(&tag_b, &chain(&tag_b)), leaf_b);
    let (head, _) = book.head(3, 1_763_700_003);
    let leaf = Leaf::MapHead(head);
    // The vectors book November 2026 under a moment of November 2025, which the head lists too.
    let Leaf::MapHead(head) = &leaf else {
        panic!("{leaf:?}")
    };
    let rows: Vec<MapRow> = head
        .rows()
        .iter()
        .copied()
        .filter(|row| row.period == period)
        .collect();
    let leaf = Leaf::MapHead(MapHead::new(3, 1_763_700_003, rows).unwrap());
    assert_eq!(leaf.to_bytes(), bytes(MAP_HEAD));
    assert_eq!(Leaf::parse(&bytes(MAP_HEAD)), Ok(leaf));
    let (_, path) = book.map(period).unwrap().prove(&tag_a).unwrap();
    assert_eq!(path.siblings(), [leaf_b]);
}

/// draft-irtf-cfrg-xchacha-03 has additional data in its vector; the cipher is the same crate's,
/// so what is checked here is that our use of it is the one the format states.
#[test]
fn payloads_are_sealed_and_opened_by_their_person_alone() {
    let (key, nonce) = ([0x11; 32], [0x22; 24]);
    let payload = Payload {
        system: "KZ-TAX".to_owned(),
        tests: vec!["T01=pass".to_owned()],
        intent: Some(7),
        at_ms: 1_763_700_000_123,
        ..Payload::default()
    };
    let plain = payload.clone().to_plaintext();
    assert_eq!(plain.len() % 64, 0);
    let sealed = payload::seal(&key, &nonce, plain.clone());
    assert_eq!(sealed.len(), plain.len() + 16);
    let opened = payload::open(&key, &nonce, &sealed).unwrap();
    assert_eq!(Payload::from_plaintext(&opened), Ok(payload));
    assert!(payload::open(&[0x12; 32], &nonce, &sealed).is_err());
    assert!(payload::open(&key, &[0x23; 24], &sealed).is_err());
    for bit in 0..sealed.len() * 8 {
        let mut bad = sealed.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(payload::open(&key, &nonce, &bad).is_err());
    }
    for bit in 0..plain.len() * 8 {
        let mut bad = plain.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        if let Ok(read) = Payload::from_plaintext(&bad) {
            assert_eq!(read.to_plaintext(), bad, "two spellings of one payload");
        }
    }
}
