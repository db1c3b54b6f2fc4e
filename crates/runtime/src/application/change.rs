use super::definition::Definition;
use super::diagnostic::{Diagnostic, Diagnostics, Severity};
use super::id::EntryId;
use super::loader::Loaded;
use super::suggest::did_you_mean;
use super::value::{ConfigData, ConfigValue, Located, Position};
use super::yaml;

const PLACE: &str = "-o";

impl Loaded {
    /// Changes one field of an entry's configuration, written as `namespace:name:path.to.field=value`; the value is
    /// YAML.
    ///
    /// # Errors
    /// Text of another form, an entry that does not exist, or a value that its kind does not take.
    pub fn set_field(&mut self, change: &str) -> Result<(), Diagnostics> {
        let fail = |message: String| Diagnostic::new(Severity::Error, format!("{PLACE} {change}"), message);
        let parts = change.split_once('=').and_then(|(target, value)| Some((target.rsplit_once(':')?, value)));
        let Some(((id, path), text)) = parts else {
            return Err(fail("write it as namespace:name:field=value".into()).into());
        };
        let value = match yaml::parse(text) {
            Ok(value) => value.unwrap_or(ConfigValue { position: Position::START, data: ConfigData::Null }),
            Err(error) => return Err(fail(format!("the value is not YAML: {}", error.message)).into()),
        };
        let id = EntryId::parse(id);
        if !self.entries.contains_key(&id) {
            let near = did_you_mean(id.as_str(), self.entries.keys().map(EntryId::as_str));
            let problem = fail(format!("entry `{id}` does not exist"));
            let problem = match near {
                Some(near) => problem.with_help(format!("did you mean `{near}`?")),
                None => problem,
            };
            return Err(problem.into());
        }
        if let Some(entry) = self.entries.get_mut(&id) {
            set(&mut entry.data, path, value);
            entry.definition = Definition::parse(&id, &entry.kind, &entry.data).map_err(|errors| {
                errors.into_iter().fold(Diagnostics::default(), |mut found, error| {
                    found.push(fail(error.to_string()));
                    found
                })
            })?;
        }
        Ok(())
    }
}

/// Puts a value at a dotted path, making maps on the way.
pub(crate) fn set(target: &mut ConfigValue, path: &str, value: ConfigValue) {
    let (key, rest) = path.split_once('.').map_or((path, None), |(key, rest)| (key, Some(rest)));
    if !matches!(target.data, ConfigData::Map(_)) {
        target.data = ConfigData::Map(Vec::new());
    }
    let ConfigData::Map(pairs) = &mut target.data else { return };
    let index = pairs.iter().position(|(known, _)| &*known.text == key).unwrap_or_else(|| {
        let position = Position::START;
        let key = Located { text: key.into(), position };
        pairs.push((key, ConfigValue { position, data: ConfigData::Null }));
        pairs.len() - 1
    });
    match rest {
        Some(rest) => set(&mut pairs[index].1, rest, value),
        None => pairs[index].1 = value,
    }
}
