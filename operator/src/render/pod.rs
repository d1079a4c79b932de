//! The pod template of renderer revision 1.
//!
//! A released revision never changes: `golden/` holds what it rendered, and its test says what to do instead.

use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapVolumeSource, Container, EnvVar, EnvVarSource, HTTPGetAction, LocalObjectReference,
    ObjectFieldSelector, PodSecurityContext, PodSpec, PodTemplateSpec, Probe, ResourceRequirements, SeccompProfile,
    SecretVolumeSource, SecurityContext, TopologySpreadConstraint, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt as _;
use sutra_crds::cluster::PodTemplate;
use sutra_crds::{SutraCluster, names};

use super::metadata::{labels, selector};
use super::ports;
use super::setting::Setting;

/// User and group of the node, as in its image.
const NODE_USER: i64 = 65_532;
/// Name of the volume with the node's data, and of its claim template.
pub(super) const DATA_VOLUME: &str = "data";

/// A node's pod, but for the annotation with its own hash.
pub(super) fn pod_template(cluster: &SutraCluster, setting: &Setting) -> PodTemplateSpec {
    let added = cluster.spec.pod_template.clone().unwrap_or_default();
    PodTemplateSpec { metadata: Some(pod_metadata(cluster, &added)), spec: Some(pod_spec(cluster, setting, added)) }
}

fn pod_metadata(cluster: &SutraCluster, added: &PodTemplate) -> ObjectMeta {
    let added = added.metadata.clone().unwrap_or_default();
    let mut all = added.labels;
    all.extend(labels(cluster));
    ObjectMeta { labels: Some(all), annotations: Some(added.annotations), ..ObjectMeta::default() }
}

fn pod_spec(cluster: &SutraCluster, setting: &Setting, added: PodTemplate) -> PodSpec {
    let added = added.spec.unwrap_or_default();
    // A list of secrets is keyed by name, and one without a name is none.
    let pull_secrets: Vec<LocalObjectReference> =
        added.image_pull_secrets.into_iter().filter(|secret| !secret.name.is_empty()).collect();
    PodSpec {
        containers: vec![node(cluster, setting)],
        volumes: Some(volumes(&cluster.name_any())),
        security_context: Some(pod_security()),
        service_account_name: added.service_account_name.or_else(|| Some(cluster.name_any())),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(90),
        topology_spread_constraints: Some(added.topology_spread_constraints.unwrap_or_else(|| spread(cluster))),
        node_selector: Some(added.node_selector),
        tolerations: Some(added.tolerations),
        affinity: added.affinity,
        priority_class_name: added.priority_class_name,
        image_pull_secrets: Some(pull_secrets),
        ..PodSpec::default()
    }
}

fn node(cluster: &SutraCluster, setting: &Setting) -> Container {
    let resources = cluster.spec.resources.clone().unwrap_or_default();
    Container {
        name: "sutra-node".to_owned(),
        image: Some(setting.image.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        args: Some(arguments(cluster, setting)),
        env: Some(vec![pod_name()]),
        ports: Some([ports::HTTP, ports::TCP, ports::PEER].map(ports::Port::of_container).into()),
        resources: Some(ResourceRequirements { claims: None, ..resources }).filter(|resources| *resources != Default::default()),
        // A node that reads back a large log or builds an index starts slowly and is not to be killed for it.
        startup_probe: Some(Probe {
            period_seconds: Some(5),
            timeout_seconds: Some(5),
            failure_threshold: Some(720),
            ..asks("/readyz")
        }),
        liveness_probe: Some(Probe {
            period_seconds: Some(10),
            timeout_seconds: Some(5),
            failure_threshold: Some(6),
            ..asks("/livez")
        }),
        readiness_probe: Some(Probe {
            period_seconds: Some(5),
            timeout_seconds: Some(5),
            failure_threshold: Some(2),
            ..asks("/readyz")
        }),
        security_context: Some(container_security()),
        // The sentence with which a node refuses to start is in the status of its pod, and from there in that of the cluster.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: Some(mounts()),
        ..Container::default()
    }
}

/// What differs between nodes, and where things are. Everything else is in `config.toml`.
fn arguments(cluster: &SutraCluster, setting: &Setting) -> Vec<String> {
    let host = node_host(cluster, "$(POD_NAME)", &setting.cluster_domain);
    let alone = [
        "serve",
        "--data-dir",
        "/var/lib/sutra",
        "--config",
        "/etc/sutra/config.toml",
        "--node-name",
        "$(POD_NAME)",
        "--advertise",
        &host,
    ];
    // A node of several founds no grid of its own, and lets nobody in who doesn't know the secret.
    let of_several = ["--wait-for-grid", "--peer-secret-file", "/etc/sutra/peer/peer-secret"];
    let of_several = if cluster.spec.nodes > 1 { &of_several[..] } else { &[] };
    alone.iter().chain(of_several).map(|argument| (*argument).to_owned()).collect()
}

/// The name under which other nodes find this one.
pub(crate) fn node_host(cluster: &SutraCluster, pod: &str, cluster_domain: &str) -> String {
    let namespace = cluster.namespace().unwrap_or_default();
    format!("{pod}.{}.{namespace}.svc.{cluster_domain}", names::nodes_service(&cluster.name_any()))
}

fn pod_name() -> EnvVar {
    EnvVar {
        name: "POD_NAME".to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector { api_version: Some("v1".to_owned()), field_path: "metadata.name".to_owned() }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}

fn asks(path: &str) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(ports::HTTP.name.to_owned()),
            scheme: Some("HTTP".to_owned()),
            ..HTTPGetAction::default()
        }),
        success_threshold: Some(1),
        ..Probe::default()
    }
}

fn mounts() -> Vec<VolumeMount> {
    let mount =
        |name: &str, path: &str| VolumeMount { name: name.to_owned(), mount_path: path.to_owned(), ..VolumeMount::default() };
    vec![
        VolumeMount { read_only: Some(true), ..mount("config", "/etc/sutra") },
        VolumeMount { read_only: Some(true), ..mount("peer", "/etc/sutra/peer") },
        mount(DATA_VOLUME, "/var/lib/sutra"),
    ]
}

/// The volume with the data comes from the claim template.
fn volumes(cluster: &str) -> Vec<Volume> {
    vec![
        Volume {
            name: "config".to_owned(),
            config_map: Some(ConfigMapVolumeSource {
                name: names::config_map(cluster),
                default_mode: Some(0o444),
                ..ConfigMapVolumeSource::default()
            }),
            ..Volume::default()
        },
        Volume {
            name: "peer".to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(names::peer_secret(cluster)),
                default_mode: Some(0o440),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        },
    ]
}

/// The profile `restricted` of Pod Security, with [`container_security`]. A large volume is not walked at each start: its owner
/// is already right.
fn pod_security() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(NODE_USER),
        run_as_group: Some(NODE_USER),
        fs_group: Some(NODE_USER),
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }),
        ..PodSecurityContext::default()
    }
}

fn container_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
        privileged: Some(false),
        read_only_root_filesystem: Some(true),
        run_as_non_root: Some(true),
        ..SecurityContext::default()
    }
}

/// Over zones and machines as well as possible: a small cluster's pods run all the same.
fn spread(cluster: &SutraCluster) -> Vec<TopologySpreadConstraint> {
    ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
        .into_iter()
        .map(|key| TopologySpreadConstraint {
            topology_key: key.to_owned(),
            max_skew: 1,
            when_unsatisfiable: "ScheduleAnyway".to_owned(),
            label_selector: Some(selector(cluster)),
            ..TopologySpreadConstraint::default()
        })
        .collect()
}
