//! What can be asked of a supervisor that runs, a line each.

/// One instance, or all of a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) instance: Option<u32>,
}

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Order {
    Status,
    Start(Target),
    Stop(Target),
    Restart(Target),
    Kill(Target),
    Signal(Target, String),
    Scale(String, u32),
    /// The last so many lines.
    Logs(Target, usize),
    Shutdown,
}

const KNOWN: &str = "status, start NAME[:i], stop NAME[:i], restart NAME[:i], kill NAME[:i], signal NAME[:i] SIGNAL, \
                     scale NAME N, logs NAME[:i] N or shutdown";

/// Reads a line; `Ok(None)` if it is blank.
pub(super) fn parse(line: &str) -> Result<Option<Order>, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some((word, rest)) = words.split_first() else { return Ok(None) };
    let order = match (*word, rest) {
        ("status", []) => Order::Status,
        ("shutdown", []) => Order::Shutdown,
        ("start", [name]) => Order::Start(target(name)?),
        ("stop", [name]) => Order::Stop(target(name)?),
        ("restart", [name]) => Order::Restart(target(name)?),
        ("kill", [name]) => Order::Kill(target(name)?),
        ("signal", [name, signal]) => Order::Signal(target(name)?, (*signal).to_owned()),
        ("scale", [name, count]) => Order::Scale((*name).to_owned(), number(count)?),
        ("logs", [name, count]) => Order::Logs(target(name)?, number(count)?),
        ("status" | "shutdown" | "start" | "stop" | "restart" | "kill" | "signal" | "scale" | "logs", _) => {
            return Err(format!("wrong number of words after `{word}`; expected {KNOWN}"));
        }
        _ => return Err(format!("unknown order `{word}`; expected {KNOWN}")),
    };
    Ok(Some(order))
}

/// A name may contain a colon; only a number after the last one is an instance.
fn target(text: &str) -> Result<Target, String> {
    if let Some((name, instance)) = text.rsplit_once(':')
        && let Ok(instance) = instance.parse()
    {
        if name.is_empty() {
            return Err(format!("`{text}` has no name"));
        }
        return Ok(Target { name: name.to_owned(), instance: Some(instance) });
    }
    Ok(Target { name: text.to_owned(), instance: None })
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(name: &str) -> Target {
        Target { name: name.to_owned(), instance: None }
    }

    fn one(name: &str, instance: u32) -> Target {
        Target { name: name.to_owned(), instance: Some(instance) }
    }

    #[test]
    fn lines_are_read() {
        let check = |line: &str, expected: Option<Order>| assert_eq!(parse(line), Ok(expected), "{line:?}");
        check("", None);
        check("  \t", None);
        check("status", Some(Order::Status));
        check(" start  web ", Some(Order::Start(all("web"))));
        check("stop web:2", Some(Order::Stop(one("web", 2))));
        check("restart a:b", Some(Order::Restart(all("a:b"))));
        check("kill a:b:0", Some(Order::Kill(one("a:b", 0))));
        check("signal web:1 HUP", Some(Order::Signal(one("web", 1), "HUP".to_owned())));
        check("scale web 4", Some(Order::Scale("web".to_owned(), 4)));
        check("logs web 20", Some(Order::Logs(all("web"), 20)));
        check("shutdown", Some(Order::Shutdown));
    }

    #[test]
    fn what_is_no_order_is_explained() {
        let check = |line: &str, start: &str| {
            let error = parse(line).unwrap_err();
            assert!(error.starts_with(start), "{error}");
        };
        check("restrat web", "unknown order `restrat`; expected status, start NAME[:i], ");
        check("start", "wrong number of words after `start`; expected ");
        check("start a b", "wrong number of words after `start`; expected ");
        check("status now", "wrong number of words after `status`; expected ");
        check("scale web many", "`many` is not a number");
        check("scale web -1", "`-1` is not a number");
        check("stop :3", "`:3` has no name");
    }
}
