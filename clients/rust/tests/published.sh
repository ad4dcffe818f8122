#!/usr/bin/env bash
# Uses what would be published, in a crate of its own in an empty folder. REDIS_RL_URL is a server, see with-server.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
target=${CARGO_TARGET_DIR:-$PWD/target}
cargo package --quiet --locked --allow-dirty --features reqwest-middleware,tower --target-dir "$target"
tar -xzf "$target"/package/redis-rl-0.1.0.crate -C "$work"

mkdir -p "$work/stranger/src"
cat >"$work/stranger/Cargo.toml" <<END
[package]
name = "stranger"
edition = "2024"

[dependencies]
redis-rl = { path = "$work/redis-rl-0.1.0" }
tokio = { version = "1", features = ["macros", "rt"] }
END
cat >"$work/stranger/src/main.rs" <<'END'
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let limiter = redis_rl::Limiter::open(&std::env::var("REDIS_RL_URL")?)?;
    let decision = limiter.slide("stranger", 5, std::time::Duration::from_secs(60)).await?;
    println!("{} {} {:?}", decision.allowed, decision.remaining, decision.degraded);
    Ok(())
}
END
cd "$work/stranger"
cp "$work/redis-rl-0.1.0/Cargo.lock" . # the versions that the tests have
printed=$(cargo run --quiet --target-dir "$target")
[ "$printed" = 'true 4 None' ] || { echo "the stranger prints: $printed" >&2; exit 1; }
if grep -E 'name = "(reqwest|axum|tower)"' Cargo.lock; then
  echo 'the program gets dependencies that it does not use' >&2
  exit 1
fi
echo 'what would be published works'
