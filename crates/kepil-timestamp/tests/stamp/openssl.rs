//! Stamps by a real authority: `openssl ts` answers what we ask, and checks what we keep.

use crate::peer::{self, Authority, Keys, NAME, POLICY, Plan};
use der::{AnyRef, Encode as _, Tag};
use kepil_timestamp::{
    CertificateError, ChainError, MAX_RESPONSE_BYTES, Request, Stamp, StampError, Trust,
    TrustError, verify,
};
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

const TEXT: &[u8] = b"log.example/test\n42\nqINS1GRFhWHwdkUeqLEoP4yEMkTBBzxBkGwGQlVlVcs=\n";
const NONCE: u64 = 0xF0E1_D2C3_B4A5_9687;

fn query() -> Vec<u8> {
    Request::new(TEXT, NONCE).to_der().unwrap()
}

fn trust(pem: &[u8]) -> Trust {
    Trust::from_pem(pem).unwrap()
}

/// Has the text stamped and checked.
fn stamp(authority: &Authority) -> Result<Stamp, StampError> {
    let reply = authority.reply(&query());
    verify(&reply, TEXT, Some(NONCE), &trust(&authority.root()))
}

#[test]
fn openssl_reads_the_request_as_it_was_meant() {
    let authority = Authority::new(Plan::default());
    for nonce in [0, 1, 0x7f, 0x80, NONCE, u64::MAX] {
        fs::write(
            authority.path("ours.tsq"),
            Request::new(TEXT, nonce).to_der().unwrap(),
        )
        .unwrap();
        let said = authority.openssl("ts -query -in ours.tsq -text");
        let said = String::from_utf8(said).unwrap();
        let shown = if nonce == 0 {
            "0x0".to_owned()
        } else {
            let digits = format!("{nonce:X}");
            let pad = if digits.len() % 2 == 1 { "0" } else { "" };
            format!("0x{pad}{digits}")
        };
        for line in [
            "Version: 1",
            "Hash Algorithm: sha256",
            "Policy OID: unspecified",
            &format!("Nonce: {shown}"),
            "Certificate required: yes",
        ] {
            assert!(said.contains(line), "{line}: {said}");
        }
    }
    // Byte for byte what openssl itself asks, but for the nonce.
    fs::write(authority.path("text"), TEXT).unwrap();
    authority.openssl("ts -query -data text -sha256 -cert -no_nonce -out theirs.tsq");
    let theirs = fs::read(authority.path("theirs.tsq")).unwrap();
    let ours = query();
    let head = theirs.len() - 3;
    assert_eq!(ours[2..head], theirs[2..head]);
    assert!(ours.ends_with(&theirs[head..]));
}

#[test]
fn stamps_of_all_kinds_verify_here_and_there() {
    let plans = [
        Plan::default(),
        Plan {
            digest: "sha384",
            digits: 6,
            ..Plan::default()
        },
        Plan {
            digest: "sha512",
            ess: "sha1",
            ..Plan::default()
        },
        Plan {
            keys: Keys::P256,
            ..Plan::default()
        },
        Plan {
            keys: Keys::P256,
            ess: "sha1",
            has_middle: true,
            ..Plan::default()
        },
        Plan {
            keys: Keys::P384,
            digest: "sha384",
            ess: "sha384",
            ..Plan::default()
        },
        Plan {
            keys: Keys::P384,
            digest: "sha512",
            ess: "sha512",
            has_middle: true,
            ..Plan::default()
        },
        Plan {
            has_middle: true,
            digits: 3,
            ..Plan::default()
        },
    ];
    for plan in plans {
        let authority = Authority::new(plan.clone());
        let reply = authority.reply(&query());
        let trusted = trust(&authority.root());
        let stamp = verify(&reply, TEXT, Some(NONCE), &trusted)
            .unwrap_or_else(|e| panic!("{plan:?}: {e:?}"));
        assert_eq!(verify(&reply, TEXT, None, &trusted).as_ref(), Ok(&stamp));
        assert_eq!(
            (stamp.authority.as_str(), stamp.policy.as_str()),
            (NAME, POLICY)
        );
        assert_eq!(stamp.serial, "0F1E2E");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = u64::try_from(now.as_millis()).unwrap();
        assert!(
            (now - 60_000..=now + 1_000).contains(&stamp.unix_ms),
            "{stamp:?}"
        );
        // Without the issuer between, if the authority's own certificate is pinned.
        let own = fs::read(authority.path("tsa.pem")).unwrap();
        assert_eq!(verify(&reply, TEXT, None, &trust(&own)), Ok(stamp));
        // What is kept is enough for openssl alone.
        fs::write(authority.path("text"), TEXT).unwrap();
        fs::write(authority.path("kept.tsr"), &reply).unwrap();
        let said = authority.openssl("ts -verify -in kept.tsr -data text -CAfile root.pem");
        assert!(said.is_empty() || String::from_utf8_lossy(&said).contains("OK"));
    }
}

#[test]
fn another_text_another_request_and_a_refusal_are_named() {
    let authority = Authority::new(Plan {
        keys: Keys::P256,
        ..Plan::default()
    });
    let trusted = trust(&authority.root());
    let reply = authority.reply(&query());
    assert_eq!(
        verify(&reply, b"other", Some(NONCE), &trusted),
        Err(StampError::OtherText)
    );
    assert_eq!(
        verify(&reply, TEXT, Some(NONCE + 1), &trusted),
        Err(StampError::OtherRequest)
    );
    // An answer without a nonce is no answer to a request with one.
    fs::write(authority.path("text"), TEXT).unwrap();
    authority.openssl("ts -query -data text -sha256 -cert -no_nonce -out bare.tsq");
    let bare = authority.reply(&fs::read(authority.path("bare.tsq")).unwrap());
    assert_eq!(
        verify(&bare, TEXT, Some(NONCE), &trusted),
        Err(StampError::OtherRequest)
    );
    verify(&bare, TEXT, None, &trusted).unwrap();
    // The same text under another hash is not what was asked.
    let other = Authority::new(Plan {
        keys: Keys::P256,
        takes: "sha512",
        ..Plan::default()
    });
    fs::write(other.path("text"), TEXT).unwrap();
    other.openssl("ts -query -data text -sha512 -cert -out long.tsq");
    let long = other.reply(&fs::read(other.path("long.tsq")).unwrap());
    assert_eq!(
        verify(&long, TEXT, None, &trust(&other.root())),
        Err(StampError::OtherText)
    );
    // It takes SHA-512 only, so it refuses ours.
    match stamp(&other) {
        Err(StampError::Refused { status: 2, said }) => {
            assert!(said.contains("not supported"), "{said}")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_authority_nobody_trusts_or_that_may_not_stamp_is_refused() {
    let ours = Authority::new(Plan {
        keys: Keys::P256,
        ..Plan::default()
    });
    let theirs = Authority::new(Plan {
        keys: Keys::P256,
        has_middle: true,
        ..Plan::default()
    });
    let reply = theirs.reply(&query());
    // The other root has the same name and another key.
    match verify(&reply, TEXT, None, &trust(&ours.root())) {
        Err(StampError::Chain(ChainError::NotTrusted { name })) => assert_eq!(name, "CN=Middle"),
        other => panic!("{other:?}"),
    }
    // Trusting one of the same name beside the right one is no obstacle.
    let both = [ours.root(), b"text between\n".to_vec(), theirs.root()].concat();
    assert_eq!(trust(&both).names(), ["CN=Root", "CN=Root"]);
    verify(&reply, TEXT, None, &trust(&both)).unwrap();

    let late = Authority::new(Plan {
        keys: Keys::P256,
        days: -1,
        ..Plan::default()
    });
    match stamp(&late) {
        Err(StampError::Chain(ChainError::Certificate(CertificateError::NotValid {
            name,
            ..
        }))) => {
            assert_eq!(name, NAME);
        }
        other => panic!("{other:?}"),
    }
}

/// A DER sequence.
fn sequence(content: &[u8]) -> Vec<u8> {
    AnyRef::new(Tag::Sequence, content)
        .unwrap()
        .to_der()
        .unwrap()
}

/// Signs what an authority said with another certificate, as `openssl cms` does.
fn resigned(authority: &Authority, extensions: &str, more: &str) -> Vec<u8> {
    authority.write("other.ext", extensions);
    authority.issue("other", "/CN=Other", "root", 365, "other.ext");
    fs::write(authority.path("reply.tsr"), authority.reply(&query())).unwrap();
    authority.openssl("ts -reply -in reply.tsr -token_out -out token.der");
    authority.openssl("cms -verify -noverify -binary -inform DER -in token.der -out said.der");
    authority.openssl(&format!("cms -sign -in said.der -binary -nodetach -econtent_type 1.2.840.113549.1.9.16.1.4 -signer other.pem -inkey other.key -outform DER -md sha256 -nosmimecap -out signed.der{more}"));
    // openssl wraps a token into a response, too, but not one that names its signer by key.
    let token = fs::read(authority.path("signed.der")).unwrap();
    let granted = sequence(&[2, 1, 0]);
    sequence(&[granted, token].concat())
}

#[test]
fn only_a_certificate_for_stamps_and_nothing_else_may_stamp() {
    let authority = Authority::new(Plan {
        keys: Keys::P256,
        ..Plan::default()
    });
    let check = |extensions: &str, more: &str| {
        let reply = resigned(&authority, extensions, more);
        verify(&reply, TEXT, Some(NONCE), &trust(&authority.root()))
    };
    assert_eq!(check(peer::GOOD, " -cades").unwrap().authority, "CN=Other");
    let not_for_stamps = Err(StampError::Certificate(CertificateError::NotForStamps {
        name: "CN=Other".to_owned(),
    }));
    for extensions in [
        "keyUsage=critical,digitalSignature\n",
        "extendedKeyUsage=timeStamping\n",
        "extendedKeyUsage=critical,timeStamping,codeSigning\n",
        "extendedKeyUsage=critical,serverAuth\n",
        "keyUsage=critical,keyCertSign\nextendedKeyUsage=critical,timeStamping\n",
    ] {
        assert_eq!(check(extensions, " -cades"), not_for_stamps, "{extensions}");
    }
    // An extension that must be understood, and one that says who may not be named.
    let unknown = format!("{}1.2.3.4=critical,DER:0500\n", peer::GOOD);
    match check(&unknown, " -cades") {
        Err(StampError::Chain(ChainError::Certificate(CertificateError::Extension {
            oid,
            ..
        }))) => assert_eq!(oid, "1.2.3.4"),
        other => panic!("{other:?}"),
    }
    // Without the attribute that names the certificate.
    let name = "signing certificate";
    assert_eq!(check(peer::GOOD, ""), Err(StampError::Attribute { name }));
    // By two at once.
    let two = " -cades -signer tsa.pem -inkey tsa.key";
    assert_eq!(
        check(peer::GOOD, two),
        Err(StampError::Signers { found: 2 })
    );
    // Without the signed attributes, and without the certificate.
    assert!(check(peer::GOOD, " -noattr").is_err());
    assert_eq!(
        check(peer::GOOD, " -cades -nocerts"),
        Err(StampError::NoCertificate)
    );
    // Named by its key.
    let keyed = format!("{}subjectKeyIdentifier=hash\n", peer::GOOD);
    check(&keyed, " -cades -keyid").unwrap();
}

#[test]
fn what_may_not_issue_leads_nowhere() {
    let authority = Authority::new(Plan {
        keys: Keys::P256,
        ..Plan::default()
    });
    let issued_by = |extensions: &str| {
        authority.write("middle.ext", extensions);
        authority.issue("middle", "/CN=Middle", "root", 365, "middle.ext");
        authority.issue(
            "tsa",
            "/O=Kepil/CN=Time\\sof\\sthe\\stests",
            "middle",
            365,
            "tsa.ext",
        );
        let config = fs::read_to_string(authority.path("tsa.cnf")).unwrap();
        let config = config
            .replace("certs=middle.pem\n", "")
            .replace("[tsa]\n", "[tsa]\ncerts=middle.pem\n");
        authority.write("tsa.cnf", &config);
        stamp(&authority)
    };
    issued_by("basicConstraints=critical,CA:true\n").unwrap();
    let not_an_issuer = Err(StampError::Chain(ChainError::Certificate(
        CertificateError::NotAnIssuer {
            name: "CN=Middle".to_owned(),
        },
    )));
    for extensions in [
        "basicConstraints=critical,CA:false\n",
        "subjectKeyIdentifier=hash\n",
        "basicConstraints=critical,CA:true\nkeyUsage=critical,digitalSignature\n",
        "basicConstraints=critical,CA:true\nextendedKeyUsage=serverAuth\n",
    ] {
        assert_eq!(issued_by(extensions), not_an_issuer, "{extensions}");
    }
}

#[test]
fn no_flipped_bit_and_no_cut_makes_another_stamp() {
    for plan in [
        Plan {
            ess: "sha1",
            ..Plan::default()
        },
        Plan {
            keys: Keys::P256,
            has_middle: true,
            digits: 3,
            ..Plan::default()
        },
    ] {
        let authority = Authority::new(plan);
        let trusted = trust(&authority.root());
        let reply = authority.reply(&query());
        let good = verify(&reply, TEXT, Some(NONCE), &trusted).unwrap();
        let mut still = 0;
        for at in 0..reply.len() {
            for bit in 0..8 {
                let mut other = reply.clone();
                other[at] ^= 1 << bit;
                if let Ok(stamp) = verify(&other, TEXT, Some(NONCE), &trusted) {
                    assert_eq!(stamp, good, "byte {at}, bit {bit}");
                    still += 1;
                }
            }
            assert!(verify(&reply[..at], TEXT, Some(NONCE), &trusted).is_err());
        }
        // Only what nobody signs: the status, the list of hashes, issuers that are not needed.
        assert!(still < 8 * 32, "{still}");
        let longer = [&reply[..], &[0]].concat();
        assert!(verify(&longer, TEXT, Some(NONCE), &trusted).is_err());
        let found = MAX_RESPONSE_BYTES + 1;
        assert_eq!(
            verify(&vec![0; found], TEXT, None, &trusted),
            Err(StampError::TooLong { found })
        );
    }
}

#[test]
fn a_file_that_names_nobody_to_trust_is_refused() {
    assert_eq!(Trust::from_pem(b"").map(|_| ()), Err(TrustError::None));
    assert_eq!(
        Trust::from_pem(b"\xff").map(|_| ()),
        Err(TrustError::NotText)
    );
    let authority = Authority::new(Plan {
        keys: Keys::P256,
        ..Plan::default()
    });
    let good = String::from_utf8(authority.root()).unwrap();
    let bad = good.clone() + &good.replacen("MII", "XXX", 1);
    let said = Trust::from_pem(bad.as_bytes()).unwrap_err().to_string();
    assert!(said.contains("certificate 2"), "{said}");
    assert!(Trust::from_pem(good.split("-----END").next().unwrap().as_bytes()).is_ok());
}
