//! The offices of the demonstration: a supervising authority and a tax office, with invented
//! people who work there, and a register that is not connected.

use super::caller::Keys;
use crate::exit::{Failure, input};
use kepil_gate::Gate;
use kepil_gate::baseline::Baselines;
use kepil_gate::case::Case;
use kepil_gate::patch::documents;
use kepil_identity::holder::{Holder, Role};
use kepil_identity::id::MandateId;
use kepil_identity::mandate::{MandateKind, Right};
use kepil_identity::official::OfficialMandate;
use kepil_server::register::{NotConnected, PowerEntry, RecordEntry, RegisterFile};
use kepil_server::staging::enter;

/// The system under which supervisors look.
pub const AUTHORITY: &str = "KZ-DPA-01";
/// The system of the tax office.
const TAX: &str = "KZ-TAX-01";
/// Whose data the tax official may ask for.
const TAXPAYER: &str = "person-90";
/// The taxpayer's child.
const CHILD: &str = "person-91";
/// Somebody the register of officials calls close to the tax official.
const NEIGHBOUR: &str = "person-04";

/// Enters both offices, from worked cases whose facts make their work lawful.
pub fn enter_all(file: &mut RegisterFile, gate: &Gate) -> Result<(), Failure> {
    let baselines = Baselines::load(gate).map_err(input)?;
    for (id, system, person) in [("X04", AUTHORITY, "nobody"), ("X02", TAX, TAXPAYER)] {
        let blocks = &gate.book().cases;
        let block = blocks.iter().find(|case| case.id == id);
        let block = block.ok_or_else(|| input(format!("the case {id} is not in the pack")))?;
        let case = Case::parse(&block.text).map_err(input)?;
        let put = case.situation.scene(gate, &baselines, None);
        let put = put.map_err(|e| input(format!("{id}: {e}")))?;
        let docs = documents(gate.book(), &put.facts);
        let _ = enter(
            file,
            &docs,
            &case.situation,
            system,
            person,
            Keys::new()?.jwk(),
        );
        super::stage::narrow(file, gate, system, &case.situation);
    }
    file.records
        .retain(|record| !(record.kind == "person" && record.id == "nobody"));
    for (system, name) in [
        (
            AUTHORITY,
            "Authority for the protection of personal data (invented)",
        ),
        (TAX, "Tax office of a district (invented)"),
    ] {
        let found = file.systems.iter_mut().find(|known| known.id == system);
        if let Some(known) = found {
            known.name = name.to_owned();
        }
    }
    // The officials: everybody has an own key, as the worked case says.
    let of = |system: &str| format!("official-{system}");
    for (system, name, close) in [
        (AUTHORITY, "supervisor-1", None),
        (AUTHORITY, "supervisor-2", None),
        (TAX, "tax-official-1", Some(NEIGHBOUR)),
        (TAX, "centre-official-1", None),
    ] {
        let found = file.records.iter().find(|record| record.id == of(system));
        if let Some(record) = found.cloned() {
            let mut record = record;
            record.id = name.to_owned();
            record.persons = close.into_iter().map(str::to_owned).collect();
            file.records.push(record);
        }
    }
    file.records
        .retain(|record| record.id != of(AUTHORITY) && record.id != of(TAX));
    // The case that names the taxpayer: without it the data reach people nobody named.
    file.records.push(RecordEntry {
        id: "case-tax-1".to_owned(),
        kind: "case".to_owned(),
        systems: vec![TAX.to_owned()],
        persons: vec![TAXPAYER.to_owned()],
        facts: serde_json::json!({"case": {"open": true, "court_order": false}}),
        sealed_until: None,
        born: None,
        attributes: Default::default(),
    });
    file.mandates.push(OfficialMandate {
        id: "mandate-tax-1".to_owned(),
        official: "tax-official-1".to_owned(),
        body: "Tax office of a district (invented)".to_owned(),
        system: TAX.to_owned(),
        role: "state_body".to_owned(),
        purposes: ["tax", "public_service"].map(str::to_owned).into(),
        from_ms: 1_780_000_000_000,
        until_ms: 1_880_000_000_000,
    });
    file.mandates.push(OfficialMandate {
        id: "mandate-centre-1".to_owned(),
        official: "centre-official-1".to_owned(),
        body: "Service centre (invented)".to_owned(),
        system: TAX.to_owned(),
        role: "state_body".to_owned(),
        purposes: ["rights_exercise".to_owned()].into(),
        from_ms: 1_780_000_000_000,
        until_ms: 1_880_000_000_000,
    });
    // A child and its parent, as the civil register says.
    let child = file.records.iter().find(|record| record.id == TAXPAYER);
    if let Some(mut child) = child.cloned() {
        child.id = CHILD.to_owned();
        child.born = Some("2016-05-01".to_owned());
        file.records.push(child);
    }
    file.powers.push(PowerEntry {
        id: MandateId::new([0x91; 16]),
        kind: MandateKind::Parent,
        representative: TAXPAYER.to_owned(),
        represented: CHILD.to_owned(),
        rights: [Right::SeeUses, Right::Complain].into(),
        from: "2016-05-01".to_owned(),
        until: "2034-04-30".to_owned(),
        source: "civil register (invented), birth record 1".to_owned(),
    });
    file.not_connected.push(NotConnected {
        name: "Register of pupils (invented)".to_owned(),
        holder: "Ministry of education (invented)".to_owned(),
        why: "Its requests do not pass this gate yet; uses of it are in nobody's list.".to_owned(),
    });
    Ok(())
}

/// The people of the offices.
pub fn holders() -> Vec<Holder> {
    let holder = |role, reference: &str| Holder {
        role,
        reference: reference.to_owned(),
    };
    vec![
        holder(Role::Citizen, TAXPAYER),
        holder(Role::Official, "tax-official-1"),
        holder(Role::Official, "centre-official-1"),
        holder(Role::Operator, "operator-1"),
        holder(Role::Supervisor, "supervisor-1"),
        holder(Role::Supervisor, "supervisor-2"),
    ]
}
