use std::cell::Cell;
use std::io::{BufRead, Read};
use std::rc::Rc;

use perilune_supervisor::log::{LogLine, LogQuery, Received};
use perilune_supervisor::{Supervisor, SupervisorError};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::control::{self, Order, Target};
use super::printer::Printer;
use super::{Control, chain};

/// Longest line of orders, in bytes.
const LONGEST: u64 = 64 << 10;

/// Takes orders while it lives.
pub(super) struct Orders {
    shutdown: Rc<Notify>,
    wanted: Rc<Cell<bool>>,
    follower: JoinSet<()>,
}

/// Follows the orders that come from there. Each is begun in its turn; the answers come when they are there.
pub(super) fn follow(supervisor: &Supervisor, control: Option<Control>, printer: Printer) -> Orders {
    let orders = Orders { shutdown: Rc::default(), wanted: Rc::default(), follower: JoinSet::new() };
    let Some(Control::Stdin) = control else { return orders };
    let mut orders = orders;
    let (tell, mut lines) = mpsc::channel(1);
    // It cannot be stopped while it waits for a line; it ends with the program.
    std::thread::spawn(move || read_lines(&tell));
    let (supervisor, shutdown, wanted) = (supervisor.clone(), orders.shutdown.clone(), orders.wanted.clone());
    orders.follower.spawn_local(async move {
        let mut begun = JoinSet::new();
        while let Some(line) = lines.recv().await {
            while begun.try_join_next().is_some() {}
            let (supervisor, printer) = (supervisor.clone(), printer.clone());
            match control::parse(&line) {
                Ok(None) => {}
                Err(error) => printer.answer(json!({ "order": line.trim(), "ok": false, "error": error })).await,
                Ok(Some(Order::Shutdown)) => {
                    printer.answer(json!({ "order": "shutdown", "ok": true })).await;
                    wanted.set(true);
                    shutdown.notify_one();
                }
                Ok(Some(order)) => {
                    begun.spawn_local(async move {
                        let mut answer = match obey(&supervisor, order).await {
                            Ok(answer) => answer,
                            Err(error) => json!({ "ok": false, "error": chain(&error) }),
                        };
                        answer["order"] = line.trim().into();
                        printer.answer(answer).await;
                    });
                }
            }
        }
        while begun.join_next().await.is_some() {}
        // No more orders: what runs goes on.
        std::future::pending::<()>().await;
    });
    orders
}

impl Orders {
    /// Waits for the order to end everything.
    pub(super) async fn shutdown(&mut self) {
        while !self.wanted.get() {
            self.shutdown.notified().await;
        }
    }

    /// Takes no more.
    pub(super) async fn finish(mut self) {
        // Whatever was asked has been answered by the end of the supervisor.
        tokio::task::yield_now().await;
        self.follower.shutdown().await;
    }
}

fn read_lines(tell: &mpsc::Sender<String>) {
    let mut input = std::io::stdin().lock();
    loop {
        let mut line = Vec::new();
        match input.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if tell.blocking_send(String::from_utf8_lossy(&line).into_owned()).is_err() {
            return;
        }
    }
}

async fn obey(supervisor: &Supervisor, order: Order) -> Result<Value, SupervisorError> {
    match order {
        Order::Status => return Ok(json!({ "ok": true, "status": supervisor.status() })),
        Order::Start(Target { name, instance: None }) => supervisor.start(&name).await?,
        Order::Start(Target { name, instance: Some(instance) }) => supervisor.start_instance(&name, instance).await?,
        Order::Stop(Target { name, instance: None }) => supervisor.stop(&name).await?,
        Order::Stop(Target { name, instance: Some(instance) }) => supervisor.stop_instance(&name, instance).await?,
        Order::Restart(Target { name, instance: None }) => supervisor.restart(&name).await?,
        Order::Restart(Target { name, instance: Some(instance) }) => {
            supervisor.restart_instance(&name, instance).await?;
        }
        Order::Kill(target) => {
            for instance in instances(supervisor, &target)? {
                supervisor.kill(&target.name, instance).await?;
            }
        }
        Order::Signal(target, signal) => {
            for instance in instances(supervisor, &target)? {
                supervisor.signal(&target.name, instance, &signal).await?;
            }
        }
        Order::Scale(name, instances) => supervisor.scale(&name, instances).await?,
        Order::Logs(target, tail) => {
            let mut lines = Vec::new();
            for instance in instances(supervisor, &target)? {
                let mut kept = supervisor.logs(&target.name, instance, LogQuery { tail, follow: false })?;
                while let Some(received) = kept.next().await {
                    if let Received::Line(line) = received {
                        lines.push(LogLine::clone(&line));
                    }
                }
            }
            return Ok(json!({ "ok": true, "lines": lines }));
        }
        // Its meaning is with whoever waits for it.
        Order::Shutdown => {}
    }
    Ok(json!({ "ok": true }))
}

/// Those that are meant.
fn instances(supervisor: &Supervisor, target: &Target) -> Result<Vec<u32>, SupervisorError> {
    match target.instance {
        Some(instance) => Ok(vec![instance]),
        None => Ok(supervisor.status_of(&target.name)?.iter().map(|status| status.instance).collect()),
    }
}
