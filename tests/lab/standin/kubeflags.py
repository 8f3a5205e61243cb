# SPDX-License-Identifier: Apache-2.0
"""The flags that kubelite's components know (Kubernetes 1.28 to 1.35).

One letter says what a value must be: b bool, i integer, d duration, a one IP
address, n one or two, c CIDRs, s anything.
"""
from __future__ import annotations

_COMMON = {
    "b": "contention-profiling help profiling version logging-format-json "
         "add-dir-header alsologtostderr logtostderr one-output "
         "skip-headers skip-log-headers",
    "i": "v log-file-max-size stderrthreshold",
    "d": "log-flush-frequency",
    "s": "feature-gates logging-format vmodule kubeconfig log-dir log-file "
         "tls-cipher-suites tls-min-version tls-cert-file "
         "tls-private-key-file log-text-split-stream "
         "log-text-info-buffer-size log-json-split-stream "
         "log-json-info-buffer-size",
}

_SERVING = {
    "a": "bind-address",
    "b": "permit-address-sharing permit-port-sharing "
         "authentication-skip-lookup authentication-tolerate-lookup-failure",
    "i": "secure-port http2-max-streams-per-connection",
    "d": "authentication-token-webhook-cache-ttl "
         "authorization-webhook-cache-authorized-ttl "
         "authorization-webhook-cache-unauthorized-ttl",
    "s": "authentication-kubeconfig authorization-kubeconfig "
         "authorization-always-allow-paths cert-dir client-ca-file "
         "requestheader-allowed-names requestheader-client-ca-file "
         "requestheader-extra-headers-prefix requestheader-group-headers "
         "requestheader-username-headers requestheader-uid-headers "
         "tls-sni-cert-key disabled-metrics show-hidden-metrics-for-version "
         "allow-metric-labels allow-metric-labels-manifest "
         "emulated-version",
}

_ELECTION = {
    "b": "leader-elect",
    "d": "leader-elect-lease-duration leader-elect-renew-deadline "
         "leader-elect-retry-period",
    "s": "leader-elect-resource-lock leader-elect-resource-name "
         "leader-elect-resource-namespace",
    "i": "kube-api-burst",
}

_APISERVER = {
    "a": "advertise-address",
    "c": "service-cluster-ip-range",
    "b": "allow-privileged anonymous-auth enable-aggregator-routing "
         "enable-bootstrap-token-auth enable-garbage-collector "
         "enable-logs-handler enable-priority-and-fairness "
         "encryption-provider-config-automatic-reload "
         "service-account-lookup service-account-extend-token-expiration "
         "watch-cache audit-log-compress audit-log-truncate-enabled "
         "audit-webhook-truncate-enabled unauthenticated-health "
         "debug-socket-enabled allow-insecure-backend-proxy",
    "i": "max-requests-inflight max-mutating-requests-inflight "
         "min-request-timeout apiserver-count audit-log-maxage "
         "audit-log-maxbackup audit-log-maxsize "
         "audit-log-batch-buffer-size audit-log-batch-max-size "
         "audit-webhook-batch-buffer-size audit-webhook-batch-max-size "
         "default-watch-cache-size delete-collection-workers "
         "default-not-ready-toleration-seconds "
         "default-unreachable-toleration-seconds kubelet-port "
         "kubernetes-service-node-port lease-reuse-duration-seconds "
         "audit-log-truncate-max-batch-size "
         "audit-log-truncate-max-event-size",
    "d": "request-timeout etcd-compaction-interval "
         "etcd-count-metric-poll-period etcd-db-metric-poll-interval "
         "etcd-healthcheck-timeout etcd-readycheck-timeout event-ttl "
         "kubelet-timeout livez-grace-period shutdown-delay-duration "
         "shutdown-watch-termination-grace-period "
         "service-account-max-token-expiration "
         "audit-webhook-initial-backoff",
    "s": "admission-control-config-file api-audiences audit-log-format "
         "audit-log-maxbatch audit-log-mode audit-log-path "
         "audit-log-version audit-policy-file audit-webhook-config-file "
         "audit-webhook-mode audit-webhook-version authentication-config "
         "authentication-token-webhook-config-file "
         "authentication-token-webhook-version authorization-config "
         "authorization-mode authorization-policy-file "
         "authorization-webhook-config-file authorization-webhook-version "
         "cors-allowed-origins debug-socket-path "
         "disable-admission-plugins egress-selector-config-file "
         "emulation-forward-compatible enable-admission-plugins "
         "encryption-provider-config endpoint-reconciler-type etcd-cafile "
         "etcd-certfile etcd-keyfile etcd-prefix etcd-servers "
         "etcd-servers-overrides external-hostname "
         "goaway-chance kubelet-certificate-authority "
         "kubelet-client-certificate kubelet-client-key "
         "kubelet-preferred-address-types oidc-ca-file oidc-client-id "
         "oidc-groups-claim oidc-groups-prefix oidc-issuer-url "
         "oidc-required-claim oidc-signing-algs oidc-username-claim "
         "oidc-username-prefix peer-advertise-ip peer-advertise-port "
         "peer-ca-file proxy-client-cert-file proxy-client-key-file "
         "runtime-config runtime-config-emulation-forward-compatible "
         "service-account-issuer service-account-jwks-uri "
         "service-account-key-file service-account-signing-endpoint "
         "service-account-signing-key-file service-node-port-range "
         "storage-backend storage-media-type strict-transport-security-"
         "directives token-auth-file tracing-config-file "
         "watch-cache-sizes",
}

_KUBELET = {
    "n": "node-ip",
    "a": "address healthz-bind-address",
    "b": "allow-privileged anonymous-auth authentication-token-webhook "
         "cgroups-per-qos cpu-cfs-quota enable-controller-attach-detach "
         "enable-debugging-handlers enable-server enable-system-log-handler "
         "enable-debug-flags-handler enable-profiling-handler "
         "enforce-node-allocatable-pods exit-on-lock-contention "
         "fail-swap-on fail-cgroupv1 kernel-memcg-notification "
         "local-storage-capacity-isolation make-iptables-util-chains "
         "protect-kernel-defaults register-node register-schedulable "
         "rotate-certificates rotate-server-certificates runonce "
         "seccomp-default serialize-image-pulls keep-terminated-pod-volumes",
    "i": "port read-only-port healthz-port max-pods pods-per-core "
         "event-burst kube-api-burst registry-burst maximum-dead-containers "
         "maximum-dead-containers-per-container eviction-max-pod-grace-"
         "period image-gc-high-threshold image-gc-low-threshold "
         "container-log-max-files iptables-drop-bit iptables-masquerade-bit "
         "oom-score-adj node-status-max-images pod-max-pids max-open-files",
    "d": "node-status-update-frequency file-check-frequency "
         "http-check-frequency sync-frequency streaming-connection-idle-"
         "timeout runtime-request-timeout image-pull-progress-deadline "
         "minimum-container-ttl-duration minimum-image-ttl-duration "
         "volume-stats-agg-period cpu-cfs-quota-period "
         "cpu-manager-reconcile-period eviction-pressure-transition-period "
         "authentication-token-webhook-cache-ttl "
         "authorization-webhook-cache-authorized-ttl "
         "authorization-webhook-cache-unauthorized-ttl "
         "housekeeping-interval",
    "c": "pod-cidr",
    "s": "allowed-unsafe-sysctls authorization-mode bootstrap-kubeconfig "
         "cert-dir cgroup-driver cgroup-root client-ca-file cloud-config "
         "cloud-provider cluster-dns cluster-domain config config-dir "
         "container-log-max-size container-runtime "
         "container-runtime-endpoint containerd cpu-manager-policy "
         "cpu-manager-policy-options enforce-node-allocatable "
         "event-qps eviction-hard eviction-minimum-reclaim eviction-soft "
         "eviction-soft-grace-period hairpin-mode hostname-override "
         "image-credential-provider-bin-dir "
         "image-credential-provider-config image-service-endpoint "
         "kube-api-content-type kube-api-qps kube-reserved "
         "kube-reserved-cgroup kubelet-cgroups lock-file manifest-url "
         "manifest-url-header memory-manager-policy node-labels "
         "pod-infra-container-image pod-manifest-path provider-id "
         "qos-reserved register-with-taints registry-qps reserved-cpus "
         "reserved-memory resolv-conf root-dir runtime-cgroups "
         "runtime-request system-cgroups system-reserved "
         "system-reserved-cgroup topology-manager-policy "
         "topology-manager-policy-options topology-manager-scope "
         "volume-plugin-dir anonymous cadvisor-port",
}

_PROXY = {
    "a": "bind-address",
    "c": "cluster-cidr",
    "b": "bind-address-hard-fail cleanup masquerade-all "
         "iptables-localhost-nodeports ipvs-strict-arp init-only "
         "conntrack-tcp-be-liberal write-config",
    "i": "conntrack-max-per-core conntrack-min healthz-port "
         "iptables-masquerade-bit kube-api-burst metrics-port oom-score-adj "
         "nodeport",
    "d": "config-sync-period conntrack-tcp-timeout-close-wait "
         "conntrack-tcp-timeout-established conntrack-udp-timeout "
         "conntrack-udp-timeout-stream iptables-min-sync-period "
         "iptables-sync-period ipvs-min-sync-period ipvs-sync-period "
         "ipvs-tcp-timeout ipvs-tcpfin-timeout ipvs-udp-timeout",
    "s": "config detect-local-mode healthz-bind-address hostname-override "
         "ipvs-exclude-cidrs ipvs-scheduler kube-api-content-type "
         "kube-api-qps master metrics-bind-address nodeport-addresses "
         "pod-bridge-interface pod-interface-name-prefix proxy-mode "
         "proxy-port-range show-hidden-metrics-for-version "
         "write-config-to",
}

_SCHEDULER = {"s": "config master kube-api-qps kube-api-content-type "
                   "pod-max-in-unschedulable-pods-duration write-config-to "
                   "address port"}

_MANAGER = {
    "c": "cluster-cidr service-cluster-ip-range",
    "b": "allocate-node-cidrs attach-detach-reconcile-sync-disable "
         "configure-cloud-routes disable-attach-detach-reconcile-sync "
         "enable-dynamic-provisioning enable-garbage-collector "
         "enable-hostpath-provisioner enable-leader-migration "
         "use-service-account-credentials",
    "i": "concurrent-cron-job-syncs concurrent-daemonset-syncs "
         "concurrent-deployment-syncs concurrent-endpoint-syncs "
         "concurrent-gc-syncs concurrent-job-syncs concurrent-namespace-"
         "syncs concurrent-node-syncs concurrent-replicaset-syncs "
         "concurrent-resource-quota-syncs concurrent-service-endpoint-syncs "
         "concurrent-service-syncs concurrent-serviceaccount-token-syncs "
         "concurrent-statefulset-syncs concurrent-rc-syncs "
         "concurrent-horizontal-pod-autoscaler-syncs "
         "large-cluster-size-threshold max-endpoints-per-slice "
         "node-cidr-mask-size node-cidr-mask-size-ipv4 "
         "node-cidr-mask-size-ipv6 terminated-pod-gc-threshold",
    "d": "attach-detach-reconcile-sync-period cluster-signing-duration "
         "horizontal-pod-autoscaler-downscale-stabilization "
         "horizontal-pod-autoscaler-sync-period min-resync-period "
         "namespace-sync-period node-eviction-timeout "
         "node-monitor-grace-period node-monitor-period "
         "node-startup-grace-period node-sync-period pod-eviction-timeout "
         "pvclaimbinder-sync-period resource-quota-sync-period "
         "route-reconciliation-period endpoint-updates-batch-period",
    "s": "allocate-node-cidrs-type cidr-allocator-type cloud-config "
         "cloud-provider cluster-name cluster-signing-cert-file "
         "cluster-signing-key-file controllers external-cloud-volume-plugin "
         "flex-volume-plugin-dir horizontal-pod-autoscaler-tolerance "
         "kube-api-content-type kube-api-qps leader-migration-config master "
         "node-eviction-rate pv-recycler-pod-template-filepath-hostpath "
         "pv-recycler-pod-template-filepath-nfs root-ca-file "
         "secondary-node-eviction-rate service-account-private-key-file "
         "unhealthy-zone-threshold volume-host-cidr-denylist",
}


def _table(*parts: dict[str, str]) -> dict[str, str]:
    return {"--" + name: kind for part in parts
            for kind, names in part.items() for name in names.split()}


#: component -> flag -> letter; later parts decide where two name a flag
FLAGS = {
    "kube-apiserver": _table(_COMMON, _SERVING, _APISERVER),
    "kubelet": _table(_COMMON, _KUBELET),
    "kube-proxy": _table(_COMMON, _PROXY),
    "kube-scheduler": _table(_COMMON, _SERVING, _ELECTION, _SCHEDULER),
    "kube-controller-manager": _table(_COMMON, _SERVING, _ELECTION,
                                      _MANAGER),
}
