//! A plan made ready for the interpreter: the arrays of pointers that execve(2) wants, and the slots.

use std::ffi::{CString, c_char};
use std::os::fd::RawFd;

use crate::plan::{Call, Plan};

/// Everything the step's process touches, made before the clone.
pub(crate) struct Program<'a> {
    /// What is done, in order.
    pub(crate) calls: &'a [Call],
    /// Kept mounts, by slot; -1 is none.
    pub(crate) slots: Vec<RawFd>,
    /// `argv`, ending in a null pointer.
    pub(crate) arguments: Vec<*const c_char>,
    /// `envp`, ending in a null pointer.
    pub(crate) environment: Vec<*const c_char>,
}

impl<'a> Program<'a> {
    /// The program of `plan`, whose strings it points to.
    pub(crate) fn of(plan: &'a Plan) -> Self {
        let pointers = |strings: &[CString]| {
            strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect::<Vec<_>>()
        };
        let (mut arguments, mut environment) = (pointers(&[]), pointers(&[]));
        for call in &plan.calls {
            if let Call::Execute { arguments: a, environment: e, .. } = call {
                (arguments, environment) = (pointers(a), pointers(e));
            }
        }
        Self { calls: &plan.calls, slots: vec![-1; plan.slots], arguments, environment }
    }
}
