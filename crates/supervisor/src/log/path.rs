use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{LogConfig, LogStream};

/// The file of one instance: `{name}` and `{instance}` are replaced, and without the latter one of several instances gets
/// its number before the extension. What is below `/dev` is not a file, so all instances share it.
pub(super) fn of_instance(template: &Path, name: &str, instance: u32, instances: u32) -> PathBuf {
    let mut has_number = false;
    let path: PathBuf = template
        .components()
        .map(|part| match part.as_os_str().to_str() {
            Some(text) if text.contains('{') => {
                has_number |= text.contains("{instance}");
                // The name last: what stands in it is not a placeholder.
                OsString::from(text.replace("{instance}", &instance.to_string()).replace("{name}", name))
            }
            _ => part.as_os_str().to_owned(),
        })
        .collect();
    if instances <= 1 || has_number || path.starts_with("/dev") {
        return path;
    }
    let Some(stem) = path.file_stem() else { return path };
    let mut file = stem.to_owned();
    file.push(format!("-{instance}"));
    if let Some(extension) = path.extension() {
        file.push(".");
        file.push(extension);
    }
    path.with_file_name(file)
}

impl LogConfig {
    /// Where one output goes first, before placeholders are replaced.
    pub(super) fn first_file(&self, stream: LogStream) -> Option<&Path> {
        let own = match stream {
            LogStream::Stderr if !self.merge_stderr => &self.err_file,
            _ => &self.out_file,
        };
        own.as_deref().or(self.combined_file.as_deref())
    }

    /// Everywhere it goes, before placeholders are replaced.
    pub(super) fn files(&self, stream: LogStream) -> impl Iterator<Item = &Path> {
        let first = self.first_file(stream);
        let combined = self.combined_file.as_deref().filter(move |combined| Some(*combined) != first);
        first.into_iter().chain(combined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instance_has_a_path_of_its_own() {
        for (template, instances, expected) in [
            ("a.log", 1, "a.log"),
            ("a.log", 4, "a-2.log"),
            ("/var/log/a", 4, "/var/log/a-2"),
            ("a.tar.gz", 4, "a.tar-2.gz"),
            (".hidden", 4, ".hidden-2"),
            ("{name}.log", 1, "w.log"),
            ("{name}.log", 4, "w-2.log"),
            ("{name}/{instance}.log", 4, "w/2.log"),
            ("{instance}/out.log", 4, "2/out.log"),
            ("{name}_{instance}.log", 1, "w_2.log"),
            ("{other}.log", 1, "{other}.log"),
            ("/dev/null", 4, "/dev/null"),
            ("a/../b.log", 4, "a/../b-2.log"),
        ] {
            assert_eq!(of_instance(Path::new(template), "w", 2, instances), Path::new(expected), "{template}");
        }
        assert_eq!(of_instance(Path::new("{name}"), "{instance}", 2, 1), Path::new("{instance}"));
    }
}
