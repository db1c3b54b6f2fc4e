//! `payload`: a value with a format around it.

use std::ffi::c_int;

use perilune_actor_core::Value;

use crate::copy;
use crate::vm::{Functions, ONE, Object, Stack, Vm};

/// What a value that shall become a payload is called on its way.
pub(crate) const TAG: &str = "payload";

struct Payload;

impl Object for Payload {
    const TAG: c_int = 30;
    const NAME: &'static str = "payload";
}

const METHODS: Functions = &[(c"data", |stack| {
    stack.want_self::<Payload>("data")?;
    Vm::current().push_companion(stack, 1);
    ONE
})];

pub(crate) fn register(stack: Stack) {
    stack.register_object::<Payload>(METHODS, &[], &[]);
}

/// Pushes a payload that holds the value.
pub(crate) fn push(stack: Stack, value: &Value) {
    stack.reserve(4);
    stack.push_object(Payload);
    let object = stack.top();
    copy::push(stack, value);
    Vm::current().set_companion(stack, object);
}
