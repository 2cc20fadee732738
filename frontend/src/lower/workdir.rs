//! WORKDIR (dockerfile reference, section 5): a directory of the USER, and a layer.

use cooperage_llb::definition::{Action, FileChain, Owner};

use super::report::Reported;
use super::stage::Step;
use super::work::Work;
use super::{slash_path, step_name};
use crate::ast::Spanned;
use crate::lint::Finding;

impl Work<'_, '_> {
    pub(super) fn workdir(&mut self, step: &Step<'_>, path: &Spanned<String>) -> Result<(), Reported> {
        let text = self.expand(path)?;
        if !self.state.workdir_set && !text.starts_with('/') {
            self.shared.report.finding(path.span, Finding::workdir_relative_path(&text));
        }
        self.state.workdir_set = true;
        // An absolute path stays as it is written, as BuildKit's config has it.
        let directory = match text.starts_with('/') {
            true => text,
            false => slash_path::absolute(self.state.cwd(), &text),
        };
        self.state.config.config.working_dir.clone_from(&directory);
        let prefix = self.numbers.next(step.trigger.is_some());
        if directory == "/" {
            self.state.record("WORKDIR /".to_owned(), false);
            return Ok(());
        }
        let owner = self.owner_of_directory(path)?;
        self.use_own_tree();
        let action = Action::MakeDir {
            path: slash_path::absolute("/", &directory),
            mode: 0o755,
            parents: true,
            owner,
            time_ns: self.time_ns(),
        };
        let shown = step_name::instruction(&step.instruction.original, &self.state.environment, &[]);
        let metadata = self.metadata(step, format!("{prefix}{shown}"));
        let chain = FileChain { base: self.state.tree, actions: vec![action] };
        self.state.tree = Some(self.shared.graph.file(chain, metadata));
        self.state.record(format!("WORKDIR {directory}"), true);
        Ok(())
    }

    fn owner_of_directory(&mut self, path: &Spanned<String>) -> Result<Owner, Reported> {
        let user = &self.state.config.config.user;
        if user.is_empty() {
            return Ok(Owner::default());
        }
        let owner = Owner::parse(user);
        match owner.name() {
            Some(name) if self.state.tree.is_none() => {
                let message = format!(
                    "the directory's owner {name:?} is not known: the stage is empty, without /etc/passwd"
                );
                let help = Some("give USER as a number, or WORKDIR before USER".to_owned());
                let label = "belongs to USER";
                Err(self.shared.report.error_with_help(path.span, message, label, help))
            }
            _ => Ok(owner),
        }
    }
}
