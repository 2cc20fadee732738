//! File ops: edits of trees. No byte is read but those of archives and user files.

use std::sync::Arc;

use cooperage_image::tree::edit::{Copy, MakeDir, MakeFile, MakeSymlink, ModeChange, Remove};
use cooperage_image::tree::{Changes, Timestamp, Tree, edit};
use cooperage_llb::graph::action_order;
use cooperage_llb::pb::{self, file_action::Action};
use cooperage_llb::ports::result_index::Chain;

use super::{OpFailure, Workshop};
use crate::Error;

/// Values that actions work on: inputs first, then the results of earlier actions.
struct Values {
    inputs: Vec<Value>,
    /// By action; actions may refer to later ones, so they are not done in their order.
    made: Vec<Option<Value>>,
}

/// A tree, and the chain that it is the top of.
#[derive(Clone)]
struct Value {
    tree: Tree,
    /// The input that all edits so far were made on; its layers stay below.
    below: Chain,
}

impl Workshop {
    pub(super) async fn file(&self, op: &pb::FileOp, inputs: &[Chain]) -> Result<Vec<Chain>, OpFailure> {
        let mut values = Values { inputs: Vec::new(), made: vec![None; op.actions.len()] };
        for chain in inputs {
            values.inputs.push(Value { tree: self.layers.tree(chain).await?, below: chain.clone() });
        }
        let mut outputs = Vec::new();
        for index in action_order(op, inputs.len()) {
            let action = &op.actions[index];
            let made = self.act(action, &values).await?;
            if action.output >= 0 {
                outputs.push((action.output, made.clone()));
            }
            values.made[index] = Some(made);
        }
        outputs.sort_by_key(|(index, _)| *index);
        let mut chains = Vec::with_capacity(outputs.len());
        for (_, value) in outputs {
            chains.push(self.layer_of(value).await?);
        }
        Ok(chains)
    }

    /// All that was edited since the input, as one layer on it.
    async fn layer_of(&self, value: Value) -> Result<Chain, OpFailure> {
        let below = self.layers.tree(&value.below).await?;
        let changes = Changes::between(&below, &value.tree);
        let mut chain = value.below;
        chain.layers.push(self.layers.add(changes));
        self.layers.remember_tree(&chain, value.tree);
        Ok(chain)
    }

    async fn act(&self, action: &pb::FileAction, values: &Values) -> Result<Value, OpFailure> {
        let on = values.get(action.input);
        let inputs = values.inputs();
        let tree = match action.action.as_ref() {
            Some(Action::Copy(copy)) => {
                let from = values.get(action.secondary_input);
                self.copy(copy, &on.tree, &from.tree, &inputs).await?
            }
            Some(Action::Mkfile(file)) => {
                let what = MakeFile {
                    path: file.path.clone().into_bytes(),
                    mode: file.mode as u32 & 0o777,
                    data: Arc::from(file.data.as_slice()),
                    owner: self.owner(file.owner.as_ref(), &inputs).await?,
                    mtime: self.time(file.timestamp),
                };
                edit::make_file(&on.tree, &what).map_err(failed)?
            }
            Some(Action::Mkdir(directory)) => {
                let what = MakeDir {
                    path: directory.path.clone().into_bytes(),
                    mode: directory.mode as u32 & 0o777,
                    make_parents: directory.make_parents,
                    owner: self.owner(directory.owner.as_ref(), &inputs).await?,
                    mtime: self.time(directory.timestamp),
                };
                edit::make_dir(&on.tree, &what).map_err(failed)?
            }
            Some(Action::Rm(remove)) => {
                let what = Remove {
                    path: remove.path.clone().into_bytes(),
                    allow_not_found: remove.allow_not_found,
                    allow_wildcard: remove.allow_wildcard,
                };
                edit::remove(&on.tree, &what).map_err(failed)?
            }
            Some(Action::Symlink(link)) => {
                let what = MakeSymlink {
                    target: link.oldpath.clone().into_bytes(),
                    path: link.newpath.clone().into_bytes(),
                    owner: self.owner(link.owner.as_ref(), &inputs).await?,
                    mtime: self.time(link.timestamp),
                };
                edit::symlink(&on.tree, &what).map_err(failed)?
            }
            None => return Err(Error::Definition("a file op with an empty action".to_owned()).into()),
        };
        Ok(Value { tree, below: on.below })
    }

    async fn copy(
        &self,
        copy: &pb::FileActionCopy,
        on: &Tree,
        from: &Tree,
        inputs: &[Option<&Tree>],
    ) -> Result<Tree, OpFailure> {
        let mut what = selection(copy)?;
        what.owner = self.owner(copy.owner.as_ref(), inputs).await?;
        what.timestamp = (copy.timestamp != -1).then(|| nanoseconds(copy.timestamp));
        what.now = self.now;
        if copy.attempt_unpack_docker_compatibility {
            return self.copy_or_unpack(&what, on, from).await;
        }
        edit::copy(on, from, &what).map_err(failed)
    }

    fn time(&self, timestamp: i64) -> Timestamp {
        if timestamp == -1 { self.now } else { nanoseconds(timestamp) }
    }
}

/// What a copy selects and how it places it, without owner and times.
pub(super) fn selection(copy: &pb::FileActionCopy) -> Result<Copy, OpFailure> {
    let mode = if !copy.mode_str.is_empty() {
        let parsed = copy.mode_str.parse::<ModeChange>();
        Some(parsed.map_err(|e| OpFailure::step(format!("mode {:?}: {e}", copy.mode_str), None))?)
    } else {
        u32::try_from(copy.mode).ok().map(ModeChange::Octal)
    };
    Ok(Copy {
        source: copy.src.clone().into_bytes(),
        dest: copy.dest.clone().into_bytes(),
        owner: None,
        mode,
        follow_symlink: copy.follow_symlink,
        dir_copy_contents: copy.dir_copy_contents,
        create_dest_path: copy.create_dest_path,
        allow_wildcard: copy.allow_wildcard,
        allow_empty_wildcard: copy.allow_empty_wildcard,
        timestamp: None,
        include: copy.include_patterns.clone(),
        exclude: copy.exclude_patterns.clone(),
        always_replace: copy.always_replace_existing_dest_paths,
        required: copy.required_paths.iter().map(|path| path.clone().into_bytes()).collect(),
        now: Timestamp::default(),
    })
}

impl Values {
    /// An input, an earlier result, or (-1) scratch.
    fn get(&self, index: i64) -> Value {
        let found =
            usize::try_from(index).ok().and_then(|index| match index.checked_sub(self.inputs.len()) {
                None => self.inputs.get(index),
                Some(action) => self.made.get(action).and_then(Option::as_ref),
            });
        found.cloned().unwrap_or_else(|| Value { tree: Tree::empty(), below: Chain::default() })
    }

    /// The op's inputs, for owners by name.
    fn inputs(&self) -> Vec<Option<&Tree>> {
        self.inputs.iter().map(|value| Some(&value.tree)).collect()
    }
}

fn nanoseconds(timestamp: i64) -> Timestamp {
    const SECOND: i64 = 1_000_000_000;
    Timestamp { secs: timestamp.div_euclid(SECOND), nanos: timestamp.rem_euclid(SECOND) as u32 }
}

fn failed(error: impl std::fmt::Display) -> OpFailure {
    OpFailure::step(error.to_string(), None)
}
