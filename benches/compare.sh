#!/bin/bash
# How fast is Perilune beside other actor systems? Runs the ten workloads of benches/actors and the same ones of peers
# in turn, and prints medians and ratios; above 1 Perilune is the better one, whatever the unit.
#
#   benches/compare.sh [PEERS]        PEERS or $PEERS: a folder with jobs.txt and the peers' sources
#
# Environment:
#   PERILUNE   the program (default: target/release/perilune, built if it is not there)
#   RUNS       rounds; every system runs once in each, so that noise hits all of them (default 5)
#   ONLY       systems, as a regular expression (default: all; `none` for Perilune alone)
#   JOBS       workloads, as a regular expression (default: all)
#   CORES      one core, two cores, or both (default "1 2"); one core is a pinned process with one worker
#   LIMIT      seconds after which a run is given up (default 120)
#   BUILD      where peers are built (default: a folder that is removed afterwards)
#
# Peers that cannot be built or run here are skipped, and it says why.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
peers=${1:-${PEERS:-}} runs=${RUNS:-5} only=${ONLY:-.*} jobs=${JOBS:-.*} cores=${CORES:-1 2} limit=${LIMIT:-120}
skipped() { echo "skipped: $1: $2" >&2; }

perilune=${PERILUNE:-$here/../target/release/perilune}
if [[ ! -x $perilune ]]; then
  cargo build --release --locked --manifest-path "$here/../Cargo.toml" --package perilune-cli >&2
fi
if [[ -z ${BUILD:-} ]]; then
  BUILD=$(mktemp -d)
  own_build=1
fi
results=$(mktemp)
trap 'rm -f "$results"; if [[ -n ${own_build:-} ]]; then rm -rf "$BUILD"; fi' EXIT

# Workload, Perilune's variant, cores, and which peer variants do the same: `system:variant`.
workloads() {
  cat <<'TABLE'
ping_pong free 1,2 erlang:free tokio:free ractor:free kameo:free lua5.4:sched luajit:sched
ping_pong cross 2 erlang:cross tokio:cross ractor:cross kameo:cross
ring - 1,2 erlang:- tokio:- ractor:- kameo:- lua5.4:- luajit:-
fan_in - 1,2 erlang:- tokio:- ractor:- kameo:- lua5.4:- luajit:-
spawn_exit seq 1,2 erlang:seq tokio:seq ractor:seq kameo:seq lua5.4:seq luajit:seq
spawn_exit batch 1,2 erlang:batch tokio:batch ractor:batch kameo:batch lua5.4:batch luajit:batch
skynet - 1,2 erlang:- tokio:- ractor:- kameo:- lua5.4:- luajit:-
memory_100k - 1 erlang:- tokio:- ractor:- kameo:- lua5.4:- luajit:-
memory_1m - 1 erlang:- tokio:- ractor:- kameo:- lua5.4:- luajit:-
payload_map copy 1,2 erlang:copy tokio:copy ractor:copy kameo:copy lua5.4:copy luajit:copy
payload_64k share 1,2 erlang:share tokio:share ractor:share kameo:share lua5.4:share luajit:share
payload_64k copy 2 erlang:copy tokio:copy ractor:copy kameo:copy
named_send - 1,2 erlang:- tokio:- ractor:- kameo:- lua5.4:- luajit:-
monitor_storm - 1,2 erlang:- tokio:- ractor:- kameo:-
TABLE
}

# --- peers, which print: system workload variant cores value unit …, with tabs between

usable=" "
if [[ -z $peers ]]; then
  skipped "all peers" "no folder was given"
elif [[ ! -f $peers/jobs.txt ]]; then
  skipped "all peers" "there is no jobs.txt in the folder that was given"
else
  if [[ ! erlang =~ ^($only)$ ]]; then :
  elif ! command -v erlc >/dev/null || ! command -v erl >/dev/null; then skipped erlang "erl and erlc are not installed"
  elif mkdir -p "$BUILD/ebin" && erlc -o "$BUILD/ebin" "$peers/erlang/peers.erl" >&2; then usable+="erlang "
  else skipped erlang "it does not compile"; fi
  rust=$(for system in tokio ractor kameo; do [[ $system =~ ^($only)$ ]] && echo $system; done || true)
  if [[ -z $rust ]]; then :
  elif CARGO_TARGET_DIR=$BUILD/target cargo build --release --locked --manifest-path "$peers/rust/Cargo.toml" >&2; then
    usable+="${rust//$'\n'/ } "
  else skipped "${rust//$'\n'/, }" "they do not build"; fi
  for lua in lua5.4 luajit; do
    if [[ ! $lua =~ ^($only)$ ]]; then :
    elif command -v "$lua" >/dev/null; then usable+="$lua "
    else skipped "$lua" "it is not installed"; fi
  done
fi

peer() { # SYSTEM WORKLOAD VARIANT CORES
  case $1 in
    erlang) erl -noshell +S "$4:$4" +P 4000000 +sbt db -pa "$BUILD/ebin" -s peers main -extra "$2" "$3" ;;
    lua5.4 | luajit) "$1" "$peers/lua/peers.lua" "$1" "$2" "$3" ;;
    *) "$BUILD/target/release/bench-peers" "$1" "$2" "$3" "$4" ;;
  esac
}
export -f peer
export BUILD peers

# --- running

record() { # SYSTEM WORKLOAD VARIANT CORES VALUE UNIT
  printf '%s\t%s %s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" "$5" "$6" >>"$results"
}
run_perilune() { # WORKLOAD VARIANT CORES
  local line variant=()
  [[ $2 != - ]] && variant=("$2")
  line=$("${pin[@]}" timeout "$limit" "$perilune" run --silent --workers "$3" "$here/actors" "$1" "${variant[@]}" \
    </dev/null 2>/dev/null | tail -n 1) || true
  read -r _ _ value unit _ <<<"$line" || true
  if [[ -n ${unit:-} ]]; then record perilune "$1" "$2" "$3" "$value" "$unit"; else echo "failed: perilune $*" >&2; fi
}
run_peer() { # SYSTEM WORKLOAD ITS-VARIANT CORES OUR-VARIANT
  local line value unit
  line=$("${pin[@]}" timeout "$limit" bash -c 'peer "$@"' _ "$1" "$2" "$3" "$4" </dev/null 2>/dev/null | tail -n 1) || true
  value=$(cut -f 5 <<<"$line") unit=$(cut -f 6 <<<"$line")
  [[ $(cut -f 1 <<<"$line") != "$1" || -z $unit ]] && { echo "failed: $*" >&2; return 0; }
  record "$1" "$2" "$5" "$4" "$value" "$unit"
}
for ((round = 1; round <= runs; round++)); do
  while read -r workload variant possible others; do
    [[ "$workload $variant" =~ $jobs ]] || continue
    for count in ${possible//,/ }; do
      [[ " $cores " == *" $count "* ]] || continue
      pin=()
      if [[ $count == 1 ]] && command -v taskset >/dev/null; then pin=(taskset -c 0); fi
      value="" unit=""
      run_perilune "$workload" "$variant" "$count"
      for other in $others; do
        system=${other%%:*}
        [[ $usable == *" $system "* ]] || continue
        [[ $system == lua* && $count != 1 ]] && continue
        run_peer "$system" "$workload" "${other#*:}" "$count" "$variant"
      done
    done
  done < <(workloads)
done

# --- medians and ratios

echo "Medians of $runs interleaved runs; in brackets how much better Perilune is."
echo
[[ -s $results ]] || { echo "nothing was run" >&2; exit 1; }
LC_ALL=C sort -t $'\t' -k2,2 -k3,3n -k1,1 -k4,4g "$results" | awk -F '\t' -v usable="$usable" '
  function flush() {
    if (n) middle[key] = n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
    n = 0
  }
  {
    job = $2 FS $3
    if (key != job FS $1) { flush(); key = job FS $1 }
    if (!(job in units)) { order[++jobs] = job; units[job] = $5 }
    v[++n] = $4
  }
  function show(x) { return x >= 1e6 ? sprintf("%.2f M", x / 1e6) : x >= 1e4 ? sprintf("%.0f k", x / 1e3) : sprintf("%.4g", x) }
  END {
    flush()
    count = split(usable, systems, " ")
    line = "| workload | cores | unit | Perilune |"; rule = "|---|---|---|---|"
    for (s = 1; s <= count; s++) { line = line " " systems[s] " |"; rule = rule "---|" }
    print line; print rule
    for (j = 1; j <= jobs; j++) {
      job = order[j]; split(job, part, FS); own = middle[job FS "perilune"]
      line = "| " part[1] " | " part[2] " | " units[job] " | " (own == "" ? "failed" : show(own)) " |"
      for (s = 1; s <= count; s++) {
        other = middle[job FS systems[s]]
        if (other == "" || own == "" || !(other + 0) || !(own + 0)) { line = line " " (other == "" ? "-" : show(other)) " |"; continue }
        line = line sprintf(" %s (%.2f x) |", show(other), units[job] ~ /\/s$/ ? own / other : other / own)
      }
      print line
    }
  }'
