use std::fmt;

use perilune_policy::Value;

use crate::operand::Operand;

/// How much of a value is shown, in bytes, and how many items of a list.
const SHOWN: usize = 80;
const ITEMS: usize = 8;

/// A value in a sentence: in one line, and not longer than such a sentence bears.
pub(crate) struct Shown<'a>(pub(crate) &'a Operand<'a>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.0.text() {
            let end = text.floor_char_boundary(SHOWN);
            let rest = if end < text.len() { "…" } else { "" };
            return write!(f, "{:?}{rest}", &text[..end]);
        }
        match self.0.value() {
            Some(Value::Boolean(value)) => write!(f, "{value}"),
            Some(Value::Integer(value)) => write!(f, "{value}"),
            Some(Value::Number(value)) => write!(f, "{value}"),
            Some(Value::List(list)) => {
                f.write_str("[")?;
                for (number, item) in list.items().iter().take(ITEMS).enumerate() {
                    let gap = if number == 0 { "" } else { ", " };
                    match item {
                        Value::List(_) | Value::Map(_) => write!(f, "{gap}{}", item.type_name())?,
                        item => write!(f, "{gap}{}", Shown(&Operand::Value(item)))?,
                    }
                }
                f.write_str(if list.items().len() > ITEMS { ", …]" } else { "]" })
            }
            _ => f.write_str(self.0.type_name()),
        }
    }
}
