//! Cedar's own evaluator over all rules of the law version: a plain scan, no index.

use super::Peer;
use crate::Fault;
use crate::fault::{during, fault};
use crate::mix::Asked;
use cedar_policy::Request;
use kepil_law::StatuteBook;
use kepil_law::oracle::{Oracle, Sets};
use std::collections::BTreeSet;

/// Cedar with requests made beforehand.
#[derive(Debug)]
pub struct Cedar<'a> {
    oracle: Oracle<'a>,
    eras: Vec<Sets>,
    scenes: Vec<(usize, Vec<(bool, Request)>)>,
}

impl<'a> Cedar<'a> {
    /// Makes the policy sets of every law version and the requests of every scene.
    ///
    /// # Errors
    /// When Cedar refuses a policy, an entity or a context.
    pub fn new(book: &'a StatuteBook, asked: &Asked) -> Result<Self, Fault> {
        let oracle = Oracle::new(book).map_err(fault)?;
        let eras = asked
            .eras
            .iter()
            .map(|t| oracle.sets(*t))
            .collect::<Result<_, _>>()
            .map_err(fault)?;
        let mut scenes = Vec::new();
        for q in &asked.questions {
            let mut requests = Vec::new();
            for about in &q.about {
                let request = oracle.request(&q.facts, *about).map_err(during(&q.name))?;
                requests.push((about.is_none(), request));
            }
            scenes.push((q.era, requests));
        }
        Ok(Self {
            oracle,
            eras,
            scenes,
        })
    }

    fn each<T>(
        &self,
        scene: usize,
        mut keep: impl FnMut(BTreeSet<String>) -> T,
    ) -> Result<Vec<T>, Fault> {
        let (era, requests) = self
            .scenes
            .get(scene)
            .ok_or_else(|| fault("no such scene"))?;
        let sets = self
            .eras
            .get(*era)
            .ok_or_else(|| fault("no such law version"))?;
        requests
            .iter()
            .map(|(tests, request)| {
                let set = if *tests { &sets.tests } else { &sets.grounds };
                self.oracle
                    .satisfied(request, set)
                    .map(&mut keep)
                    .map_err(fault)
            })
            .collect()
    }
}

impl Peer for Cedar<'_> {
    fn ask(&mut self, scene: usize) -> Result<usize, Fault> {
        Ok(self.each(scene, |ids| ids.len())?.into_iter().sum())
    }

    fn fired(&mut self, scene: usize) -> Result<Vec<BTreeSet<String>>, Fault> {
        self.each(scene, |ids| ids)
    }
}
