//! Tables of expected decisions.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use perilune_policy::{Decision, Map, Principal, Request, Scope};

use crate::application::{
    ConfigData, ConfigValue, Diagnostic, Diagnostics, Position, Severity, Source, YAML_LIMIT, did_you_mean,
    parse_document, printable, read_text,
};
use crate::policies::{self, Problems, check_keys, map_at};
use crate::policy_book::PolicyBook;
use crate::policy_report::PolicyReport;

const FILE: [&str; 2] = ["defaults", "tests"];
const TEST: [&str; 8] = ["name", "actor", "groups", "policies", "action", "resource", "attributes", "expect"];
/// A name for all tests would name none.
const DEFAULTS: &[&str] = TEST.split_at(1).1;

/// How a table of expected decisions turned out. Displays each failure, then one line with the numbers, without an end
/// of line.
#[derive(Clone, Debug)]
pub struct PolicyTests {
    passed: usize,
    failures: Vec<Failure>,
}

#[derive(Clone, Debug)]
struct Failure {
    /// File and line.
    place: String,
    name: String,
    expected: Decision,
    report: PolicyReport,
}

struct Test {
    line: u32,
    name: String,
    principal: Principal,
    scope: Option<Scope>,
    action: String,
    resource: String,
    attributes: Map,
    expected: Decision,
}

impl PolicyTests {
    /// How many decisions are as expected.
    pub fn passed(&self) -> usize {
        self.passed
    }

    /// How many are not.
    pub fn failed(&self) -> usize {
        self.failures.len()
    }
}

impl PolicyBook {
    /// Runs a table of expected decisions.
    ///
    /// # Errors
    /// Everything that is wrong with the file. Then none of it has run.
    pub fn test(&self, file: &Path) -> Result<PolicyTests, Diagnostics> {
        let shown = file.display();
        let mut tests = PolicyTests { passed: 0, failures: Vec::new() };
        for test in read(self, file)? {
            let Test { name, expected, .. } = test;
            let request = Request::new(&test.principal, &test.action, &test.resource).with_attributes(&test.attributes);
            let (asks_all, scope) = (test.scope.is_none(), test.scope.unwrap_or_else(|| self.everything()));
            let report = PolicyReport::new(self, &scope, &request, asks_all);
            if report.decision() == expected {
                tests.passed += 1;
            } else {
                let place = format!("{shown}:{}", test.line);
                tests.failures.push(Failure { place, name, expected, report });
            }
        }
        Ok(tests)
    }
}

fn read(book: &PolicyBook, file: &Path) -> Result<Vec<Test>, Diagnostics> {
    let whole = |message: String| Diagnostics::from(Diagnostic::new(Severity::Error, file.display(), message));
    let text = read_text(file, YAML_LIMIT).map_err(|reason| whole(format!("file {reason}")))?;
    let source = Source::new(file.display().to_string(), text);
    let document = parse_document(source.text())
        .map_err(|error| Diagnostics::from(source.error(error.position, format!("invalid YAML: {}", error.message))))?;
    let document = document.unwrap_or_else(|| ConfigValue::empty_map(Position::START));
    let mut problems = Problems::new();
    let tests = read_tests(book, &document, &mut problems);
    if problems.is_empty() {
        return Ok(tests);
    }
    // What is wrong with the defaults is wrong with every test.
    let mut seen = HashSet::new();
    problems.retain(|problem| seen.insert(problem.clone()));
    let mut found = Diagnostics::default();
    found.extend(problems.into_iter().map(|(position, problem)| source.error(position, problem)));
    Err(found)
}

fn read_tests(book: &PolicyBook, document: &ConfigValue, problems: &mut Problems) -> Vec<Test> {
    if !check_keys("the file", document, &FILE, problems) {
        return Vec::new();
    }
    if let Some(defaults) = document.get("defaults") {
        check_keys("`defaults`", defaults, DEFAULTS, problems);
    }
    let items = match document.list("tests").and_then(|items| document.required("tests", items)) {
        Ok([]) => {
            let position = document.get("tests").map_or(document.position, |tests| tests.position);
            problems.push((position, "there are no tests".into()));
            return Vec::new();
        }
        Ok(items) => items,
        Err(error) => {
            problems.push((error.position(), format!("the file {error}")));
            return Vec::new();
        }
    };
    let read = |item: &ConfigValue| {
        let is_map = check_keys("a test", item, &TEST, problems);
        is_map.then(|| read_test(book, &merged(item, document.get("defaults")), problems)).flatten()
    };
    items.iter().filter_map(read).collect()
}

/// A test with what it does not say itself, inside of maps too.
fn merged(own: &ConfigValue, defaults: Option<&ConfigValue>) -> ConfigValue {
    let Some(defaults) = defaults else { return own.clone() };
    let (ConfigData::Map(pairs), ConfigData::Map(_)) = (&own.data, &defaults.data) else { return own.clone() };
    // What a test sets to null it has not, whatever the defaults are.
    let mut all: Vec<_> =
        pairs.iter().map(|(key, value)| (key.clone(), merged(value, defaults.get(&key.text)))).collect();
    let others = defaults.pairs().iter().filter(|(key, _)| pairs.iter().all(|(own, _)| own != key));
    all.extend(others.cloned());
    ConfigValue { position: own.position, data: ConfigData::Map(all) }
}

fn read_test(book: &PolicyBook, value: &ConfigValue, problems: &mut Problems) -> Option<Test> {
    const WHAT: &str = "the test";
    let before = problems.len();
    let subject = policies::subject(WHAT, "", value, &book.rules, problems);
    let mut text = |key: &str| {
        let text = value.required_string(key).map(|text| text.to_string());
        text.map_err(|error| problems.push((error.position(), format!("{WHAT} {error}")))).ok()
    };
    let (action, resource, expected) = (text("action"), text("resource"), text("expect"));
    let expected = expected.and_then(|text| {
        let position = value.get("expect").map_or(value.position, |value| value.position);
        decision(&text).map_err(|problem| problems.push((position, problem))).ok()
    });
    let name = value.string("name").unwrap_or_else(|error| {
        problems.push((error.position(), format!("{WHAT} {error}")));
        None
    });
    let name = name.map(|name| name.to_string());
    let attributes = map_at(WHAT, value, "attributes").map_err(|problem| problems.push(problem)).ok()?;
    let (principal, action, resource, expected) = (subject.principal?, action?, resource?, expected?);
    let names_some = ["groups", "policies"].iter().any(|key| value.get(key).is_some());
    let name = name.unwrap_or_else(|| format!("{} does {action} to {resource}", principal.id()));
    let (line, scope) = (value.position.line, subject.scope.filter(|_| names_some));
    let test = Test { line, name, principal, scope, action, resource, attributes, expected };
    (problems.len() == before).then_some(test)
}

fn decision(text: &str) -> Result<Decision, String> {
    let all = [Decision::Allow, Decision::Deny, Decision::Undefined];
    all.into_iter().find(|decision| decision.as_str() == text).ok_or_else(|| {
        let near = did_you_mean(text, all.map(Decision::as_str));
        let help = near.map_or("; it is allow, deny or undefined".into(), |near| format!("; did you mean `{near}`?"));
        format!("unknown decision `{text}`{help}")
    })
}

impl fmt::Display for PolicyTests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Failure { place, name, expected, report } in &self.failures {
            let (got, reason) = (report.decision(), report.reason());
            f.write_str(&printable(&format!("{place}: {name}: expected {expected}, got {got}: {reason}\n")))?;
            f.write_str(&report.concerned("    "))?;
        }
        write!(f, "{} passed, {} failed", self.passed(), self.failed())
    }
}
