use perilune_policy::Value;

use crate::harness::Harness;
use crate::spec::{PolicySpec, RequestSpec, list, map};
use crate::table::Finding::{self, Applies, Fails, Not};
use crate::table::{check_finding, map_of};

/// What expressions find about one request.
fn check<H: Harness>(harness: &H, rows: &[(&str, Finding)]) {
    if !harness.capabilities().expressions {
        println!("skipped: no expressions");
        return;
    }
    let request = RequestSpec::new("alice", "read", "app:report")
        .meta(map_of([
            ("role", "analyst".into()),
            ("level", 3.into()),
            ("admin", false.into()),
            ("tags", list(["a", "b"])),
            ("team", map([("lead", Value::from("bob")), ("in", map([("x y", 1)]))])),
        ]))
        .attributes(map_of([("pid", "7".into()), ("size", 1.5.into()), ("path", "/srv/data".into())]));
    for (text, expected) in rows {
        check_finding(harness, &PolicySpec::allow("t:p").expression(text), &request, *expected);
    }
}

pub fn expressions_see_the_request<H: Harness>(harness: &H) {
    check(
        harness,
        &[
            ("actor.id == 'alice'", Applies),
            ("actor.meta.role == 'analyst'", Applies),
            ("actor.meta.team.lead == \"bob\"", Applies),
            ("action == 'read' && resource == 'app:report'", Applies),
            ("meta.pid == '7'", Applies),
            ("meta == actor.meta", Not),
            ("actor.meta == actor['meta']", Applies),
            ("actor == actor", Applies),
        ],
    );
}

pub fn literals_are_what_they_look_like<H: Harness>(harness: &H) {
    check(
        harness,
        &[
            ("true", Applies),
            ("false", Not),
            ("1 == 1.0", Applies),
            ("-1 < 0", Applies),
            ("1.5e1 == 15", Applies),
            ("9007199254740993 == 9007199254740992.0", Not),
            ("'it\\'s' == \"it's\"", Applies),
            ("'a\\\\b' == `a\\b`", Applies),
            ("'\\n' == `\n`", Applies),
            ("'ü' == \"ü\"", Applies),
            ("[1, 'a', true] == [1, 'a', true]", Applies),
            ("[1, 2,] == [1, 2]", Applies),
            ("[] == []", Applies),
            ("[actor.id] == ['alice']", Applies),
            ("nil == nil", Applies),
            (" \t( true\n) ", Applies),
        ],
    );
}

pub fn comparisons_work_as_in_conditions<H: Harness>(harness: &H) {
    check(
        harness,
        &[
            ("'1' == 1", Not),
            ("'1' != 1", Applies),
            ("actor.meta.level < 4", Applies),
            ("actor.meta.level <= 3", Applies),
            ("actor.meta.level > 3", Not),
            ("actor.meta.level >= 3.5", Not),
            ("'Z' < 'a'", Applies),
            ("actor.meta.role in ['analyst', 'admin']", Applies),
            ("'c' in actor.meta.tags", Not),
            ("actor.meta.tags contains 'a'", Applies),
            ("resource contains 'rep'", Applies),
            ("resource startsWith 'app:'", Applies),
            ("resource startsWith 'port'", Not),
            ("resource endsWith 'port'", Applies),
            ("resource endsWith 'app:'", Not),
            ("resource matches 'rep'", Applies),
            ("resource matches '^rep'", Not),
            ("resource matches `^app:\\w+$`", Applies),
            ("resource matches action", Not),
        ],
    );
}

pub fn not_binds_tighter_than_and_tighter_than_or<H: Harness>(harness: &H) {
    check(
        harness,
        &[
            ("true || false && false", Applies),
            ("(true || false) && false", Not),
            ("!true || true", Applies),
            ("!(true || true)", Not),
            ("!!true", Applies),
            ("!actor.meta.admin && true", Applies),
            ("!(1 == 2)", Applies),
            // `!` takes the value beside it, not the comparison.
            ("!1 == 2", Fails),
            ("1 == 1 && 2 == 2", Applies),
        ],
    );
}

pub fn evaluation_stops_at_what_settles_it<H: Harness>(harness: &H) {
    check(
        harness,
        &[
            ("true || 1", Applies),
            ("false && 1", Not),
            ("1 || true", Fails),
            ("false || 1", Fails),
            ("true && 1", Fails),
            ("false || false || true || 'x' < 1", Applies),
        ],
    );
}

pub fn what_is_not_there_is_nil<H: Harness>(harness: &H) {
    check(
        harness,
        &[
            ("unknown == nil", Applies),
            ("unknown.a.b['c'] == nil", Applies),
            ("actor.name == nil", Applies),
            ("actor.meta.missing == nil", Applies),
            ("actor.meta.missing.deeper == nil", Applies),
            ("meta.missing != 'x'", Applies),
            ("actor.meta.tags[2] == nil", Applies),
            ("actor.meta.tags[-1] == nil", Applies),
            ("nil in [nil]", Applies),
            // Nothing is in nothing.
            ("'a' in actor.meta.missing", Not),
            ("!('a' in actor.meta.missing)", Applies),
            ("actor.meta.missing contains 'a'", Not),
            ("actor.meta.missing < 1", Fails),
            ("actor.meta.missing startsWith 'a'", Fails),
            ("actor.meta.missing matches 'a'", Fails),
            ("actor.meta.missing", Fails),
            ("!actor.meta.missing", Fails),
        ],
    );
}

pub fn paths_and_brackets_reach_inside<H: Harness>(harness: &H) {
    check(
        harness,
        &[
            ("actor.meta['role'] == 'analyst'", Applies),
            ("actor['meta'].role == 'analyst'", Applies),
            ("actor.meta.team.in['x y'] == 1", Applies),
            ("actor.meta.tags[0] == 'a'", Applies),
            ("actor.meta.tags[1.0] == 'b'", Applies),
            ("actor.meta.tags[0.5] == nil", Applies),
            ("['x', 'read'][1] == action", Applies),
            ("meta[['pid'][0]] == '7'", Applies),
            ("(actor.meta).team.lead == 'bob'", Applies),
            ("actor.id.x == nil", Fails),
            ("actor.meta.level.x == nil", Fails),
            ("actor.meta.tags.first == 'a'", Fails),
            ("actor.meta[1] == nil", Fails),
            ("actor[1] == nil", Fails),
            ("meta[true] == nil", Fails),
        ],
    );
}

pub fn result_that_is_no_boolean_fails<H: Harness>(harness: &H) {
    check(
        harness,
        &[("1", Fails), ("'true'", Fails), ("nil", Fails), ("actor", Fails), ("[true]", Fails), ("resource", Fails)],
    );
}

pub fn operators_without_meaning_for_their_types_fail<H: Harness>(harness: &H) {
    check(
        harness,
        &[
            ("actor.id < 1", Fails),
            ("true > false", Fails),
            ("[1] <= [2]", Fails),
            ("'a' in 'abc'", Fails),
            ("'pid' in meta", Fails),
            ("1 contains 1", Fails),
            ("resource contains 1", Fails),
            ("1 startsWith '1'", Fails),
            ("resource endsWith 1", Fails),
            ("1 matches '1'", Fails),
            ("resource matches 1", Fails),
            ("resource matches ['('][0]", Fails),
            ("!1", Fails),
            ("1 && true", Fails),
            ("'' || true", Fails),
        ],
    );
}
