#!/usr/bin/env python3
"""Makes schema.txt: what the simulated API server knows of the types of Kubernetes 1.36.

Two public sources are joined: the field numbers from the Rust crate k8s-pb 0.9.0 (directory of its
sources), and names, descriptions and list markers from the OpenAPI definitions in the Python package
kubernetes-validate 1.37.0 (its wheel). Both are derived from Kubernetes, which is under the Apache
License 2.0.

usage: make.py K8S_PB_DIRECTORY KUBERNETES_VALIDATE_WHEEL > schema.txt
"""
import json
import os
import re
import sys
import zipfile

ROOTS = """
api.core.v1.Namespace api.core.v1.Node api.core.v1.Pod api.core.v1.Event api.core.v1.Service
api.core.v1.Endpoints api.core.v1.ConfigMap api.core.v1.Secret api.apps.v1.Deployment
api.apps.v1.ReplicaSet api.apps.v1.StatefulSet api.apps.v1.DaemonSet api.apps.v1.ControllerRevision
api.batch.v1.Job api.batch.v1.CronJob api.autoscaling.v2.HorizontalPodAutoscaler
api.autoscaling.v1.HorizontalPodAutoscaler api.autoscaling.v1.Scale api.policy.v1.PodDisruptionBudget
api.policy.v1.Eviction api.discovery.v1.EndpointSlice api.coordination.v1.Lease
api.networking.v1.NetworkPolicy api.rbac.v1.RoleBinding api.rbac.v1.ClusterRoleBinding
api.authorization.v1.SelfSubjectAccessReview api.authorization.v1.SelfSubjectRulesReview
api.authentication.v1.SelfSubjectReview
apimachinery.pkg.apis.meta.v1.DeleteOptions apimachinery.pkg.apis.meta.v1.Status
apimachinery.pkg.apis.meta.v1.ListMeta
""".split()

SPECIAL = {
    "apimachinery.pkg.api.resource.Quantity": "quantity",
    "apimachinery.pkg.apis.meta.v1.Time": "time",
    "apimachinery.pkg.apis.meta.v1.MicroTime": "microtime",
    "apimachinery.pkg.apis.meta.v1.Duration": "duration",
    "apimachinery.pkg.util.intstr.IntOrString": "intstr",
    "apimachinery.pkg.runtime.RawExtension": "raw",
    "apimachinery.pkg.apis.meta.v1.FieldsV1": "fields",
    "api.authentication.v1.ExtraValue": "strings",
    "api.authorization.v1.ExtraValue": "strings",
}

# Numbers and flags that are pointers in Go: an explicit zero means something.
POINTERS = set("""
replicas minReplicas gracePeriodSeconds terminationGracePeriodSeconds deletionGracePeriodSeconds
revisionHistoryLimit backoffLimit parallelism completions ttlSecondsAfterFinished partition
successfulJobsHistoryLimit failedJobsHistoryLimit startingDeadlineSeconds activeDeadlineSeconds
progressDeadlineSeconds suspend runAsUser runAsGroup runAsNonRoot fsGroup automountServiceAccountToken
allowPrivilegeEscalation privileged optional enableServiceLinks blockOwnerDeletion controller
readOnlyRootFilesystem priority orphanDependents stabilizationWindowSeconds defaultMode mode
immutable hostUsers shareProcessNamespace setHostnameAsFQDN leaseDurationSeconds leaseTransitions
ready serving terminating started
""".split())


def messages(directory):
    """Every prost message of the crate: path -> [(tag, kind, rust name, rust type)]."""
    out = {}
    for folder, _, files in os.walk(directory):
        for file in files:
            if not file.endswith(".rs"):
                continue
            path = os.path.relpath(os.path.join(folder, file), directory)[:-3].split(os.sep)
            module = ".".join(p for p in path if p != "mod")
            text = open(os.path.join(folder, file), encoding="utf-8").read()
            for struct in re.finditer(r"pub struct (\w+) \{(.*?)\n\}", text, re.S):
                fields = re.findall(
                    r"#\[prost\(([^\]]*?)\)\]\s*pub ([\w#]+):\s*(.*?),\n(?=\s*(?:///|#\[|$))",
                    struct.group(2) + "\n", re.S)
                rows = []
                for attributes, name, kind in fields:
                    tag = int(re.search(r'tag\s*=\s*"(\d+)"', attributes).group(1))
                    rows.append((tag, attributes, name.removeprefix("r#"), kind))
                out[f"{module}.{struct.group(1)}"] = rows
    return out


def message_of(kind, module):
    """The path of the message that a Rust type names."""
    inner = kind
    while True:
        inner = inner.strip()
        generic = re.match(r"[\w:]*(?:Option|Vec|Box|BTreeMap)\s*<\s*(.*)>$", inner, re.S)
        if not generic:
            break
        held = generic.group(1).strip().rstrip(",")
        inner = held.split(",", 1)[1] if "BTreeMap" in inner.split("<")[0] else held
    at = module.split(".")
    parts = [p.strip() for p in inner.replace("\n", "").split("::")]
    while parts and parts[0] == "super":
        at.pop()
        parts.pop(0)
    return ".".join(at + parts)


def squeeze(name):
    return name.replace("_", "").lower()


def sentence(text):
    text = " ".join((text or "").split())
    cut = re.split(r"(?<=[.!?])\s+(?=[A-Z])", text, maxsplit=1)[0]
    return cut if len(cut) <= 160 else cut[:157] + "..."


def main():
    source, wheel = sys.argv[1:]
    known = messages(os.path.join(source, "src"))
    archive = zipfile.ZipFile(wheel)
    definitions = json.loads(archive.read(
        "kubernetes_validate/kubernetes-json-schema/v1.36.0-local/_definitions.json"))["$defs"]
    # Rust writes HttpGetAction where Go has HTTPGetAction.
    proper = {name.lower(): name.removeprefix("io.k8s.") for name in definitions}
    definitions = {name.lower(): held for name, held in definitions.items()}

    def named(path):
        return proper.get(f"io.k8s.{path}".lower(), path)
    print("# Types of Kubernetes 1.36 (Apache License 2.0), made by make.py; see there.")
    print("# message NAME; description / TAG NAME TYPE FLAGS; description")
    print("# ! required, * zero means something, inline, set, atomic, map=KEYS (server-side apply), merge=KEY (strategic)")
    todo, done = list(ROOTS), set()
    # A struct that Go embeds has no definition of its own: its fields stand in that of the outer one.
    outer = {}
    while todo:
        path = todo.pop(0)
        if path in done or path in SPECIAL:
            continue
        done.add(path)
        schema = definitions.get(f"io.k8s.{path}".lower(), {})
        properties = dict(schema.get("properties") or outer.get(path) or {})
        required = set(schema.get("required") or [])
        by_name = {squeeze(k): k for k in properties}
        print(f"message {named(path)}; {sentence(schema.get('description'))}")
        module = path.rsplit(".", 1)[0]
        for tag, attributes, rust, kind in sorted(known[path]):
            name = by_name.get(squeeze(rust))
            flags = []
            if name is None and "message" in attributes:
                # A struct that Go embeds: its fields stand in the JSON of this one.
                inner = message_of(kind, module)
                theirs = definitions.get(f"io.k8s.{inner}".lower(), {}).get("properties") or {}
                parts = {squeeze(row[2]) for row in known.get(inner, [])}
                if parts & set(by_name) or set(theirs) & set(properties):
                    outer[inner] = properties
                    print(f" {tag} {rust} {named(inner)} inline")
                    todo.append(inner)
                continue
            if name is None:
                name = re.sub(r"_(\w)", lambda m: m.group(1).upper(), rust)
            about = properties.get(name, {})
            is_map, repeated = "btree_map" in attributes, "repeated" in attributes
            if is_map:
                value = re.search(r'btree_map = "string, (\w+)"', attributes).group(1)
            else:
                value = re.match(r"\s*([\w=\" ]+?)\s*(?:,|$)", attributes).group(1).split("=")[0].strip()
            if value in ("bytes", 'bytes '):
                value = "bytes"
            if value == "message":
                inner = message_of(kind, module)
                if inner.endswith(".Verbs") or inner.endswith("ExtraValue"):
                    value = "strings"
                else:
                    value = SPECIAL.get(inner, inner)
                if value == inner:
                    todo.append(inner)
                    value = named(inner)
            kind = "{%s}" % value if is_map else "[%s]" % value if repeated else value
            if name in required:
                flags.append("!")
            if name in POINTERS and not repeated:
                flags.append("*")
            if about.get("x-kubernetes-list-type") in ("set", "atomic"):
                flags.append(about["x-kubernetes-list-type"])
            if about.get("x-kubernetes-list-map-keys"):
                flags.append("map=" + ",".join(about["x-kubernetes-list-map-keys"]))
            if about.get("x-kubernetes-map-type") == "atomic":
                flags.append("atomic")
            if about.get("x-kubernetes-patch-merge-key"):
                flags.append("merge=" + about["x-kubernetes-patch-merge-key"])
            elif about.get("x-kubernetes-patch-strategy") == "merge" and repeated:
                flags.append("merge")
            words = " ".join([str(tag), name, kind] + flags)
            text = sentence(about.get("description"))
            print(f" {words}; {text}" if text else f" {words}")


main()
