//! Images that can't be pulled: what the kubelet tries, how long it waits, and what it says.

use super::World;
use super::kubelet::PodKey;
use super::pod::State;

/// How long `ErrImagePull` stands before it turns into `ImagePullBackOff`.
const ERROR_STANDS_MS: i64 = 3_000;
/// `maxImagePullBackoff` of the kubelet: 10 s, doubled up to 5 minutes.
const MOST_BACK_OFF_S: i64 = 300;

/// Whether the registries have an image. They have every tag that looks like a version, the
/// names that are always there, and digests.
pub fn exists(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or(image);
    match name.split_once(':') {
        None => true,
        Some(_) if image.contains("@sha256:") => true,
        Some((_, tag)) => {
            matches!(tag, "latest" | "stable" | "main" | "alpine")
                || tag.contains(|c: char| c.is_ascii_digit())
        }
    }
}

impl World {
    /// Tries to pull the pod's images; says whether it must wait for one.
    pub(super) fn waits_for_image(&mut self, key: &PodKey) -> bool {
        let now = self.now_ms;
        let Some(run) = self.pods.get_mut(key) else { return false };
        let Some((_, image)) = run.containers.iter().find(|(_, image)| !exists(image)).cloned() else {
            return false;
        };
        let (tries, asked) = match run.state {
            State::NoImage { tries, fresh, .. } => (tries, !fresh),
            _ => (0, true),
        };
        if asked {
            run.state = State::NoImage { tries: tries + 1, fresh: true, until_ms: now + ERROR_STANDS_MS };
            self.tell_pod(key, false, "Pulling", &format!("Pulling image \"{image}\""));
            self.tell_pod(key, true, "Failed", &format!("Failed to pull image \"{image}\": {}", why(&image)));
            self.tell_pod(key, true, "Failed", "Error: ErrImagePull");
        } else {
            let back_off_s = (10_i64 << tries.saturating_sub(1).min(5)).min(MOST_BACK_OFF_S);
            run.state = State::NoImage { tries, fresh: false, until_ms: now + back_off_s * 1_000 };
            self.tell_pod(key, false, "BackOff", &format!("Back-off pulling image \"{image}\""));
            self.tell_pod(key, true, "Failed", "Error: ImagePullBackOff");
        }
        true
    }
}

/// As containerd says it.
pub fn why(image: &str) -> String {
    format!(
        "rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": {image}: not found"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_exist_and_slips_do_not() {
        for image in ["busybox", "a/b:1.2.3", "localhost:5000/b", "a/b:v2-rc1", "a/b:latest", "a/b@sha256:00"]
        {
            assert!(exists(image), "{image}");
        }
        assert!(!exists("registry.example.com/shop/web:no-such-tag"));
    }
}
