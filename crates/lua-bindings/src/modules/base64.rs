use data_encoding::{BASE64, BASE64_NOPAD, DecodeKind};

use crate::vm::{ONE, Outcome, Stack, Vm};

pub(crate) fn make(_: &Vm, stack: Stack) {
    stack.push_table(0, 2);
    stack.set_functions(&[(c"encode", encode), (c"decode", decode)]);
}

fn encode(stack: Stack) -> Outcome {
    stack.push_str(&BASE64.encode(stack.want_bytes(1, "encode")?));
    ONE
}

fn decode(stack: Stack) -> Outcome {
    let text = stack.want_bytes(1, "decode")?;
    // The library takes several texts in a row, each with its padding.
    if let Some(padding) = memchr::memchr(b'=', text)
        && padding + 2 < text.len()
    {
        return stack.invalid(format!("not base64: padding at byte {} is followed by more", padding + 1));
    }
    // Padding may be left out, but not in part.
    let encoding = if text.len().is_multiple_of(4) { &BASE64 } else { &BASE64_NOPAD };
    match encoding.decode(text) {
        Ok(bytes) => {
            stack.push_bytes(&bytes);
            ONE
        }
        Err(error) => {
            // A wrapped text has a wrong length too, but that is not what is wrong with it.
            let symbol = text.iter().position(|byte| !byte.is_ascii_alphanumeric() && !b"+/=".contains(byte));
            let (kind, position) = symbol.map_or((error.kind, error.position), |at| (DecodeKind::Symbol, at));
            stack.invalid(format!("not base64: {kind} at byte {}", position + 1))
        }
    }
}
