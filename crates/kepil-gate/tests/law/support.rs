//! What the tests share: the gate over the pack, loaded once.

use kepil_gate::Gate;
use kepil_gate::baseline::Baselines;
use kepil_gate::case::Case;
use kepil_gate::gate::Scene;
use kepil_law::pack::{Options, load};
use std::sync::{Arc, LazyLock};

pub static GATE: LazyLock<Gate> = LazyLock::new(|| {
    let book = load(
        &kepil_packs::kz(),
        Options {
            assumed: true,
            draft: false,
        },
    )
    .unwrap_or_else(|e| panic!("{e}"));
    Gate::new(Arc::new(book)).unwrap()
});

pub static BASELINES: LazyLock<Baselines> = LazyLock::new(|| Baselines::load(&GATE).unwrap());

/// Every situation of every case and twin, as scenes.
pub static SCENES: LazyLock<Vec<(String, Scene)>> = LazyLock::new(|| {
    let mut out = Vec::new();
    for block in &GATE.book().cases {
        let case = Case::parse(&block.text).unwrap();
        out.push((
            case.id.clone(),
            case.situation.scene(&GATE, &BASELINES, None).unwrap(),
        ));
        if let (Some(s), Some(t)) = (case.twin_situation(), &case.twin) {
            out.push((
                format!("{}'", case.id),
                s.scene(&GATE, &BASELINES, Some(&t.facts)).unwrap(),
            ));
        }
    }
    out
});
