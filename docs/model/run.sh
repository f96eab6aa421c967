#!/bin/bash
# Runs the model of the store protocol, store.pml: each line of the table is one search, and what must come of it.
#
#   run.sh             the short ones (minutes on one core, less than 1 GB)
#   run.sh all         all but the long ones; `run.sh long`: those too
#   run.sh NAME…       these
#   run.sh -t NAME     one, and its counterexample: step, who, line of store.pml
#
# Needs spin and gcc. MEM=MB is the most that a search may take (default 6000), LIMIT=SECONDS how long it may go on
# (default: as long as it takes), NICE=N its niceness (default 10). Ends with 1 where something came out otherwise than
# the table says. Searches are exhaustive but for those with `bits`, which may miss states and end after 900 seconds.
# `reverse`: tries the choices the other way round, which finds these sooner. `cycles`: looks for a way to go on for
# ever; a deadlock is looked for always. `big` and `long`: these take longer.
set -u
TIMEFORMAT=%U
here=$(cd "$(dirname "$0")" && pwd)
export PATH=$PATH:/usr/games

# name               | comes out as         | parameters of the model
table='
base                 | holds                | -DKILLS=2
copies               | holds                | -DKILLS=2 -DOPT=COPY
two-upgrades         | holds                | big -DUP=2
other-stores         | holds                | big -DOPT=OTHERS
no-upgrade           | holds                | -DUP=0 -DTRIES=1 -DOPT=OTHERS -DCHECK=CALM
first-asks-nobody    | holds                | -DKILLS=2 -DOPT=NOGATE
pinned               | holds                | big -DKILLS=2 -DOPT=PIN
one-cannot-say       | holds                | -DUP=2 -DOPT=MUTE
one-cannot-say-copy  | holds                | -DUP=2 -DOPT=MUTE+COPY
in-place             | holds                | big -DOPT=COPY+INPLACE
in-place-mtime       | holds                | big -DOPT=COPY+INPLACE+MTIME
in-place-twice       | holds                | big -DKILLS=0 -DTRIES=1 -DUP=2 -DOPT=COPY+INPLACE+ENDS
damaged              | holds                | -DOPT=DAMAGE -DKILLS=1 -DTRIES=1
libraries            | holds                | -DOPT=LIBRARY
libraries-copied     | holds                | big -DKILLS=2 -DOPT=LIBRARY+COPY
verified             | holds                | big -DNL=2 -DKILLS=0 -DTRIES=1 -DOPT=OLD+RACE+READER
verified-killed      | holds                | big -DNL=2 -DTRIES=1 -DOPT=OLD+RACE+READER
node-executes-itself | holds                | big -DNL=2 -DKILLS=0 -DTRIES=1 -DOPT=OLD+RACE+READER+REEXEC
node-forks           | holds                | big -DOPT=REEXEC+FORK
node-forks-copied    | holds                | big -DKILLS=2 -DOPT=REEXEC+FORK+COPY
containers           | holds                | big -DKILLS=2 -DHIDDEN=3
on-upgrade           | holds                | -DKILLS=0 -DOPT=KEEPER
every-launch-ends    | holds                | big cycles
race-of-three        | holds                | big -DKILLS=0 -DTRIES=1 -DOPT=RACE+ENDS
race-killed-first    | holds                | long -DTRIES=1 -DOPT=RACE -DVICTIM=1
race-killed-second   | holds                | long -DTRIES=1 -DOPT=RACE -DVICTIM=2
race-killed-third    | holds                | long -DTRIES=1 -DOPT=RACE -DVICTIM=4
race-of-four         | holds                | long bits -DNL=4 -DND=5 -DTRIES=1 -DKILLS=2

once                 | second_of_one_root   | -DUP=0 -DOPT=OTHERS -DCHECK=ONCE
in-place-links       | mixed                | -DOPT=INPLACE
container-reexec     | live_was_removed     | -DHIDDEN=1 -DOPT=REEXEC

mut-1-lock-after-publish        | live_was_removed    | -DMUT=1
mut-2-wipe-without-lock         | live_was_removed    | -DMUT=2
mut-3-wipe-without-proc         | live_was_removed    | -DMUT=3 -DOPT=REEXEC
mut-4-no-second-look            | mixed               | -DMUT=4 -DOPT=MUTE
mut-5-racy-is-believed          | never_installed     | -DMUT=5 -DKILLS=0 -DTRIES=1 -DUP=2 -DOPT=COPY+INPLACE+ENDS
mut-6-unlock-before-rename      | current_dangles     | -DMUT=6
mut-7-lock-not-inherited        | live_was_removed    | -DMUT=7 -DHIDDEN=3
mut-8-unlock-before-live-lock   | live_was_removed    | -DMUT=8
mut-9-no-gate                   | mixed               | -DMUT=9
mut-10-ctime-not-looked-at      | never_installed     | -DMUT=10 -DOPT=COPY+INPLACE+MTIME -DCHECK=0
mut-11-live-lock-after-unlock   | live_was_removed    | reverse -DMUT=11 -DTRIES=1 -DOPT=RACE
mut-12-staging-never-live       | live_was_removed    | -DMUT=12
mut-13-placed-not-looked-at     | mixed               | reverse -DMUT=13 -DTRIES=1 -DOPT=DAMAGE
mut-14-pins-used-again          | partial             | -DMUT=14 -DOPT=PIN
mut-15-gone-is-trouble          | failed_for_another  | -DMUT=15
mut-16-unlock-before-removing   | damaged_was_said    | reverse -DMUT=16 -DNL=2 -DKILLS=0 -DTRIES=1 -DOPT=OLD+RACE+READER
mut-17-wipe-before-publish      | not_as_it_was       | -DMUT=17
mut-23-wipe-before-last-look     | not_as_it_was       | -DMUT=23
mut-18-racy-is-not-read-again   | change_not_noticed  | reverse -DMUT=18 -DKILLS=0 -DTRIES=1 -DUP=2 -DOPT=COPY+INPLACE
mut-19-staging-live-by-program  | staging_left        | -DMUT=19
mut-20-one-list-for-all         | live_was_removed    | reverse -DMUT=20 -DNL=2 -DKILLS=0 -DTRIES=1 -DOPT=OLD+RACE+READER+REEXEC
mut-21-list-read-once           | live_was_removed    | -DMUT=21 -DOPT=REEXEC+FORK
mut-22-stop-before-looking      | stopped_for_nothing | -DMUT=22 -DKILLS=0 -DOPT=KEEPER
mut-24-killed-while-removing    | damaged_was_said    | reverse -DMUT=24 -DNL=2 -DTRIES=1 -DOPT=OLD+RACE+READER
'

# One step a line: number, who, line of the model and its text. Several steps of one line are one.
trace() {
  spin -t -p "$@" "$work/store.pml" | grep -E '^ *[0-9]+:.*proc' | awk -v model="$work/store.pml" '
    BEGIN { while ((getline text < model) > 0) line[++n] = text }
    { match($0, /store.pml:[0-9]+/); at = substr($0, RSTART + 10, RLENGTH - 10) + 0
      match($0, /proc +[0-9]+ \([A-Za-z]+/); split(substr($0, RSTART, RLENGTH), p, /[ (]+/)
      who = p[3] == "Launcher" ? "launch " (p[2] - 1) : p[3]; match($0, /\[.*\]$/); what = substr($0, RSTART, RLENGTH)
      if (who == "" || what ~ /^\[(\(1\)|else|break)?\]$|goto/ || who at == last || who $1 == step) next
      last = who at; step = who $1; text = line[at]; gsub(/^ +/, "", text); gsub(/  +/, "  ", text)
      printf "%6s %-9s %4d  %s\n", $1, who, at, substr(text, 1, 130) }'
}

failed=0 wanted=("$@") tracing=
[ "${1:-}" = -t ] && { tracing=1; wanted=("${@:2}"); }
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
printf '%-32s %-20s %12s %6s %6s\n' run outcome states s MB
while IFS='|' read -r name expected options; do
  name=${name// /} expected=${expected// /} bits=
  [ -n "$name" ] || continue
  case " ${wanted[*]} " in
    *" $name "* | ' long ') ;;
    ' all ') [[ $options != *long* ]] || continue ;;
    '  ') [[ $options != *long* && $options != *big* ]] || continue ;;
    *) continue ;;
  esac
  limit=${LIMIT:-0} parameters=() how=(-DCOLLAPSE -DSAFETY) search=(-m100000 -n)
  for option in $options; do
    case $option in
      long | big) ;;
      bits) how=(-DBITSTATE -DSAFETY) search=(-m20000 -n -w34 -k2) bits='(bits)' limit=${LIMIT:-900} ;;
      reverse) how+=(-DREVERSE -DT_REVERSE) ;;
      cycles) how=(-DCOLLAPSE -DNP) search=(-m100000 -n -l) ;;
      *) parameters+=("$option") ;;
    esac
  done
  optimize=-O1; [[ $name != mut-* ]] || optimize=-O0 # they are found at once: compiling takes longer
  cp "$here/store.pml" "$work/" && cd "$work" && rm -f ./*.trail pan*
  spin -a "${parameters[@]}" store.pml >spin.log 2>&1 && nice -n "${NICE:-10}" gcc "$optimize" -w -DNOREDUCE -DMEMLIM="${MEM:-6000}" "${how[@]}" -o pan pan.c ||
    { cat spin.log; exit 2; }
  seconds=$({ time nice -n "${NICE:-10}" timeout -s INT "$limit" ./pan "${search[@]}" >out 2>&1; } 2>&1)
  outcome=$(sed -n 's/^pan:1: assertion violated *!(\([a-z_]*\)).*/\1/p; s/^pan:1: invalid end state.*/deadlock/p; s/^pan:1: non-progress cycle.*/cycle/p' out)
  grep -q 'errors: 0' out && { [ "$bits" ] || ! grep -q 'Search not completed' out; } && outcome=holds
  states=$(sed -n 's/ *\([0-9.e+]*\) states, stored.*/\1/p' out) megabytes=$(sed -n 's/ *\([0-9.]*\).total actual memory.*/\1/p' out)
  printf '%-32s %-20s %12.0f %6d %6.0f %s\n' "$name" "${outcome:-not finished}" "${states:-0}" $((${seconds%.*} + 1)) "${megabytes:-0}" "$bits"
  [ "$outcome" = "$expected" ] || { failed=1; echo "  expected: $expected"; }
  [ -z "$tracing" ] || trace "${parameters[@]}"
done <<<"$table"
exit $failed
