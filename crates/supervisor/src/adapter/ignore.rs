use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::AdapterError;

/// Which files below the observed paths are of no interest.
#[derive(Debug, Clone)]
pub(super) struct Ignore {
    roots: Vec<PathBuf>,
    globs: GlobSet,
}

impl Ignore {
    pub(super) fn new(roots: &[PathBuf], globs: &[String]) -> Result<Self, AdapterError> {
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            let wrong = |reason: String| AdapterError::ConfigError(format!("`ignore`: glob `{glob}`: {reason}"));
            let path = glob.trim_end_matches('/');
            if path.is_empty() {
                return Err(wrong("names nothing".to_owned()));
            }
            // A name alone is meant wherever it is.
            let anywhere = if path.contains('/') { path.trim_start_matches('/') } else { &format!("**/{path}") };
            let built = GlobBuilder::new(anywhere).literal_separator(true).backslash_escape(true).build();
            set.add(built.map_err(|error| wrong(error.kind().to_string()))?);
        }
        let globs = set.build().map_err(|error| AdapterError::ConfigError(format!("`ignore`: {error}")))?;
        Ok(Self { roots: roots.to_vec(), globs })
    }

    /// Whether it, or a folder that it is in, is meant. Observed paths themselves never are.
    pub(super) fn covers(&self, path: &Path) -> bool {
        if self.globs.is_empty() {
            return false;
        }
        let below = self.roots.iter().filter_map(|root| path.strip_prefix(root).ok());
        // Of folders within each other, the innermost is the one it was asked for.
        let Some(below) = below.min_by_key(|below| below.components().count()) else { return false };
        below.ancestors().filter(|part| !part.as_os_str().is_empty()).any(|part| self.globs.is_match(part))
    }

    /// Whether it was asked for by name.
    pub(super) fn is_root(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| root == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(globs: &[&str], path: &str, covered: bool) {
        let globs: Vec<_> = globs.iter().map(|glob| (*glob).to_owned()).collect();
        let ignore = Ignore::new(&["/w".into(), "/w/target/inner".into()], &globs).unwrap();
        assert_eq!(ignore.covers(Path::new(path)), covered, "{globs:?} {path}");
    }

    #[test]
    fn names_count_anywhere_and_paths_from_the_top() {
        check(&["*.tmp"], "/w/a.tmp", true);
        check(&["*.tmp"], "/w/a/b.tmp", true);
        check(&["*.tmp"], "/w/a.tmp.txt", false);
        check(&["target"], "/w/target/debug/x", true);
        check(&["target/"], "/w/a/target", true);
        check(&["a/*.txt"], "/w/a/b.txt", true);
        check(&["/a/*.txt"], "/w/a/b.txt", true);
        check(&["a/*.txt"], "/w/a/b/c.txt", false);
        check(&["a/**"], "/w/a/b/c.txt", true);
        check(&["**/b/*.txt"], "/w/a/b/c.txt", true);
        check(&["target"], "/w/target/inner/x", false);
        check(&["w"], "/w", false);
        check(&[], "/w/a", false);
    }

    #[test]
    fn wrong_globs_are_named() {
        let error = |glob: &str| Ignore::new(&[], &[glob.to_owned()]).unwrap_err().to_string();
        assert_eq!(error("/"), "wrong configuration: `ignore`: glob `/`: names nothing");
        assert!(error("a[").starts_with("wrong configuration: `ignore`: glob `a[`: unclosed"), "{}", error("a["));
    }
}
