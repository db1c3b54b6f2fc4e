use super::diagnostic::Diagnostics;
use super::entry::Entry;
use super::schema;
use super::source::Source;
use super::suggest::did_you_mean;
use super::value::{ConfigData, ConfigValue, Located, Position};

/// Warns of keys that have no meaning where they stand, when a near word has.
///
/// Keys far from every known one are free configuration.
pub(crate) struct Spelling<'a> {
    pub(crate) source: &'a Source,
    pub(crate) found: &'a mut Diagnostics,
}

/// Warns of misspelt keys of an entry that no file holds.
pub(crate) fn misspelt(entry: &Entry) -> Diagnostics {
    let source = Source::new(entry.id.to_string(), "".into());
    let position = Position::SCRIPT;
    let pair = |key: &str, data| (Located { text: key.into(), position }, ConfigValue { position, data });
    let item = ConfigData::Map(vec![
        pair("kind", ConfigData::String(entry.kind.as_str().into())),
        pair("meta", entry.meta.data.clone()),
        pair("data", entry.data.data.clone()),
    ]);
    let mut found = Diagnostics::default();
    let spelling = &mut Spelling { source: &source, found: &mut found };
    spelling.entry(
        &format!("entry `{}`", entry.id),
        &entry.kind,
        &ConfigValue { position, data: item },
        &entry.data,
        &[],
    );
    found
}

impl Spelling<'_> {
    /// `item` is the entry as written and `data` its configuration; `outer`
    /// are keys of the file that may stand beside those of a single entry.
    pub(crate) fn entry(&mut self, subject: &str, kind: &str, item: &ConfigValue, data: &ConfigValue, outer: &[&str]) {
        if let Some(command) = item.get("meta").and_then(|meta| meta.get("command")) {
            let place = format!("`meta.command` of {subject}");
            self.keys(&place, command, &[schema::COMMAND]);
        }
        let Some(known) = schema::find(kind) else {
            return self.kind(subject, kind, item);
        };
        self.keys(subject, item, &[schema::ENTRY, outer, known.keys]);
        if item.get("data").is_some() {
            self.keys(subject, data, &[known.keys]);
            for (key, _) in item.pairs() {
                if known.keys.contains(&&*key.text) {
                    let message = format!("key `{}` of {subject} has no effect", key.text);
                    let problem = self.source.warning(key.position, message);
                    let help = "the configuration is what stands under `data`";
                    self.found.push(problem.with_help(help));
                }
            }
        }
        for (of, path, keys) in schema::BLOCKS {
            if !(of.is_empty() || *of == kind) || !known.keys.contains(&path[0]) {
                continue;
            }
            let block = path.iter().try_fold(data, |value, key| value.get(key));
            if let Some(block) = block {
                let place = format!("`{}` of {subject}", path.join("."));
                self.keys(&place, block, &[keys]);
            }
        }
    }

    pub(crate) fn keys(&mut self, place: &str, map: &ConfigValue, allowed: &[&[&str]]) {
        let allowed = || allowed.iter().flat_map(|keys| keys.iter().copied());
        for (key, _) in map.pairs() {
            if allowed().any(|known| known == &*key.text) {
                continue;
            }
            if let Some(near) = did_you_mean(&key.text, allowed()) {
                let message = format!("unknown key `{}` in {place}", key.text);
                let problem = self.source.warning(key.position, message);
                let help = format!("did you mean `{near}`?");
                self.found.push(problem.with_help(help));
            }
        }
    }

    fn kind(&mut self, subject: &str, kind: &str, item: &ConfigValue) {
        let kinds = schema::SCHEMAS.iter().map(|schema| schema.kind);
        if let (Some(near), Some(value)) = (did_you_mean(kind, kinds), item.get("kind")) {
            let message = format!("{subject} has the unknown kind `{kind}`");
            let problem = self.source.warning(value.position, message);
            let help = format!("did you mean `{near}`?");
            self.found.push(problem.with_help(help));
        }
    }
}
