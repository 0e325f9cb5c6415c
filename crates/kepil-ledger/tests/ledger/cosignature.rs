use kepil_ledger::checkpoint::{self, Checkpoint, SignedCheckpoint, TrustError};
use kepil_ledger::cosignature::{
    CosignError, Cosignature, CosignatureError, Cosigner, CosignerKey,
};
use kepil_ledger::hash;
use kepil_ledger::note::{
    self, KeyError, KeyName, NoteError, Signature, SignatureError, SignatureType, Signer,
    VerifyingKey,
};
use proptest::prelude::*;

use crate::log::signer;
use crate::vectors::{CHECKPOINT, VKEY, bytes};

const TIME: u64 = 1_763_700_004;

fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

pub fn ed25519(text: &str, seed: u8) -> Cosigner {
    Cosigner::from_ed25519_seed(name(text), &[seed; 32])
}

pub fn ml_dsa(text: &str, seed: u8) -> Cosigner {
    Cosigner::from_ml_dsa_44_seed(name(text), &[seed; 32]).unwrap()
}

fn both() -> [Cosigner; 2] {
    [ed25519("w0.example", 0x0a), ml_dsa("w0.example", 0x0b)]
}

fn checkpoint() -> Checkpoint {
    Checkpoint {
        origin: signer().verifying_key().name().clone(),
        size: 12,
        root: hash::leaf(b"root"),
    }
}

/// A checkpoint with the log's signature and further lines.
pub fn signed(checkpoint: &Checkpoint, lines: &[Signature]) -> SignedCheckpoint {
    let mut signed = checkpoint::parse(checkpoint.sign(&signer()).as_bytes()).unwrap();
    for line in lines {
        signed.append(line.clone()).unwrap();
    }
    signed
}

#[test]
fn section_17_cosignature_of_w0() {
    let w0 = both()[0].clone();
    let vkey = "w0.example+6ddf5b09+BEOnLnFEAXYt9mtowm373yaCquyfJHTspGE+QkoPuv08";
    assert_eq!(w0.key().to_string(), vkey);
    let key = CosignerKey::parse(vkey).unwrap();
    assert_eq!(key, *w0.key());
    assert_eq!(key.signature_type(), SignatureType::Ed25519Cosignature);

    let signed = checkpoint::parse(CHECKPOINT.as_bytes()).unwrap();
    let log = VerifyingKey::parse(VKEY).unwrap();
    let found = signed.cosignatures([&key]).unwrap();
    let expected = Cosignature {
        name: key.name().clone(),
        id: key.id(),
        time: TIME,
    };
    assert_eq!(found, [expected]);

    // Made again from the seeds, every byte is the same.
    let log_signer = Signer::from_seed(log.name().clone(), &[0x01; 32]);
    let checkpoint = signed.verify(&log).unwrap();
    let mut again = checkpoint::parse(checkpoint.sign(&log_signer).as_bytes()).unwrap();
    again.append(w0.sign(checkpoint, TIME).unwrap()).unwrap();
    assert_eq!(again.to_string(), CHECKPOINT);
}

/// The vector that torchwood's litewitness is tested with: an ML-DSA-44 signature by
/// another implementation over `subtree/v1`, with the time 0.
#[test]
fn an_ml_dsa_cosignature_by_torchwood_verifies() {
    let text = include_str!("../vectors/ml-dsa-44-checkpoint.txt");
    let seed = bytes("2886adc2b0eabfce67c0472939127998bf886cf256bfee8ba76a253fce1146e0");
    let cosigner =
        Cosigner::from_ml_dsa_44_seed(name("example.com/mldsa-log"), &seed.try_into().unwrap())
            .unwrap();
    let key = cosigner.key();
    let vkey = key.to_string();
    assert!(vkey.starts_with("example.com/mldsa-log+b5df45c5+BuhtcL97l3dcitjZ8Y9J54gmQ1TWn/BM"));
    assert!(vkey.ends_with("tsh4rrcUht4yVIvFAaqsgAAE="));

    let signed = checkpoint::parse(text.as_bytes()).unwrap();
    assert_eq!(signed.unverified().root, hash::leaf(b"testonly"));
    // The signature is good, and refused for its time alone.
    let no_time = CosignatureError::NoTime {
        name: key.name().clone(),
    };
    assert_eq!(signed.cosignatures([key]), Err(no_time));
    let other = Checkpoint {
        size: 2,
        ..signed.unverified().clone()
    };
    assert!(matches!(
        key.verify(&other, &signed.note().signatures()[0]),
        Err(CosignatureError::Bad { .. })
    ));
}

#[test]
fn signed_note_reads_our_cosignatures() {
    struct ByHand(CosignerKey, ed25519_dalek::VerifyingKey);
    impl signed_note::Verifier for ByHand {
        fn name(&self) -> &str {
            self.0.name().as_str()
        }
        fn key_id(&self) -> u32 {
            let typed = [&[4], self.1.as_bytes().as_slice()].concat();
            signed_note::key_id(self.name(), &typed)
        }
        fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
            let (time, signature) = signature.split_at(8);
            let time = u64::from_be_bytes(time.try_into().unwrap());
            let message = [format!("cosignature/v1\ntime {time}\n").as_bytes(), text].concat();
            let signature = ed25519_dalek::Signature::from_slice(signature).unwrap();
            self.1.verify_strict(&message, &signature).is_ok()
        }
    }

    let [w0, pq] = both();
    let public = ed25519_dalek::SigningKey::from_bytes(&[0x0a; 32]).verifying_key();
    let checkpoint = checkpoint();
    let lines = [&w0, &pq].map(|cosigner| cosigner.sign(&checkpoint, TIME).unwrap());
    let note =
        signed_note::Note::from_bytes(signed(&checkpoint, &lines).to_string().as_bytes()).unwrap();
    let list = signed_note::VerifierList::new(vec![Box::new(ByHand(w0.key().clone(), public))]);
    let (known, unknown) = note.verify(&list).unwrap();
    assert_eq!((known.len(), unknown.len()), (1, 2));
    let id = u32::from_be_bytes(*w0.key().id().as_bytes());
    assert_eq!(known[0].id(), id);
}

#[test]
fn cosignatures_are_bound_to_key_time_and_checkpoint() {
    let checkpoint = checkpoint();
    let others = [
        Checkpoint {
            size: 13,
            ..checkpoint.clone()
        },
        Checkpoint {
            root: hash::leaf(b"other"),
            ..checkpoint.clone()
        },
        Checkpoint {
            origin: name("other.example"),
            ..checkpoint.clone()
        },
    ];
    for cosigner in both() {
        let key = cosigner.key();
        let bad = CosignatureError::Bad {
            name: key.name().clone(),
        };
        let line = cosigner.sign(&checkpoint, TIME).unwrap();
        assert_eq!(line, cosigner.sign(&checkpoint, TIME).unwrap());
        assert_eq!(key.verify(&checkpoint, &line), Ok(TIME));
        for other in &others {
            assert_eq!(key.verify(other, &line), Err(bad.clone()));
        }
        // Any flipped bit of time or signature is noticed (sampled: ML-DSA is long).
        let text = line.to_string();
        let encoded = text.rsplit_once(' ').unwrap().1;
        let raw = base64_decode(encoded);
        for bit in (32..raw.len() * 8).step_by(if raw.len() > 100 { 331 } else { 1 }) {
            let mut raw = raw.clone();
            raw[bit / 8] ^= 1 << (bit % 8);
            let line = format!("\u{2014} w0.example {}", base64_encode(&raw));
            let line = Signature::parse(&line).unwrap();
            assert_eq!(
                key.verify(&checkpoint, &line),
                Err(bad.clone()),
                "bit {bit}"
            );
        }
        for length in [5, 12, raw.len() - 1] {
            let line = format!("\u{2014} w0.example {}", base64_encode(&raw[..length]));
            let line = Signature::parse(&line).unwrap();
            assert_eq!(key.verify(&checkpoint, &line), Err(bad.clone()));
        }
    }
}

fn base64_encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn base64_decode(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap()
}

#[test]
fn times_that_say_nothing_are_neither_made_nor_accepted() {
    let checkpoint = checkpoint();
    for cosigner in both() {
        for time in [0, i64::MAX.cast_unsigned() + 1, u64::MAX] {
            assert_eq!(
                cosigner.sign(&checkpoint, time),
                Err(CosignError::Time { time })
            );
        }
        let last = i64::MAX.cast_unsigned();
        let line = cosigner.sign(&checkpoint, last).unwrap();
        assert_eq!(cosigner.key().verify(&checkpoint, &line), Ok(last));
    }
    // A good Ed25519 signature with the time 0, made by hand.
    let [w0, _] = both();
    let message = format!("cosignature/v1\ntime 0\n{}", checkpoint.to_text());
    let seed = ed25519_dalek::SigningKey::from_bytes(&[0x0a; 32]);
    let signature = ed25519_dalek::Signer::sign(&seed, message.as_bytes()).to_bytes();
    let raw = [w0.key().id().as_bytes().as_slice(), &[0; 8], &signature].concat();
    let line = format!("\u{2014} w0.example {}", base64_encode(&raw));
    assert_eq!(
        w0.key()
            .verify(&checkpoint, &Signature::parse(&line).unwrap()),
        Err(CosignatureError::NoTime {
            name: w0.key().name().clone()
        })
    );
}

#[test]
fn known_lines_are_collected_and_a_bad_one_is_not_skipped() {
    let checkpoint = checkpoint();
    let [w0, pq] = both();
    let twin = ed25519("w0.example", 0x0c);
    let lines = [
        pq.sign(&checkpoint, 20).unwrap(),
        twin.sign(&checkpoint, 30).unwrap(),
        w0.sign(&checkpoint, 10).unwrap(),
        w0.sign(&checkpoint, 15).unwrap(),
    ];
    let times = |signed: &SignedCheckpoint, keys: &[&CosignerKey]| -> Vec<u64> {
        let found = signed.cosignatures(keys.iter().copied()).unwrap();
        found.iter().map(|cosignature| cosignature.time).collect()
    };
    let good = signed(&checkpoint, &lines);
    assert_eq!(times(&good, &[w0.key(), pq.key()]), [20, 10, 15]);
    assert_eq!(times(&good, &[twin.key()]), [30]);
    assert_eq!(times(&good, &[]), [] as [u64; 0]);
    good.verify(signer().verifying_key()).unwrap();

    let other = Checkpoint {
        size: 13,
        ..checkpoint.clone()
    };
    let bad = signed(
        &checkpoint,
        &[lines[2].clone(), w0.sign(&other, 20).unwrap()],
    );
    assert!(matches!(
        bad.cosignatures([w0.key()]),
        Err(CosignatureError::Bad { .. })
    ));
    assert_eq!(times(&bad, &[pq.key()]), [] as [u64; 0]);
}

#[test]
fn a_key_serves_only_what_its_type_says() {
    for cosigner in both() {
        let vkey = cosigner.key().to_string();
        assert_eq!(CosignerKey::parse(&vkey), Ok(cosigner.key().clone()));
        assert!(matches!(
            VerifyingKey::parse(&vkey),
            Err(KeyError::UnsupportedType { code: 4 | 6, .. })
        ));
        let (name, rest) = vkey.split_once('+').unwrap();
        let (_, key) = rest.split_once('+').unwrap();
        assert!(matches!(
            CosignerKey::parse(&format!("{name}+00000000+{key}")),
            Err(KeyError::IdMismatch { .. })
        ));
        assert!(CosignerKey::parse(&format!("{name}+{rest}AAAA")).is_err());
        assert_eq!(
            CosignerKey::parse(&format!("{name}+00000000+BgAA")),
            Err(KeyError::Malformed)
        );
    }
    assert!(matches!(
        CosignerKey::parse(VKEY),
        Err(KeyError::UnsupportedType { code: 1, .. })
    ));
    let long = name(&"n".repeat(256));
    assert!(matches!(
        Cosigner::from_ml_dsa_44_seed(long.clone(), &[1; 32]),
        Err(KeyError::LongName { .. })
    ));
    let checkpoint = Checkpoint {
        origin: long.clone(),
        ..checkpoint()
    };
    assert!(matches!(
        both()[1].sign(&checkpoint, TIME),
        Err(CosignError::LongOrigin { .. })
    ));
    // Ed25519 has room.
    let cosigner = Cosigner::from_ed25519_seed(long, &[1; 32]);
    let line = cosigner.sign(&checkpoint, TIME).unwrap();
    assert_eq!(cosigner.key().verify(&checkpoint, &line), Ok(TIME));
    // A line of another cosigner is not taken for one's own.
    assert!(matches!(
        both()[0].key().verify(&checkpoint, &line),
        Err(CosignatureError::OtherKey { .. })
    ));
}

#[test]
fn a_log_may_sign_with_either_of_two_keys() {
    let old = signer();
    let new = Signer::from_seed(old.verifying_key().name().clone(), &[8; 32]);
    let stranger = Signer::from_seed(name("stranger.example"), &[9; 32]);
    let keys = [&stranger, &new, &old].map(Signer::verifying_key);
    let checkpoint = checkpoint();
    let parse = |text: String| checkpoint::parse(text.as_bytes()).unwrap();
    for signer in [&old, &new] {
        let signed = parse(checkpoint.sign(signer));
        assert_eq!(signed.verify_any(keys), Ok(&checkpoint));
    }
    let mut bad = parse(checkpoint.sign(&old));
    bad.append(new.sign("another text\n")).unwrap();
    assert!(matches!(
        bad.verify_any(keys),
        Err(TrustError::Signature(SignatureError::Bad { .. }))
    ));
    assert!(matches!(
        parse(checkpoint.sign(&stranger)).verify_any(keys),
        Err(TrustError::Signature(SignatureError::NotSigned { .. }))
    ));
    assert!(matches!(
        bad.verify_any([stranger.verifying_key()]),
        Err(TrustError::UnknownLog { .. })
    ));
}

#[test]
fn appended_lines_stay_within_what_is_read() {
    let checkpoint = checkpoint();
    let mut full = signed(&checkpoint, &[]);
    let w0 = ed25519("w0.example", 1);
    let line = w0.sign(&checkpoint, 1).unwrap();
    full.append(line.clone()).unwrap();
    full.append(line).unwrap();
    assert_eq!(full.note().signatures().len(), 2);
    for time in 2..note::MAX_SIGNATURES as u64 {
        full.append(w0.sign(&checkpoint, time).unwrap()).unwrap();
    }
    assert_eq!(
        full.append(w0.sign(&checkpoint, 99).unwrap()),
        Err(NoteError::TooManySignatures)
    );
    assert_eq!(checkpoint::parse(full.to_string().as_bytes()), Ok(full));

    let long = format!(
        "\u{2014} x {}",
        base64_encode(&vec![1; note::MAX_NOTE_BYTES])
    );
    let mut short = signed(&checkpoint, &[]);
    assert!(matches!(
        short.append(Signature::parse(&long).unwrap()),
        Err(NoteError::TooLong { .. })
    ));
    assert_eq!(short, signed(&checkpoint, &[]));
}

#[test]
fn signature_lines_are_read_alone() {
    let lines = both().map(|cosigner| cosigner.sign(&checkpoint(), TIME).unwrap());
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    assert_eq!(note::parse_signatures(&text), Ok(lines.to_vec()));
    for bad in ["", "\n", text.trim_end(), &format!("{text}\n")] {
        assert!(note::parse_signatures(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_secret_cosigner_does_not_show_itself() {
    for cosigner in both() {
        let debug = format!("{cosigner:?}");
        assert!(debug.contains("w0.example") && debug.len() < 120, "{debug}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = CosignerKey::parse(&text);
        let _ = note::parse_signatures(&text);
        let [w0, _] = both();
        let raw = [w0.key().id().as_bytes().as_slice(), &[1], &bytes].concat();
        let line = format!("\u{2014} w0.example {}", base64_encode(&raw));
        prop_assert!(w0.key().verify(&checkpoint(), &Signature::parse(&line).unwrap()).is_err());
    }

    #[test]
    fn any_32_bytes_as_a_key_never_panic(code in prop::sample::select(vec![1_u8, 4]), key: [u8; 32]) {
        let typed = [[code].as_slice(), &key].concat();
        let vkey = format!("n+00000000+{}", base64_encode(&typed));
        prop_assert!(CosignerKey::parse(&vkey).is_err() && VerifyingKey::parse(&vkey).is_err());
    }
}
