#!/usr/bin/env bash
# Installs Debian packages and builds the Kubernetes binaries into $K8S_LAB/bin. What is there already is skipped.
. "$(dirname "$0")/lib.sh"
KUBE=v1.36.3
mkdir -p "$bin" "$pki"
pkgs="containerd runc containernetworking-plugins busybox-static iproute2 openssl curl gcc libc6-dev"
# shellcheck disable=SC2086
if ! dpkg -s $pkgs >/dev/null 2>&1; then
  apt-get update -qq || true   # a mirror may lack one suite; the install below tells
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $pkgs >/dev/null
fi

# build MODULE PACKAGE…: one go build of all these programs of mod/MODULE, unless that was done with the
# same module files.
build() {
  local m=$1 sum; shift
  sum=$(cd "$here/mod/$m" && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
  [ "$(cat "$bin/.$m" 2>/dev/null)" != "$sum" ] || return 0
  echo "building ${*##*/}"
  CGO_ENABLED=0 nice "$here/../../../tools/go.sh" build -C "$here/mod/$m" -mod=readonly -trimpath -o "$bin/" \
    -ldflags "-s -w -X $v.gitVersion=$KUBE -X $v.gitMajor=1 -X $v.gitMinor=36" "$@"
  echo "$sum" >"$bin/.$m"
}
v=k8s.io/component-base/version
c=k8s.io/kubernetes/cmd
build kube $c/kube-apiserver $c/kubelet $c/kube-controller-manager $c/kube-scheduler $c/kubectl ./crils
build etcd ./etcd

# The sandbox ("pause") image's only file.
[ -x "$bin/pause" ] || gcc -static -Os -o "$bin/pause" -xc - <<'C'
#include <signal.h>
#include <unistd.h>
static void quit(int s) { (void)s; _exit(0); }
int main(void) { signal(SIGTERM, quit); signal(SIGINT, quit); for (;;) pause(); }
C

# A certificate authority, certificates and kubeconfigs (EC keys, ten years).
cert() { # NAME SUBJECT [SAN]
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$pki/$1.key" -subj "$2" -out "$pki/$1.csr" 2>/dev/null
  openssl x509 -req -in "$pki/$1.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -CAcreateserial -days 3650 -out "$pki/$1.crt" \
    -extfile <(echo "extendedKeyUsage=serverAuth,clientAuth"; [ -z "${3:-}" ] || echo "subjectAltName=$3") 2>/dev/null
}
config() { # NAME
  cat >"$pki/$1.kubeconfig" <<Y
apiVersion: v1
kind: Config
current-context: lab
clusters: [{name: lab, cluster: {server: "https://127.0.0.1:443", certificate-authority: $pki/ca.crt}}]
users: [{name: $1, user: {client-certificate: $pki/$1.crt, client-key: $pki/$1.key}}]
contexts: [{name: lab, context: {cluster: lab, user: $1}}]
Y
}
if [ ! -s "$pki/node.kubeconfig" ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=lab-ca -keyout "$pki/ca.key" -out "$pki/ca.crt" 2>/dev/null
  openssl genrsa -out "$pki/sa.key" 2048 2>/dev/null
  cert apiserver /CN=kube-apiserver "IP:127.0.0.1,IP:$SERVICE_IP,IP:$NODE_IP,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc"
  cert apiserver-kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
  cert kubelet-serving "/O=system:nodes/CN=system:node:$NODE" "IP:127.0.0.1,IP:$NODE_IP,DNS:$NODE"
  cert admin /O=system:masters/CN=admin; config admin
  cert node "/O=system:nodes/CN=system:node:$NODE"; config node
fi
du -sh "$bin" | sed 's/^/ready: /'
