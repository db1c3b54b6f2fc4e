use perilune_exec_api::ExitInfo;

/// The end of a process and of everything it started.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finished {
    /// How the process itself ended. [`ExitInfo::reason`] tells an end of its own from one that was asked for or forced.
    pub exit: ExitInfo,
    /// Who was left of its tree, and was made to end.
    pub leftovers: Vec<u32>,
    /// Who goes on: not to be touched, or not to be ended.
    pub left: Vec<u32>,
    /// Whether somebody kept the output open for so long that it was given up.
    pub output_cut: bool,
}
