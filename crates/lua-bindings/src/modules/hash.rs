use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha256, Sha512};

use crate::vm::{Functions, Kind, ONE, Outcome, Raise, Stack, Vm};

const FUNCTIONS: Functions = &[
    (c"md5", |stack| digest::<Md5>(stack, "md5")),
    (c"sha1", |stack| digest::<Sha1>(stack, "sha1")),
    (c"sha256", |stack| digest::<Sha256>(stack, "sha256")),
    (c"sha512", |stack| digest::<Sha512>(stack, "sha512")),
    (c"hmac_md5", |stack| authenticate::<Hmac<Md5>>(stack, "hmac_md5")),
    (c"hmac_sha1", |stack| authenticate::<Hmac<Sha1>>(stack, "hmac_sha1")),
    (c"hmac_sha256", |stack| authenticate::<Hmac<Sha256>>(stack, "hmac_sha256")),
    (c"hmac_sha512", |stack| authenticate::<Hmac<Sha512>>(stack, "hmac_sha512")),
    // The variant `a`, which mixes better.
    (c"fnv32", |stack| {
        let bytes = stack.want_bytes(1, "fnv32")?.iter();
        let hash = bytes.fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
        stack.push_number(f64::from(hash));
        ONE
    }),
    (c"fnv64", |stack| {
        const PRIME: u64 = 0x0100_0000_01b3;
        let bytes = stack.want_bytes(1, "fnv64")?.iter();
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME));
        stack.push_number(hash as f64);
        ONE
    }),
];

pub(crate) fn make(_: &Vm, stack: Stack) {
    stack.push_table(0, FUNCTIONS.len());
    stack.set_functions(FUNCTIONS);
}

/// `sha256(data, raw?)` and its like.
fn digest<D: Digest>(stack: Stack, name: &str) -> Outcome {
    let (data, raw) = (stack.want_bytes(1, name)?, wants_raw(stack, 2, name)?);
    give(stack, &D::digest(data), raw)
}

/// `hmac_sha256(data, secret, raw?)` and its like.
fn authenticate<M: Mac + KeyInit>(stack: Stack, name: &str) -> Outcome {
    let (data, secret, raw) = (stack.want_bytes(1, name)?, stack.want_bytes(2, name)?, wants_raw(stack, 3, name)?);
    let Ok(mac) = M::new_from_slice(secret) else { return stack.invalid("secret has an unusable length") };
    give(stack, &mac.chain_update(data).finalize().into_bytes(), raw)
}

fn wants_raw(stack: Stack, index: i32, name: &str) -> Result<bool, Raise> {
    if !stack.is_nothing(index) {
        stack.want_kind(index, name, Kind::Boolean, "boolean")?;
    }
    Ok(stack.truthy(index))
}

fn give(stack: Stack, digest: &[u8], raw: bool) -> Outcome {
    if raw {
        stack.push_bytes(digest)
    } else {
        stack.push_str(&HEXLOWER.encode(digest))
    }
    ONE
}
