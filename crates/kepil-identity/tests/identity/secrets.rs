//! Secrets and recovery codes.

use kepil_identity::recovery::{COUNT, RecoveryCodes};
use kepil_identity::secret::{SecretError, SecretHash};

#[test]
fn a_secret_matches_itself_and_nothing_else() {
    let kept = SecretHash::choose("қоңыр аю орманда", &[1; 16]).unwrap();
    assert!(kept.matches("қоңыр аю орманда"));
    for wrong in [
        "",
        "қоңыр аю ормандa",
        "қоңыр аю орманда ",
        &"x".repeat(10_000),
    ] {
        assert!(!kept.matches(wrong), "{wrong}");
    }
    let again = SecretHash::choose("қоңыр аю орманда", &[2; 16]).unwrap();
    assert_ne!(kept, again, "another salt");
    let text = serde_json::to_string(&kept).unwrap();
    assert!(
        text.starts_with("\"$argon2id$v=19$m=19456,t=2,p=1$"),
        "{text}"
    );
    assert!(!format!("{kept:?}").contains("argon2"));
    let read: SecretHash = serde_json::from_str(&text).unwrap();
    assert!(read.matches("қоңыр аю орманда"));
    let broken: SecretHash = serde_json::from_str("\"nonsense\"").unwrap();
    assert!(!broken.matches("nonsense"));
}

#[test]
fn weak_secrets_are_refused_with_a_reason() {
    let choose = |secret: &str| SecretHash::choose(secret, &[1; 16]).unwrap_err();
    assert_eq!(choose("short"), SecretError::Short);
    assert_eq!(choose("аааааааааа"), SecretError::Repeated);
    assert_eq!(choose(&"ab".repeat(101)), SecretError::Long);
}

#[test]
fn recovery_codes_are_good_once_and_forgive_how_they_are_typed() {
    let mut random = [[0; 17]; COUNT];
    let mut salts = [[0; 16]; COUNT];
    for (n, (bytes, salt)) in (0u8..).zip(random.iter_mut().zip(&mut salts)) {
        for (at, byte) in (0u8..).zip(bytes) {
            *byte = n.wrapping_mul(31).wrapping_add(at.wrapping_mul(7));
        }
        *salt = [n; 16];
    }
    let (texts, mut codes) = RecoveryCodes::draw(&random, &salts).unwrap();
    assert_eq!((texts.len(), codes.left()), (COUNT, COUNT));
    let third = &texts[2];
    assert!(third.starts_with("3-"), "{third}");
    let typed = third.to_lowercase().replace('-', " ").replace('0', "o");
    assert_eq!(codes.find(&typed), Some(3));
    assert_eq!(codes.find(&format!("  {third} ")), Some(3));
    for wrong in [
        "",
        "3",
        "3-",
        "4-",
        "three-ABCDE",
        &third.replacen("3-", "4-", 1),
        third.get(..third.len() - 1).unwrap(),
        &format!("{third}A"),
        "3-KКKKK-KKKKK-KKKKK-KK",
        "99999999999-AAAAA-AAAAA-AAAAA-AA",
    ] {
        assert_eq!(codes.find(wrong), None, "{wrong}");
    }
    codes.use_up(3);
    assert_eq!((codes.find(third), codes.left()), (None, COUNT - 1));
    assert_eq!(codes.find(&texts[9]), Some(10));
    let text = serde_json::to_string(&codes).unwrap();
    assert!(
        texts
            .iter()
            .all(|code| !text.contains(code.get(2..).unwrap()))
    );
}
