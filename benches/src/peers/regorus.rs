//! The same rules in Rego, run by regorus: its interpreter, and its bytecode machine (RVM).

use super::Peer;
use crate::Fault;
use crate::fault::{during, fault};
use crate::mix::Asked;
use crate::rego::{self, GROUNDS, TESTS};
use kepil_law::StatuteBook;
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::RegoVM;
use regorus::{CompiledPolicy, Engine, Value};
use std::collections::BTreeSet;

/// Inputs of one scene, parsed beforehand: its law version, and for each question whether it is
/// about the tests, with the input.
type Inputs = (usize, Vec<(bool, Value)>);

/// The interpreter: one engine for each law version and module, kept from request to request.
#[derive(Debug)]
pub struct Interpreter {
    eras: Vec<[Engine; 2]>,
    scenes: Vec<Inputs>,
}

/// The bytecode machine, one for each law version and module.
#[derive(Debug)]
pub struct Bytecode {
    eras: Vec<[RegoVM; 2]>,
    scenes: Vec<Inputs>,
}

/// Renders and compiles every law version the scenes touch.
///
/// # Errors
/// When regorus refuses a module.
pub fn both(book: &StatuteBook, asked: &Asked) -> Result<(Interpreter, Bytecode), Fault> {
    let (mut interpreters, mut machines) = (Vec::new(), Vec::new());
    for at in &asked.eras {
        let modules = rego::render(book, book.at(*at));
        let tests = compile("tests.rego", modules.tests.clone(), TESTS)?;
        let grounds = compile("grounds.rego", modules.grounds.clone(), GROUNDS)?;
        machines.push([machine(&tests, TESTS)?, machine(&grounds, GROUNDS)?]);
        interpreters.push([
            engine("tests.rego", modules.tests)?,
            engine("grounds.rego", modules.grounds)?,
        ]);
    }
    let mut scenes: Vec<Inputs> = Vec::new();
    for q in &asked.questions {
        let inputs = q.about.iter().map(|about| {
            let json = rego::input(book, &q.facts, *about);
            (about.is_none(), Value::from(json))
        });
        scenes.push((q.era, inputs.collect()));
    }
    Ok((
        Interpreter {
            eras: interpreters,
            scenes: scenes.clone(),
        },
        Bytecode {
            eras: machines,
            scenes,
        },
    ))
}

fn compile(name: &str, module: String, entry: &str) -> Result<CompiledPolicy, Fault> {
    let mut engine = Engine::new();
    engine
        .add_policy(name.to_owned(), module)
        .map_err(during(name))?;
    engine
        .compile_with_entrypoint(&entry.into())
        .map_err(during(name))
}

fn engine(name: &str, module: String) -> Result<Engine, Fault> {
    let mut engine = Engine::new();
    engine
        .add_policy(name.to_owned(), module)
        .map_err(during(name))?;
    Ok(engine)
}

fn machine(policy: &CompiledPolicy, entry: &str) -> Result<RegoVM, Fault> {
    let program = Compiler::compile_from_policy(policy, &[entry]).map_err(during(entry))?;
    let mut vm = RegoVM::new();
    vm.load_program(program);
    vm.set_data(Value::new_object()).map_err(during(entry))?;
    Ok(vm)
}

fn missing() -> Fault {
    fault("no such scene or law version")
}

/// The size of a set; undefined counts as empty.
fn size(answer: &Value) -> usize {
    answer.as_set().map_or(0, |s| s.len())
}

fn ids(answer: &Value) -> Result<BTreeSet<String>, Fault> {
    if matches!(answer, Value::Undefined) {
        return Ok(BTreeSet::new());
    }
    let set = answer.as_set().map_err(fault)?;
    set.iter()
        .map(|v| v.as_string().map(|s| s.to_string()).map_err(fault))
        .collect()
}

impl Interpreter {
    fn each<T>(&mut self, scene: usize, keep: impl Fn(&Value) -> T) -> Result<Vec<T>, Fault> {
        let (era, inputs) = self.scenes.get(scene).ok_or_else(missing)?;
        let [tests, grounds] = self.eras.get_mut(*era).ok_or_else(missing)?;
        inputs
            .iter()
            .map(|(about_tests, input)| {
                let (engine, rule) = if *about_tests {
                    (&mut *tests, TESTS)
                } else {
                    (&mut *grounds, GROUNDS)
                };
                engine.set_input(input.clone());
                engine
                    .eval_rule(rule.to_owned())
                    .map(|v| keep(&v))
                    .map_err(fault)
            })
            .collect()
    }
}

impl Bytecode {
    fn each<T>(&mut self, scene: usize, keep: impl Fn(&Value) -> T) -> Result<Vec<T>, Fault> {
        let (era, inputs) = self.scenes.get(scene).ok_or_else(missing)?;
        let [tests, grounds] = self.eras.get_mut(*era).ok_or_else(missing)?;
        inputs
            .iter()
            .map(|(about_tests, input)| {
                let vm = if *about_tests {
                    &mut *tests
                } else {
                    &mut *grounds
                };
                vm.set_input(input.clone());
                vm.execute().map(|v| keep(&v)).map_err(fault)
            })
            .collect()
    }
}

impl Peer for Interpreter {
    fn ask(&mut self, scene: usize) -> Result<usize, Fault> {
        Ok(self.each(scene, size)?.into_iter().sum())
    }

    fn fired(&mut self, scene: usize) -> Result<Vec<BTreeSet<String>>, Fault> {
        self.each(scene, ids)?.into_iter().collect()
    }
}

impl Peer for Bytecode {
    fn ask(&mut self, scene: usize) -> Result<usize, Fault> {
        Ok(self.each(scene, size)?.into_iter().sum())
    }

    fn fired(&mut self, scene: usize) -> Result<Vec<BTreeSet<String>>, Fault> {
        self.each(scene, ids)?.into_iter().collect()
    }
}
