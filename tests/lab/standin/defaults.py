# SPDX-License-Identifier: Apache-2.0
"""The files the snap ships: default-args/ and what goes with them.

args/ is a copy of these made at install; `microk8s leave` goes back to them
and thereby loses what the bundled launch configuration had added.
"""
from __future__ import annotations

CIPHERS = ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,"
           "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,"
           "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")

KUBE_APISERVER = f"""--cert-dir=${{SNAP_DATA}}/certs
--service-cluster-ip-range=10.152.183.0/24
--authorization-mode=AlwaysAllow
--service-account-key-file=${{SNAP_DATA}}/certs/serviceaccount.key
--client-ca-file=${{SNAP_DATA}}/certs/ca.crt
--tls-cert-file=${{SNAP_DATA}}/certs/server.crt
--tls-private-key-file=${{SNAP_DATA}}/certs/server.key
--tls-cipher-suites={CIPHERS}
--kubelet-client-certificate=${{SNAP_DATA}}/certs/apiserver-kubelet-client.crt
--kubelet-client-key=${{SNAP_DATA}}/certs/apiserver-kubelet-client.key
--secure-port=16443
--etcd-servers="unix://${{SNAP_DATA}}/var/kubernetes/backend/kine.sock:12379"
--allow-privileged=true
--service-account-issuer='https://kubernetes.default.svc'
--service-account-signing-key-file=${{SNAP_DATA}}/certs/serviceaccount.key
--event-ttl=5m
--profiling=false

# Enable the aggregation layer
--requestheader-client-ca-file=${{SNAP_DATA}}/certs/front-proxy-ca.crt
--requestheader-allowed-names=front-proxy-client
--requestheader-extra-headers-prefix=X-Remote-Extra-
--requestheader-group-headers=X-Remote-Group
--requestheader-username-headers=X-Remote-User
--proxy-client-cert-file=${{SNAP_DATA}}/certs/front-proxy-client.crt
--proxy-client-key-file=${{SNAP_DATA}}/certs/front-proxy-client.key
#~Enable the aggregation layer
--kubelet-certificate-authority=${{SNAP_DATA}}/certs/ca.crt
--kubelet-preferred-address-types=InternalIP,Hostname,InternalDNS,ExternalDNS,\
ExternalIP
"""

KUBELET = f"""--kubeconfig=${{SNAP_DATA}}/credentials/kubelet.config
--cert-dir=${{SNAP_DATA}}/certs
--client-ca-file=${{SNAP_DATA}}/certs/ca.crt
--anonymous-auth=false
--root-dir=${{SNAP_COMMON}}/var/lib/kubelet
--fail-swap-on=false
--eviction-hard="memory.available<100Mi,nodefs.available<1Gi,\
imagefs.available<1Gi"
--container-runtime-endpoint=unix://${{SNAP_COMMON}}/run/containerd.sock
--containerd=${{SNAP_COMMON}}/run/containerd.sock
--node-labels="microk8s.io/cluster=true,\
node.kubernetes.io/microk8s-controlplane=microk8s-controlplane"
--authentication-token-webhook=true
--read-only-port=0
--tls-cipher-suites={CIPHERS}
--serialize-image-pulls=false
"""

#: what the bundled launch configuration adds to args/kubelet at install
KUBELET_BUNDLED = ("--cluster-domain=cluster.local\n"
                   "--cluster-dns=10.152.183.10\n")

KUBE_PROXY = """--kubeconfig=${SNAP_DATA}/credentials/proxy.config
--cluster-cidr=10.1.0.0/16
--healthz-bind-address=127.0.0.1
--profiling=false
"""

KUBE_SCHEDULER = """--kubeconfig=${SNAP_DATA}/credentials/scheduler.config
--leader-elect-lease-duration=60s
--leader-elect-renew-deadline=30s
--profiling=false
"""

KUBE_CONTROLLER_MANAGER = """\
--kubeconfig=${SNAP_DATA}/credentials/controller.config
--service-account-private-key-file=${SNAP_DATA}/certs/serviceaccount.key
--root-ca-file=${SNAP_DATA}/certs/ca.crt
--cluster-signing-cert-file=${SNAP_DATA}/certs/ca.crt
--cluster-signing-key-file=${SNAP_DATA}/certs/ca.key
--use-service-account-credentials
--leader-elect-lease-duration=60s
--leader-elect-renew-deadline=30s
--profiling=false
"""

KUBELITE = """--scheduler-args-file=$SNAP_DATA/args/kube-scheduler
--controller-manager-args-file=$SNAP_DATA/args/kube-controller-manager
--proxy-args-file=$SNAP_DATA/args/kube-proxy
--kubelet-args-file=$SNAP_DATA/args/kubelet
--apiserver-args-file=$SNAP_DATA/args/kube-apiserver
--kubeconfig-file=${SNAP_DATA}/credentials/client.config
--start-control-plane=true
"""

CLUSTER_AGENT = """cluster-agent
--bind 0.0.0.0:25000
--keyfile "${SNAP_DATA}/certs/server.key"
--certfile "${SNAP_DATA}/certs/server.crt"
--timeout 240
"""

K8S_DQLITE = """--storage-dir=${SNAP_DATA}/var/kubernetes/backend/
--listen=unix://${SNAP_DATA}/var/kubernetes/backend/kine.sock:12379
"""

APISERVER_PROXY = """--refresh-interval 30s
--traefik-config "${SNAP_DATA}/args/traefik/traefik.yaml"
--kubeconfig "${SNAP_DATA}/credentials/kubelet.config"
"""

CONTAINERD = """--config ${SNAP_DATA}/args/containerd.toml
--root ${SNAP_COMMON}/var/lib/containerd
--state ${SNAP_COMMON}/run/containerd
--address ${SNAP_COMMON}/run/containerd.sock
"""

CONTAINERD_TOML = """version = 2
oom_score = 0

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.7"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${SNAP_DATA}/opt/cni/bin"
    conf_dir = "${SNAP_DATA}/args/cni-network"
"""

#: certs.d/REGISTRY/hosts.toml, read at every pull
DOCKER_HOSTS = """server = "https://docker.io"

[host."https://registry-1.docker.io"]
  capabilities = ["pull", "resolve"]

"""

LOCAL_HOSTS = """server = "http://localhost:32000"

[host."http://localhost:32000"]
  capabilities = ["pull", "resolve"]

"""

ETCD = """--data-dir=${SNAP_COMMON}/var/run/etcd
--advertise-client-urls=https://${DEFAULT_INTERFACE_IP_ADDR}:12379
--listen-client-urls=https://0.0.0.0:12379
--client-cert-auth
--trusted-ca-file=${SNAP_DATA}/certs/ca.crt
--cert-file=${SNAP_DATA}/certs/server.crt
--key-file=${SNAP_DATA}/certs/server.key
"""

FLANNELD = """--iface=""
--etcd-endpoints=https://127.0.0.1:12379
--etcd-cafile=${SNAP_DATA}/certs/ca.crt
--etcd-certfile=${SNAP_DATA}/certs/server.crt
--etcd-keyfile=${SNAP_DATA}/certs/server.key
--ip-masq=true
"""

TRAEFIK_TEMPLATE = """entryPoints:
  apiserver:
    address: ":16443"
providers:
  file:
    filename: $SNAP_DATA/args/traefik/provider.yaml
    watch: true
"""

#: Calico as far as it decides on addresses; the original is 5000 lines
CNI = """---
# Source: calico/templates/calico-kube-controllers.yaml
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: calico-kube-controllers
  namespace: kube-system
  labels:
    k8s-app: calico-kube-controllers
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      k8s-app: calico-kube-controllers
---
# Source: calico/templates/calico-node.yaml
apiVersion: v1
kind: ServiceAccount
metadata:
  name: calico-node
  namespace: kube-system
---
# Source: calico/templates/calico-config.yaml
kind: ConfigMap
apiVersion: v1
metadata:
  name: calico-config
  namespace: kube-system
data:
  calico_backend: "vxlan"
  veth_mtu: "0"
---
# Source: calico/templates/calico-node.yaml
kind: DaemonSet
apiVersion: apps/v1
metadata:
  name: calico-node
  namespace: kube-system
  labels:
    k8s-app: calico-node
spec:
  selector:
    matchLabels:
      k8s-app: calico-node
  updateStrategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 1
  template:
    metadata:
      labels:
        k8s-app: calico-node
    spec:
      nodeSelector:
        kubernetes.io/os: linux
      hostNetwork: true
      serviceAccountName: calico-node
      containers:
        # Runs calico-node container on each Kubernetes node.
        - name: calico-node
          image: docker.io/calico/node:v3.28.1
          env:
            # Use Kubernetes API as the backing datastore.
            - name: DATASTORE_TYPE
              value: "kubernetes"
            # Set based on the k8s node name.
            - name: NODENAME
              valueFrom:
                fieldRef:
                  fieldPath: spec.nodeName
            - name: CALICO_NETWORKING_BACKEND
              value: "vxlan"
            # Cluster type to identify the deployment type
            - name: CLUSTER_TYPE
              value: "k8s,bgp"
            # Auto-detect the BGP IP address.
            - name: IP
              value: "autodetect"
            - name: IP_AUTODETECTION_METHOD
              value: "first-found"
            - name: CALICO_IPV4POOL_VXLAN
              value: "Always"
            - name: CALICO_IPV4POOL_CIDR
              value: "10.1.0.0/16"
            - name: FELIX_IPV6SUPPORT
              value: "false"
---
# Source: calico/templates/calico-kube-controllers.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: calico-kube-controllers
  namespace: kube-system
  labels:
    k8s-app: calico-kube-controllers
spec:
  replicas: 1
  selector:
    matchLabels:
      k8s-app: calico-kube-controllers
"""

#: below default-args/ and, after the install, below args/
FILES = {
    "apiserver-proxy": APISERVER_PROXY,
    "certs.d/docker.io/hosts.toml": DOCKER_HOSTS,
    "certs.d/localhost:32000/hosts.toml": LOCAL_HOSTS,
    "cluster-agent": CLUSTER_AGENT,
    "cni-network/cni.yaml": CNI,
    "containerd": CONTAINERD,
    "containerd.toml": CONTAINERD_TOML,
    "etcd": ETCD,
    "flanneld": FLANNELD,
    "ha-conf": "failure-domain=1\n",
    "k8s-dqlite": K8S_DQLITE,
    "kube-apiserver": KUBE_APISERVER,
    "kube-controller-manager": KUBE_CONTROLLER_MANAGER,
    "kube-proxy": KUBE_PROXY,
    "kube-scheduler": KUBE_SCHEDULER,
    "kubelet": KUBELET,
    "kubelite": KUBELITE,
    "traefik/traefik-template.yaml": TRAEFIK_TEMPLATE,
}
