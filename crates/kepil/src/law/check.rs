//! `kepil law check`.

use super::PackArg;
use crate::exit::Failure;
use kepil_law::pack::load;
use kepil_law::rule::Role;

pub fn run(pack: &PackArg, json: bool) -> Result<(), Failure> {
    match load(&pack.files()?, pack.options()) {
        Ok(book) => {
            let grounds = book
                .rules
                .iter()
                .filter(|r| matches!(r.role, Role::Ground(_)))
                .count();
            let hash: String = book.hash.iter().map(|b| format!("{b:02x}")).collect();
            if json {
                crate::out!(
                    "{}",
                    serde_json::json!({
                        "instruments": book.instruments.len(), "provisions": book.provisions.len(),
                        "grounds": grounds, "test_rules": book.rules.len() - grounds, "tests": book.tests.len(),
                        "cases": book.cases.len(), "law_versions": book.eras().len(), "hash": hash, "faults": [],
                    })
                );
            } else {
                crate::out!(
                    "The pack holds: {} acts, {} provisions, {} grounds, {} rules of {} tests, {} cases, {} law versions.\nPack hash {hash}",
                    book.instruments.len(),
                    book.provisions.len(),
                    grounds,
                    book.rules.len() - grounds,
                    book.tests.len(),
                    book.cases.len(),
                    book.eras().len()
                );
            }
            Ok(())
        }
        Err(e) => {
            if json {
                let faults: Vec<_> = e
                    .faults
                    .iter()
                    .map(|f| serde_json::json!({"file": f.file, "line": f.line, "what": f.what, "remedy": f.remedy}))
                    .collect();
                crate::out!("{}", serde_json::json!({ "faults": faults }));
            } else {
                crate::out!("{e}");
            }
            Err(Failure::Finding)
        }
    }
}
