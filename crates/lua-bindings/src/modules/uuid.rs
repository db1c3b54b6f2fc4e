use std::fmt::Write;
use std::sync::OnceLock;

use md5::Md5;
use sha1::Sha1;
use sha2::digest::Digest;
use uuid::{Builder, Uuid};

use crate::vm::{Functions, ONE, Outcome, Stack, Vm};

const FUNCTIONS: Functions = &[
    (c"v1", |stack| give(stack, Uuid::now_v1(node()))),
    (c"v4", |stack| give(stack, Uuid::new_v4())),
    (c"v7", |stack| give(stack, Uuid::now_v7())),
    (c"v3", |stack| {
        named(stack, "v3", |space, name| {
            let hash = Md5::new().chain_update(space).chain_update(name).finalize();
            Builder::from_md5_bytes(hash.into()).into_uuid()
        })
    }),
    (c"v5", |stack| {
        named(stack, "v5", |space, name| {
            let hash: [u8; 20] = Sha1::new().chain_update(space).chain_update(name).finalize().into();
            let [half @ .., _, _, _, _] = hash;
            Builder::from_sha1_bytes(half).into_uuid()
        })
    }),
    (c"validate", |stack| {
        stack.push_boolean(stack.bytes(1).is_some_and(|text| parse(text).is_ok()));
        ONE
    }),
    (c"version", |stack| {
        with_uuid(stack, "version", |uuid| {
            stack.push_number(uuid.get_version_num() as f64);
            ONE
        })
    }),
    (c"variant", |stack| {
        with_uuid(stack, "variant", |uuid| {
            stack.push_str(&uuid.get_variant().to_string());
            ONE
        })
    }),
    (c"parse", |stack| with_uuid(stack, "parse", |uuid| push_parts(stack, &uuid))),
    (c"format", format),
];

/// Namespaces that go by a name.
const SPACES: [(&[u8], Uuid); 4] = [
    (b"dns", Uuid::NAMESPACE_DNS),
    (b"url", Uuid::NAMESPACE_URL),
    (b"oid", Uuid::NAMESPACE_OID),
    (b"x500", Uuid::NAMESPACE_X500),
];

pub(crate) fn make(_: &Vm, stack: Stack) {
    stack.push_table(0, FUNCTIONS.len());
    stack.set_functions(FUNCTIONS);
}

fn give(stack: Stack, uuid: Uuid) -> Outcome {
    stack.push_str(uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    ONE
}

/// What stands for this program's network card: random, and marked as being no card's address.
fn node() -> &'static [u8; 6] {
    static NODE: OnceLock<[u8; 6]> = OnceLock::new();
    NODE.get_or_init(|| {
        let random = Uuid::new_v4().into_bytes();
        [random[0] | 1, random[1], random[2], random[3], random[4], random[5]]
    })
}

fn named(stack: Stack, function: &str, make: fn(&Uuid, &[u8]) -> Uuid) -> Outcome {
    let (space, name) = (stack.want_bytes(1, function)?, stack.want_bytes(2, function)?);
    let space = match SPACES.iter().find(|(known, _)| *known == space) {
        Some((_, space)) => Ok(*space),
        None => parse(space),
    };
    match space {
        Ok(space) => give(stack, make(&space, name)),
        Err(problem) => stack.invalid(format!("namespace is neither dns, url, oid, x500 nor a UUID: {problem}")),
    }
}

/// Reads argument 1.
fn with_uuid(stack: Stack, function: &str, work: impl FnOnce(Uuid) -> Outcome) -> Outcome {
    match parse(stack.want_bytes(1, function)?) {
        Ok(uuid) => work(uuid),
        Err(problem) => stack.invalid(format!("not a UUID: {problem}")),
    }
}

fn parse(text: &[u8]) -> Result<Uuid, String> {
    let text = std::str::from_utf8(text).map_err(|_| "text is not UTF-8")?;
    Uuid::parse_str(text).map_err(|error| error.to_string())
}

/// `{version, variant, timestamp?, node?}`; the timestamp in seconds since 1970.
fn push_parts(stack: Stack, uuid: &Uuid) -> Outcome {
    stack.push_table(0, 4);
    let parts = stack.top();
    stack.push_number(uuid.get_version_num() as f64);
    stack.raw_set(parts, c"version");
    stack.push_str(&uuid.get_variant().to_string());
    stack.raw_set(parts, c"variant");
    if let Some(seconds) = timestamp(uuid) {
        stack.push_number(seconds);
        stack.raw_set(parts, c"timestamp");
    }
    if let Some(node) = uuid.get_node_id() {
        let text = node.iter().enumerate().fold(String::new(), |mut text, (place, byte)| {
            let colon = if place == 0 { "" } else { ":" };
            // Writing to a string does not fail.
            let _ = write!(text, "{colon}{byte:02x}");
            text
        });
        stack.push_str(&text);
        stack.raw_set(parts, c"node");
    }
    ONE
}

fn timestamp(uuid: &Uuid) -> Option<f64> {
    /// From the start of the Gregorian calendar to 1970, in units of 100 ns.
    const BEFORE_1970: i64 = 122_192_928_000_000_000;
    let timestamp = uuid.get_timestamp()?;
    Some(if uuid.get_version_num() == 7 {
        let (seconds, nanoseconds) = timestamp.to_unix();
        seconds as f64 + f64::from(nanoseconds) / 1e9
    } else {
        // 60 bits.
        (timestamp.to_gregorian().0 as i64 - BEFORE_1970) as f64 / 1e7
    })
}

fn format(stack: Stack) -> Outcome {
    let style = stack.want_bytes(2, "format")?;
    with_uuid(stack, "format", |uuid| {
        let text = match style {
            b"standard" => uuid.hyphenated().to_string(),
            b"simple" => uuid.simple().to_string(),
            b"urn" => uuid.urn().to_string(),
            _ => return stack.invalid("style must be standard, simple or urn"),
        };
        stack.push_str(&text);
        ONE
    })
}
