//! `${NAME}` in values that are about the machine.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What a name stands for, if anything.
pub(super) type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

pub(super) type Wrong = (Range<usize>, String);

/// The texts of a process that may name variables. A `*` stands for every key.
pub(super) const OF_PROCESS: [&[&str]; 7] = [
    &["env", "*"],
    &["cwd"],
    &["log", "out_file"],
    &["log", "err_file"],
    &["log", "combined_file"],
    &["health", "path"],
    &["credentials", "config_file"],
];

/// Those of the supervisor.
pub(super) const OF_SUPERVISOR: [&[&str]; 3] = [&["cgroup_parent"], &["log_dir"], &["state_file"]];

/// Those of the sources of secrets.
pub(super) const OF_CREDENTIALS: [&[&str]; 1] = [&["dir"]];

pub(super) fn expand_all(table: &mut DeTable<'_>, paths: &[&[&str]], variables: Variables<'_>, wrong: &mut Vec<Wrong>) {
    for path in paths {
        expand_at(table, path, variables, wrong);
    }
}

fn expand_at(table: &mut DeTable<'_>, path: &[&str], variables: Variables<'_>, wrong: &mut Vec<Wrong>) {
    let Some((first, rest)) = path.split_first() else { return };
    for (key, value) in table.iter_mut() {
        if *first == "*" || key.get_ref() == first {
            match value.get_ref() {
                DeValue::Table(_) if !rest.is_empty() => {
                    if let DeValue::Table(inner) = value.get_mut() {
                        expand_at(inner, rest, variables, wrong);
                    }
                }
                DeValue::String(_) if rest.is_empty() => expand_value(value, variables, wrong),
                _ => {}
            }
        }
    }
}

fn expand_value(value: &mut Spanned<DeValue<'_>>, variables: Variables<'_>, wrong: &mut Vec<Wrong>) {
    let span = value.span();
    if let DeValue::String(text) = value.get_mut() {
        match expand(text, variables) {
            Ok(Some(expanded)) => *text = expanded.into(),
            Ok(None) => {}
            Err(message) => wrong.push((span, message)),
        }
    }
}

/// The text with every `${NAME}` replaced, if there is any. `$${` is a plain `${`; every other `$` stands for itself.
fn expand(text: &str, variables: Variables<'_>) -> Result<Option<String>, String> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        let from = from.get(2..).unwrap_or("");
        if let Some(before) = before.strip_suffix('$') {
            expanded.push_str(before);
            expanded.push_str("${");
            rest = from;
            continue;
        }
        expanded.push_str(before);
        let Some((name, after)) = from.split_once('}') else {
            return Err("`${` without `}`".to_owned());
        };
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(format!("`${{{name}}}` is not the name of a variable"));
        }
        expanded.push_str(&variables(name).ok_or_else(|| format!("variable `{name}` is not set"))?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(Some(expanded))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<Option<&str>, &str>) {
        let variables = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "TRICK" => Some("${A}".to_owned()),
            _ => None,
        };
        assert_eq!(
            expand(text, &variables),
            expected.map(|text| text.map(str::to_owned)).map_err(str::to_owned),
            "{text}"
        );
    }

    #[test]
    fn names_in_braces_are_replaced_once() {
        check("plain", Ok(None));
        check("$A $ $$", Ok(None));
        check("${A}", Ok(Some("a")));
        check("x${A}y${A}", Ok(Some("xaya")));
        check("$${A}", Ok(Some("${A}")));
        check("${TRICK}", Ok(Some("${A}")));
        check("é${A}é", Ok(Some("éaé")));
        check("${B}", Err("variable `B` is not set"));
        check("${A", Err("`${` without `}`"));
        check("${}", Err("`${}` is not the name of a variable"));
        check("${A-b}", Err("`${A-b}` is not the name of a variable"));
    }
}
