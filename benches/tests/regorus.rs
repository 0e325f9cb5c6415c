//! The rules in Rego against our evaluator: the same rules fire on every scene, by both engines of
//! regorus. The rendering starts from the compiled trees, so this is a reading of its own.

#[cfg(test)]
mod differential {
    use kepil_bench::agree::{same_rules, same_scopes};
    use kepil_bench::mix::{Asked, Mix};
    use kepil_bench::peers::casbin::Scopes;
    use kepil_bench::peers::cedar::Cedar;
    use kepil_bench::peers::regorus::both;
    use std::sync::LazyLock;

    static MIX: LazyLock<Mix> = LazyLock::new(|| Mix::load(&kepil_packs::kz(), false).unwrap());
    static ASKED: LazyLock<Asked> = LazyLock::new(|| Asked::of(&MIX).unwrap());

    #[test]
    fn both_engines_of_regorus_fire_the_same_rules_on_every_scene() {
        let (mut interpreter, mut bytecode) = both(MIX.book(), &ASKED).unwrap();
        let by_interpreter =
            same_rules(MIX.book(), &ASKED, "the interpreter", &mut interpreter).unwrap();
        let by_bytecode =
            same_rules(MIX.book(), &ASKED, "the bytecode machine", &mut bytecode).unwrap();
        assert_eq!(by_interpreter, ASKED.count());
        assert_eq!(by_bytecode, ASKED.count());
    }

    #[test]
    fn the_cedar_scan_fires_the_same_rules_on_every_scene() {
        let mut cedar = Cedar::new(MIX.book(), &ASKED).unwrap();
        assert_eq!(
            same_rules(MIX.book(), &ASKED, "Cedar", &mut cedar).unwrap(),
            ASKED.count()
        );
    }

    #[test]
    fn casbin_finds_the_same_scopes_on_every_scene() {
        let casbin = Scopes::new(MIX.book(), &ASKED).unwrap();
        assert_eq!(
            same_scopes(MIX.book(), &ASKED, &casbin).unwrap(),
            ASKED.count()
        );
    }

    #[test]
    fn a_difference_is_found_and_named() {
        // The same engine over another law version must not agree everywhere.
        let (_, mut bytecode) = both(MIX.book(), &ASKED).unwrap();
        let mut other = Asked::of(&MIX).unwrap();
        other.questions.rotate_left(1);
        let e = same_rules(MIX.book(), &other, "the bytecode machine", &mut bytecode).unwrap_err();
        assert!(e.to_string().contains("only ours"), "{e}");
    }
}
