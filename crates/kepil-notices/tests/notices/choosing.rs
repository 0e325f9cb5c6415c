//! Addresses that people choose, and the codes that confirm them.

use crate::support::{NOW, PERSON};
use kepil_notices::{Address, AskError, CODE_MS, Channel, Code, CodeError, Outbox, TRIES};
use kepil_terms::Lang;
use proptest::prelude::*;

fn asked(outbox: &Outbox, typed: &str, now_ms: u64) -> Result<String, AskError> {
    let address = Address::parse(Channel::Email, typed)?;
    let (text, code) = Code::draw([now_ms.to_be_bytes()[7]; 24], CODE_MS, now_ms);
    outbox.ask(PERSON, &address, Lang::Kk, &code, now_ms)?;
    Ok(text)
}

fn confirm(outbox: &Outbox, typed: &str, now_ms: u64) -> Result<(), CodeError> {
    outbox
        .confirm(PERSON, Channel::Email, typed, now_ms)
        .unwrap()
}

#[test]
fn an_address_counts_from_its_code_on_and_the_old_one_until_then() {
    let outbox = Outbox::in_memory().unwrap();
    assert_eq!(confirm(&outbox, "000000", NOW), Err(CodeError::None));
    let first = asked(&outbox, "old@example.kz", NOW).unwrap();
    assert!(outbox.choices(PERSON).unwrap().is_empty());
    assert_eq!(outbox.wishes(PERSON, NOW).unwrap().len(), 1);
    let (begin, end) = first.split_at(3);
    let spaced = format!(" {begin} {end}");
    assert_eq!(confirm(&outbox, &spaced, NOW), Ok(()));
    assert_eq!(confirm(&outbox, &first, NOW), Err(CodeError::None));
    let second = asked(&outbox, "new@example.kz", NOW + 1).unwrap();
    let kept = outbox.choices(PERSON).unwrap();
    assert_eq!(kept[0].address, "old@example.kz");
    assert_eq!(confirm(&outbox, &second, NOW + CODE_MS), Ok(()));
    let kept = outbox.choices(PERSON).unwrap();
    assert_eq!(
        (kept.len(), kept[0].address.as_str()),
        (1, "new@example.kz")
    );
    assert_eq!(kept[0].lang, Lang::Kk);
    assert!(outbox.choices("person-2").unwrap().is_empty());
    assert!(outbox.remove(PERSON, Channel::Email).unwrap());
    assert!(outbox.choices(PERSON).unwrap().is_empty());
}

#[test]
fn a_code_is_tried_five_times_and_for_a_quarter_of_an_hour() {
    let outbox = Outbox::in_memory().unwrap();
    let right = asked(&outbox, "a@example.kz", NOW).unwrap();
    for left in (1..TRIES).rev() {
        assert_eq!(
            confirm(&outbox, "nonsense", NOW),
            Err(CodeError::Wrong { left })
        );
    }
    assert_eq!(confirm(&outbox, "", NOW), Err(CodeError::Spent));
    assert_eq!(confirm(&outbox, &right, NOW), Err(CodeError::Spent));
    assert!(outbox.wishes(PERSON, NOW).unwrap().is_empty());
    let late = asked(&outbox, "a@example.kz", NOW).unwrap();
    let after = confirm(&outbox, &late, NOW + CODE_MS);
    assert_eq!(after, Err(CodeError::None));
    assert_eq!(outbox.sweep(NOW + CODE_MS).unwrap(), 1);
    assert_eq!(outbox.sweep(NOW + CODE_MS).unwrap(), 0);
}

#[test]
fn nobody_is_flooded_with_codes() {
    let outbox = Outbox::in_memory().unwrap();
    for n in 0..5 {
        asked(&outbox, &format!("victim{n}@example.kz"), NOW + n).unwrap();
    }
    let refused = asked(&outbox, "victim@example.kz", NOW + 5);
    let Err(AskError::TooOften { until_ms }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(until_ms, NOW + 3_600_000);
    assert!(asked(&outbox, "victim@example.kz", until_ms - 1).is_err());
    asked(&outbox, "victim@example.kz", until_ms).unwrap();
}

proptest! {
    #[test]
    fn a_code_has_six_digits_and_opens_itself_alone(random: [u8; 24], typed in "\\PC{0,12}") {
        let (text, code) = Code::draw(random, CODE_MS, NOW);
        prop_assert!(text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit()));
        prop_assert_eq!(code.clone().attempt(&text, NOW), Ok(()));
        if typed.chars().filter(|c| c.is_ascii_digit()).collect::<String>() != text {
            prop_assert!(code.clone().attempt(&typed, NOW).is_err());
        }
    }
}
