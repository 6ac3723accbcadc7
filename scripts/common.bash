# Helpers that the scripts of this folder share. To be sourced, not run.
# shellcheck shell=bash

root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
logs="$root/build/logs"

say() { printf '%s\n' "$*" >&2; }

# One sentence on what went wrong, then the end of this script.
fail() {
  printf '%s: %s\n' "$(basename -- "$0")" "$*" >&2
  exit 1
}

make_log_folder() {
  if ! mkdir -p "$logs" 2>/dev/null || [[ ! -w $logs ]]; then
    fail "cannot write to $logs; is the disk full, or does the folder belong to another user?"
  fi
}

# How many compilers may run at once: one for each processor, but none without 1.5 GiB of memory of its own.
# A coroutine-heavy translation unit under a sanitizer takes about that much, and a machine that swaps is slower than
# one that waits. CMAKE_BUILD_PARALLEL_LEVEL overrides the guess.
compile_jobs() {
  if [[ -n ${CMAKE_BUILD_PARALLEL_LEVEL:-} ]]; then
    echo "$CMAKE_BUILD_PARALLEL_LEVEL"
    return
  fi
  local processors kib limit jobs
  processors="$(nproc)"
  kib="$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)"
  # A container may be allowed less than the machine has; the file holds "max" where there is no limit.
  limit="$(cat /sys/fs/cgroup/memory.max 2>/dev/null || true)"
  if [[ $limit =~ ^[0-9]+$ ]] && ((limit / 1024 < kib)); then kib=$((limit / 1024)); fi
  jobs=$((kib / (1536 * 1024)))
  if ((jobs > processors)); then jobs=$processors; fi
  if ((jobs < 1)); then jobs=1; fi
  echo "$jobs"
}

# Shows how far ninja is, from its output on standard input: on a terminal one line that is written over, elsewhere a
# line now and then.
show_progress() {
  local line shown_at=$SECONDS drawn=no
  while IFS= read -r line; do
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\]\ (.*) ]] || continue
    if [[ -t 2 ]]; then
      printf '\r\033[K  [%s/%s] %.60s' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}" >&2
      drawn=yes
    elif ((SECONDS - shown_at >= 20)); then
      say "  [${BASH_REMATCH[1]}/${BASH_REMATCH[2]}]"
      shown_at=$SECONDS
    fi
  done
  if [[ $drawn == yes ]]; then printf '\r\033[K' >&2; fi
}

# explain_log LOG WHAT: the part of a build log that tells why, and one sentence. Ends the (sub)shell.
explain_log() {
  local log="$1" what="$2"
  # A compiler's list of candidates is longer than a screen; the lines that say what is wrong are few.
  if grep -qE 'error:|CMake Error|undefined reference' "$log"; then
    grep -E -A 4 'error:|CMake Error|undefined reference' "$log" | head -n 60 >&2
  else
    tail -n 40 "$log" >&2
  fi
  if grep -q 'No space left on device' "$log"; then fail "$what failed because the disk is full."; fi
  if grep -qE 'Killed signal terminated program|internal compiler error: Killed' "$log"; then
    fail "$what failed because the memory ran out; CMAKE_BUILD_PARALLEL_LEVEL=1 compiles one file at a time."
  fi
  fail "$what failed; the whole log is in $log"
}

# build_preset PRESET [TARGET...]: configures where that is needed, and builds. Exit status 1 after a message.
build_preset() {
  local preset="$1" folder="$root/build/$1" log="$logs/$1.log" jobs target
  shift
  local targets=()
  for target in "$@"; do targets+=(--target "$target"); done
  make_log_folder
  jobs="$(compile_jobs)"
  # The lock keeps two scripts from building in one folder at once; the subshell gives it back.
  (
    flock -n 9 || {
      say "Waiting for another build in $folder"
      flock 9
    }
    # ninja configures again by itself when a CMakeLists.txt or a file of cmake/ has changed; of the presets it does not
    # know, and a checkout that was moved or copied keeps a cache that names the old place.
    if [[ ! -e $folder/build.ninja || ! -e $folder/.configured || $root/CMakePresets.json -nt $folder/.configured ]] ||
      ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$folder/CMakeCache.txt"; then
      say "Configuring: $preset"
      cmake --fresh -S "$root" --preset "$preset" >"$log" 2>&1 || explain_log "$log" "Configuring $preset"
      touch "$folder/.configured"
    fi
    say "Building: $preset, $jobs compile jobs"
    # pipefail is on in every script: a failed build is seen through the pipe.
    cmake --build "$folder" "${targets[@]}" --parallel "$jobs" 2>&1 | tee "$log" | show_progress ||
      explain_log "$log" "Building $preset"
  ) 9>"$logs/$preset.lock"
}
