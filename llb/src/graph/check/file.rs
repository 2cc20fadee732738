//! Rules of file ops (llb.md §4).

use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};

use super::{OpError, check_index, check_optional, check_outputs};
use crate::pb::file_action::Action;
use crate::pb::{self, user_opt};

pub(super) fn check(file: &pb::FileOp, inputs: usize) -> Result<(), OpError> {
    if file.actions.is_empty() {
        return Err(OpError::missing("file", "actions"));
    }
    for action in &file.actions {
        check_action(action, inputs + file.actions.len())?;
    }
    check_outputs(file.actions.iter().map(|action| action.output))?;
    if file.actions.iter().all(|action| action.output < 0) {
        return Err(OpError::MissingOutput(0));
    }
    order(file, inputs).map(drop)
}

/// In which order the actions of a checked file op can be done, so that the results each one needs are
/// there. `inputs` is the number of the op's inputs. Actions that are listed in a workable order keep it.
pub fn action_order(file: &pb::FileOp, inputs: usize) -> Vec<usize> {
    order(file, inputs).expect("Graph::from_definition refuses loops")
}

fn order(file: &pb::FileOp, inputs: usize) -> Result<Vec<usize>, OpError> {
    let listed = |(at, action)| needs(action, inputs).all(|other| other < at);
    let listed = file.actions.iter().enumerate().all(listed);
    if listed {
        return Ok((0..file.actions.len()).collect());
    }
    let edges = file.actions.iter().enumerate().flat_map(|(at, action)| {
        needs(action, inputs).map(move |other| (NodeIndex::<usize>::new(other), NodeIndex::new(at)))
    });
    let mut graph = DiGraph::<(), (), usize>::default();
    (0..file.actions.len()).for_each(|_| {
        graph.add_node(());
    });
    for (from, to) in edges {
        graph.add_edge(from, to, ());
    }
    match toposort(&graph, None) {
        Ok(order) => Ok(order.into_iter().map(NodeIndex::index).collect()),
        Err(cycle) => Err(OpError::Loop(cycle.node_id().index())),
    }
}

/// The other actions whose results an action needs.
fn needs(action: &pb::FileAction, inputs: usize) -> impl Iterator<Item = usize> {
    results(action).filter_map(move |index| usize::try_from(index).ok()?.checked_sub(inputs))
}

/// All that an action refers to: its inputs and where names of its owner are looked up.
fn results(action: &pb::FileAction) -> impl Iterator<Item = i64> {
    [action.input].into_iter().chain(copy_source(action)).chain(named(action).map(|named| named.input))
}

/// What a copy copies from; other actions have no second input, whatever their field says.
fn copy_source(action: &pb::FileAction) -> Option<i64> {
    matches!(action.action, Some(Action::Copy(_))).then_some(action.secondary_input)
}

/// The users and groups that an action gives by name.
fn named(action: &pb::FileAction) -> impl Iterator<Item = &pb::NamedUserOpt> {
    let opts = owner(action).into_iter().flat_map(|owner| [owner.user.as_ref(), owner.group.as_ref()]);
    opts.flatten().filter_map(|opt| match &opt.user {
        Some(user_opt::User::ByName(named)) => Some(named),
        Some(user_opt::User::ById(_)) | None => None,
    })
}

/// The owner that an action gives to what it makes.
pub(crate) fn owner(action: &pb::FileAction) -> Option<&pb::ChownOpt> {
    match &action.action {
        Some(Action::Copy(copy)) => copy.owner.as_ref(),
        Some(Action::Mkfile(file)) => file.owner.as_ref(),
        Some(Action::Mkdir(dir)) => dir.owner.as_ref(),
        Some(Action::Symlink(link)) => link.owner.as_ref(),
        Some(Action::Rm(_)) | None => None,
    }
}

fn check_action(action: &pb::FileAction, things: usize) -> Result<(), OpError> {
    check_optional("a file action's base", action.input, things)?;
    if let Some(source) = copy_source(action) {
        check_optional("a copy's source", source, things)?;
    }
    for named in named(action) {
        check_index("an owner's user database", named.input, things)?;
    }
    let path = match action.action.as_ref().ok_or(OpError::missing("file", "an action's kind"))? {
        Action::Copy(copy) => &copy.dest,
        Action::Mkfile(file) => &file.path,
        Action::Mkdir(dir) => &dir.path,
        Action::Rm(rm) => &rm.path,
        Action::Symlink(link) => &link.newpath,
    };
    if path.is_empty() {
        return Err(OpError::missing("file", "the path of an action"));
    }
    Ok(())
}
