//! What a build of the target can be given: arguments, secrets, agents, and the caches it keeps.
//!
//! While stages are lowered each notes what it declares and mounts ([`Found`]); at the end this is put in
//! the order of the file, with the arguments before the first FROM that the target depends on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::environment::{Environment, Recorded};
use super::origin::Origin;
use super::plan::Plan;
use super::stage::Step;
use crate::ast::{Arg, Instruction, Kind, Span, Spanned};
use crate::expand::{Variables, expand_word};

/// The parameters of a target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outline {
    /// Name of the target, in lower case, if it has one.
    pub name: Option<String>,
    /// Of the comment above its FROM.
    pub description: Option<String>,
    /// Arguments that the target, or a stage that it needs, declares, and those before the first FROM that
    /// it uses. In the order of the file, each name once.
    pub args: Vec<OutlineArg>,
    /// Secrets, likewise.
    pub secrets: Vec<OutlineMount>,
    /// SSH agents, likewise.
    pub ssh: Vec<OutlineMount>,
    /// Cache mounts, likewise; never required.
    pub caches: Vec<OutlineMount>,
}

/// An argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineArg {
    /// Name.
    pub name: String,
    /// Of the comment above it.
    pub description: Option<String>,
    /// Value it has in this build, if any.
    pub value: Option<String>,
    /// Where it is declared.
    pub span: Span,
    /// The instruction that declares it.
    pub whole: Span,
}

/// A secret, an SSH agent or a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineMount {
    /// Its id.
    pub id: String,
    /// Whether some step fails without it.
    pub required: bool,
    /// The first instruction that mounts it.
    pub span: Span,
}

/// What stages declare and mount, in the order they are lowered in.
#[derive(Debug, Default)]
pub(super) struct Found {
    args: Vec<FoundArg>,
    pub(super) secrets: Mounts,
    pub(super) ssh: Mounts,
    pub(super) caches: Mounts,
}

#[derive(Debug)]
struct FoundArg {
    stage: usize,
    arg: OutlineArg,
    /// Whether it only lets an argument in that is declared before the first FROM.
    imported: bool,
}

impl Found {
    /// An argument of a stage.
    pub(super) fn arg(
        &mut self,
        stage: usize,
        step: &Step<'_>,
        declared: &Spanned<Arg>,
        value: Option<&str>,
        given: bool,
    ) {
        let Spanned { value: arg, span } = declared;
        let imported = arg.default.is_none() && !given && value.is_some();
        let arg = OutlineArg {
            name: arg.name.clone(),
            description: description(&step.instruction, &arg.name),
            value: value.map(str::to_owned),
            span: step.trigger.as_ref().map_or(*span, |trigger| trigger.from),
            whole: step.span(),
        };
        self.args.push(FoundArg { stage, arg, imported });
    }
}

/// Mounts of one type.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    mounts: Vec<OutlineMount>,
    /// Where each is, by its id.
    places: HashMap<String, usize>,
}

impl Mounts {
    pub(super) fn add(&mut self, id: &str, required: bool, span: Span) {
        let place = self.places.get(id).and_then(|place| self.mounts.get_mut(*place));
        if let Some(known) = place {
            known.required |= required;
            known.span = known.span.min(span);
            return;
        }
        self.places.insert(id.to_owned(), self.mounts.len());
        self.mounts.push(OutlineMount { id: id.to_owned(), required, span });
    }

    fn sorted(mut self) -> Vec<OutlineMount> {
        self.mounts.sort_by_key(|mount| mount.span.start);
        self.mounts
    }
}

/// The words after the name, in the comment above `instruction` that begins with it.
pub(super) fn description(instruction: &Instruction, name: &str) -> Option<String> {
    let found =
        instruction.doc_comments.iter().find_map(|comment| comment.strip_prefix(name)?.strip_prefix(' '));
    found.map(str::to_owned)
}

/// The outline of the plan's target, which has been lowered.
pub(super) fn of(plan: &Plan<'_>, found: Found) -> Outline {
    let target = &plan.stages[plan.target];
    let globals = Globals::of(plan);
    let mut args: Vec<OutlineArg> = Vec::new();
    for stage in order(plan) {
        let mut used = from_arguments(plan, stage);
        used.extend(bases(plan, stage).flat_map(|base| from_arguments(plan, base)));
        used.extend(found.args.iter().filter(|it| it.stage == stage).map(|it| it.arg.name.clone()));
        let declared = |name: &str| {
            let own =
                found.args.iter().rev().find(|it| it.stage == stage && !it.imported && it.arg.name == name);
            own.map(|it| &it.arg).or_else(|| globals.args.get(name))
        };
        for arg in globals.with_dependencies(used).iter().filter_map(|name| declared(name)) {
            if args.iter().all(|known| known.name != arg.name) {
                args.push(arg.clone());
            }
        }
    }
    args.sort_by_key(|arg| arg.span.start);
    Outline {
        description: target.name.as_deref().and_then(|name| description(target.instruction, name)),
        name: target.name.clone(),
        args,
        secrets: found.secrets.sorted(),
        ssh: found.ssh.sorted(),
        caches: found.caches.sorted(),
    }
}

/// The target and what it needs: of arguments with one name the nearest to the target is meant.
fn order(plan: &Plan<'_>) -> Vec<usize> {
    let mut order = Vec::new();
    let mut open = vec![plan.target];
    while let Some(index) = open.pop() {
        if order.contains(&index) {
            continue;
        }
        order.push(index);
        let stage = &plan.stages[index];
        let read = stage.reads().into_iter().map(|(read, _)| read);
        // The base comes last here, so that it is looked at first.
        open.extend(read.rev());
        if let Origin::Stage(base) = stage.origin {
            open.push(base);
        }
    }
    order
}

/// The stages that a stage is built on.
fn bases(plan: &Plan<'_>, stage: usize) -> impl Iterator<Item = usize> {
    let base = |stage: usize| match plan.stages[stage].origin {
        Origin::Stage(base) => Some(base),
        _ => None,
    };
    std::iter::successors(base(stage), move |stage| base(*stage))
}

/// The arguments that a FROM line uses.
fn from_arguments(plan: &Plan<'_>, stage: usize) -> BTreeSet<String> {
    let Kind::From(from) = &plan.stages[stage].instruction.kind else { return BTreeSet::new() };
    let recorded = Recorded::new(&plan.globals);
    for word in std::iter::once(&from.base).chain(&from.platform) {
        // What cannot be expanded is an error of the file, and reported.
        let _ = expand_word(&word.value, plan.escape, &recorded);
    }
    recorded.used()
}

/// The arguments before the first FROM.
struct Globals {
    args: BTreeMap<String, OutlineArg>,
    /// Those that the default of each uses.
    uses: BTreeMap<String, BTreeSet<String>>,
}

impl Globals {
    fn of(plan: &Plan<'_>) -> Self {
        let mut globals = Self { args: BTreeMap::new(), uses: BTreeMap::new() };
        for instruction in &plan.before {
            let Kind::Arg(args) = &instruction.kind else { continue };
            for arg in args {
                globals.declare(arg, instruction, plan);
            }
        }
        globals
    }

    fn declare(&mut self, declared: &Spanned<Arg>, instruction: &Instruction, plan: &Plan<'_>) {
        let Spanned { value: arg, span } = declared;
        let default = match plan.inputs.build_args.contains_key(&arg.name) {
            true => None,
            false => arg.default.as_deref(),
        };
        let mut uses = default.map_or_else(BTreeSet::new, |text| names(text, plan.escape, &plan.globals));
        // A default that uses what the name meant before uses what that used.
        if uses.remove(&arg.name)
            && let Some(before) = self.uses.get(&arg.name)
        {
            uses.extend(before.iter().cloned());
        }
        self.uses.insert(arg.name.clone(), uses);
        let outlined = OutlineArg {
            name: arg.name.clone(),
            description: description(instruction, &arg.name),
            value: plan.globals.get(&arg.name).map(str::to_owned),
            span: *span,
            whole: instruction.span,
        };
        self.args.insert(arg.name.clone(), outlined);
    }

    /// `names`, and the arguments that their defaults use.
    fn with_dependencies(&self, names: BTreeSet<String>) -> BTreeSet<String> {
        let mut open: Vec<String> = names.iter().cloned().collect();
        let mut all = names;
        while let Some(name) = open.pop() {
            for used in self.uses.get(&name).into_iter().flatten() {
                if all.insert(used.clone()) {
                    open.push(used.clone());
                }
            }
        }
        all
    }
}

/// The variables of `text` that are set.
fn names(text: &str, escape: char, variables: &Environment) -> BTreeSet<String> {
    let recorded = Recorded::new(variables);
    // What cannot be expanded is an error of the file, and reported.
    let _ = expand_word(text, escape, &recorded);
    recorded.used()
}
