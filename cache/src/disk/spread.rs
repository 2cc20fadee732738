//! Where ext4 puts a process's corner.
//!
//! A step makes and removes a dozen inodes. ext4 without a journal does not give an inode out again within
//! minutes of its removal, and looks through all of those, in the block group of the parent directory, each
//! time it makes one: builds in a row became slower by the build (docs/performance.md). A directory that is
//! marked as the top of unrelated hierarchies (`chattr +T`) has its subdirectories spread over the disk, so
//! that each corner begins in a group of its own.

use std::fs::File;
use std::path::Path;

use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};

/// Marks `directory`, on file systems that know the mark. It is a hint: nothing depends on it but time.
pub(crate) fn below(directory: &Path) {
    let Ok(file) = File::open(directory) else { return };
    if let Ok(flags) = ioctl_getflags(&file)
        && !flags.contains(IFlags::TOPDIR)
    {
        let _ = ioctl_setflags(&file, flags | IFlags::TOPDIR);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Elsewhere than on ext4 this shows only that nothing else changes.
    #[test]
    fn the_mark_is_added_to_the_others() {
        let directory = tempfile::tempdir().unwrap();
        let flags = || ioctl_getflags(File::open(directory.path()).unwrap());
        let before = flags();
        below(directory.path());
        below(directory.path());
        match (before, flags()) {
            (Ok(before), Ok(after)) => assert_eq!(after - IFlags::TOPDIR, before - IFlags::TOPDIR),
            (before, after) => assert_eq!(before, after),
        }
        let ext4 = rustix::fs::statfs(directory.path()).unwrap().f_type == 0xEF53;
        assert!(!ext4 || flags().unwrap().contains(IFlags::TOPDIR));
    }
}
