//! How do libraries that keep processes alive do beside each other? Rows are figures of docs/reliability.md.
//!
//!     cargo run --release --manifest-path benches/supervisors/libraries/Cargo.toml [ROW...]
//!
//! Each row is taken of each library in a program of its own, so that nobody has the memory, descriptors or processes of
//! another. What a row leaves running is counted, then killed. Sizes are the full ones of the table; `SIZE=10` takes a tenth.

mod library;
mod ours;
mod rows;
mod system;
mod theirs;

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use crate::library::Library;
use crate::ours::Perilune;
use crate::theirs::Processkit;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--guardian"] => {
            perilune_exec_native::guardian::serve(std::io::stdin()).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
        }
        ["--take", row, "ours"] => rows::take::<Perilune>(row),
        ["--take", row, "theirs"] => rows::take::<Processkit>(row),
        // What a row has killed; see there.
        ["--victim", "ours"] => rows::victim::<Perilune>(),
        ["--victim", "theirs"] => rows::victim::<Processkit>(),
        ref wanted => table(wanted),
    }
}

fn table(wanted: &[&str]) -> ExitCode {
    let own = std::env::current_exe().expect("the name of this program");
    println!("| | {} | {} |\n|---|---|---|", Perilune::NAME, Processkit::NAME);
    for (row, title) in rows::ALL.iter().filter(|(row, _)| wanted.is_empty() || wanted.contains(row)) {
        let cells = ["ours", "theirs"].map(|whose| {
            let mark = format!("{}-{row}-{whose}", std::process::id());
            let output = Command::new("timeout")
                .args(["-s", "KILL", "900"])
                .arg(&own)
                .args(["--take", row, whose])
                .env(system::MARK, &mark)
                .output();
            let output = output.expect("this program");
            let mut cell = String::from_utf8_lossy(&output.stdout).trim().replace('\n', "; ");
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                cell = format!("{cell} **failed**: {}", said.trim().replace('\n', " "));
            }
            // Who is being ended just then gets a moment to go.
            let since = Instant::now();
            while !system::marked(&mark).is_empty() && since.elapsed() < Duration::from_secs(2) {
                std::thread::sleep(Duration::from_millis(20));
            }
            let left = system::marked(&mark);
            if !left.is_empty() {
                cell = format!("{cell}; **{} left running at the end**", left.len());
                left.into_iter().for_each(system::kill);
            }
            cell
        });
        println!("| {}: {title} | {} | {} |", row.to_uppercase(), cells[0], cells[1]);
    }
    ExitCode::SUCCESS
}
