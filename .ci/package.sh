#!/usr/bin/env bash
# make package: makes a tarball, and with dpkg-deb a Debian package, in target/package. Both contain the module without its
# line tables, and a file for the server's configuration. The same commit and toolchain give the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
module=${REDIS_RL_MODULE:-target/release/libredis_rl.so}
out=target/package
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022
rm -rf "$out"
mkdir -p "$out"
strip --strip-debug -o "$work/${module##*/}" "$module"

# Prints a configuration that loads the module from the given path, with its settings as comments.
snippet() {
  cat <<END
# redis-rl: rate limits as native commands. The server's configuration file includes this file.
# docs/operations.md describes each setting.
loadmodule $1

# To load a file of policies, use this line instead of the line above:
# loadmodule $1 policies /etc/redis/policies.toml

# rl.max-window 3650d
# rl.max-waiters 100000
# rl.max-waiters-per-key 10000
# rl.cl-throttle no
# rl.lane-aging off
# rl.near-percent 80
# rl.apply-from-clients auto
# rl.aof-load-invalid no
END
}

tarball() {
  local name folder
  name=redis-rl-$version-$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)
  folder=$work/$name
  mkdir "$folder"
  cp "$work/${module##*/}" README.md CHANGELOG.md SECURITY.md LICENSE-MIT LICENSE-APACHE examples/policies.toml "$folder"
  cp -r docs "$folder"
  sed 's|\./target/release/|./|' redis.conf >"$folder/redis.conf"
  find "$folder" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --format=gnu -cf - "$name" | gzip -9n >"$out/$name.tar.gz"
  echo "$out/$name.tar.gz"
}

# Prints the oldest version of the C library with which the module runs, from the versions of its symbols.
libc() { objdump -T "$module" | grep -o 'GLIBC_[0-9.]*' | sed s/GLIBC_// | sort -Vu | tail -n 1; }

deb() {
  # The server refuses a module file that is not executable.
  local root=$work/deb arch path=/usr/lib/redis/modules/libredis_rl.so
  arch=$(dpkg --print-architecture)
  install -D -m 755 "$work/${module##*/}" "$root$path"
  install -d "$root/etc/redis" "$root/DEBIAN" "$root/usr/share/doc/redis-rl"
  snippet "$path" >"$root/etc/redis/redis-rl.conf"
  cp README.md CHANGELOG.md SECURITY.md LICENSE-MIT LICENSE-APACHE examples/policies.toml "$root/usr/share/doc/redis-rl"
  echo /etc/redis/redis-rl.conf >"$root/DEBIAN/conffiles"
  install -m 755 packaging/deb/postinst packaging/deb/prerm "$root/DEBIAN"
  cat >"$root/DEBIAN/control" <<END
Package: redis-rl
Version: $version
Architecture: $arch
Maintainer: redis-rl maintainers <redis-rl@localhost>
Section: database
Priority: optional
Depends: libc6 (>= $(libc)), redis-server (>= 5:7.0) | valkey-server
Installed-Size: $(du -sk --apparent-size "$root/usr" | cut -f1)
Description: rate limits as native commands of Redis and Valkey
 A module that adds sliding windows, fixed windows, token buckets, quotas of
 many limits with reservations, and waiting in line, as commands that any
 client of any language can send.
END
  (cd "$root" && find etc usr -type f -exec md5sum {} + | LC_ALL=C sort -k 2 >DEBIAN/md5sums)
  find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group -Zxz -b "$root" "$out/redis-rl_${version}_$arch.deb" >/dev/null
  echo "$out/redis-rl_${version}_$arch.deb"
}

tarball
if command -v dpkg-deb >/dev/null; then deb; fi
(cd "$out" && sha256sum ./* >SHA256SUMS)
