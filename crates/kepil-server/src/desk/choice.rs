//! What an official chooses from: the kinds of data, in groups with those first that the system's
//! agreements cover; and the articles that may permit the role to ask.

use super::words::words;
use crate::app::Law;
use crate::pages::beginning;
use kepil_law::Value;
use kepil_law::instrument::Standing;
use kepil_law::rule::{Role as Of, Rule};
use kepil_law::vocab::{Mask, Vocabulary, bit};
use kepil_terms::{Instant, Lang};
use maud::{Markup, html};
use std::collections::BTreeSet;

/// Suggestions at most.
const MOST: usize = 60;

/// Prefix of the boxes in a form.
pub(super) const DATA: &str = "data.";

/// The data that agreements open to a system cover, while they are in force.
fn covered(law: &Law, system: &str) -> Mask {
    let layout = &law.gate.book().layout;
    let (active, data) = (
        layout.slot("agreement.active"),
        layout.slot("agreement.data"),
    );
    let agreements = law.register.of_kind("agreement").into_iter();
    let own = agreements.filter(|(_, entry)| entry.open_to(system));
    own.fold(0, |all, (_, entry)| {
        let says = |slot: Option<_>| slot.and_then(|slot| entry.layer.get(slot));
        match (says(active), says(data)) {
            (Some(Value::Bool(true)), Some(Value::Set(data))) => all | data,
            _ => all,
        }
    })
}

/// The boxes; `is_ticked` knows which were ticked before.
pub(super) fn boxes(
    law: &Law,
    lang: Lang,
    system: &str,
    is_ticked: impl Fn(&str) -> bool,
) -> Markup {
    let w = words(lang);
    let vocab = &law.gate.book().vocab;
    let class = |id: &str| {
        vocab
            .class("CategoryClass", id)
            .map_or(0, |(_, members)| members)
    };
    let personal = class("personal");
    let groups = [
        (w.a_covered, covered(law, system) & personal),
        (
            w.a_of_registers,
            class("register_data") | class("service_data"),
        ),
        (w.a_health, class("medical")),
        (w.a_where, class("location")),
        (w.a_body, class("biometric")),
        (w.a_messages, class("secret_of_messages")),
        (w.a_others, personal),
    ];
    let mut left = personal;
    let shown = groups.map(|(title, members)| {
        let here = members & left;
        left &= !here;
        let ids = vocab.names("Category").filter(|id| {
            let term = vocab.find("Category", id);
            term.is_some_and(|term| here & bit(term) != 0)
        });
        (title, ids.collect::<Vec<&str>>())
    });
    let shown: Vec<_> = shown
        .into_iter()
        .filter(|(_, ids)| !ids.is_empty())
        .collect();
    html! {
        fieldset {
            legend { (w.a_data) }
            p.soft { (w.a_data_how) }
            @for (place, (title, ids)) in shown.iter().enumerate() {
                details open[place == 0 || ids.iter().any(|id| is_ticked(id))] {
                    summary { (title) " (" (ids.len()) ")" }
                    @for id in ids {
                        label.choice { input type="checkbox" name={(DATA) (id)} value="1" checked[is_ticked(id)]; " " (vocab.label("Category", id, lang)) }
                    }
                }
            }
        }
    }
}

/// The operations by which data reach somebody.
pub(super) fn releasing(vocab: &Vocabulary) -> Mask {
    let class = vocab.class("Action", "release");
    class.map_or(Mask::MAX, |(_, members)| members)
}

/// Suggestions for the basis: provisions in force that may permit the role to be given personal
/// data. Which of them does is for the gate to say.
pub(super) fn bases(law: &Law, lang: Lang, role: &str, now: Instant) -> Markup {
    let book = law.gate.book();
    let vocab = &book.vocab;
    let role = vocab.find("Actor", role).map_or(0, bit);
    let personal = vocab.class("CategoryClass", "personal");
    let personal = personal.map_or(0, |(_, members)| members);
    let may_permit = |rule: &&Rule| {
        matches!(rule.role, Of::Ground(_))
            && rule.actors & role != 0
            && rule.actions & releasing(vocab) != 0
            && rule.categories & personal != 0
            && rule.known_from <= now
            && matches!(rule.span.at(now), Standing::InForce | Standing::Disputed)
    };
    let named: BTreeSet<usize> = book
        .rules
        .iter()
        .filter(may_permit)
        .map(|rule| rule.provision as usize)
        .collect();
    let provisions = named.into_iter().filter_map(|at| book.provisions.get(at));
    html! {
        datalist id="bases" { @for p in provisions.take(MOST) {
            option value=(p.id) label=(beginning(p.text.get(lang)));
        } }
    }
}
