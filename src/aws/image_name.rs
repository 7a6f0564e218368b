//! The address of an image: repository, tag, digest.

/// The digest that an image is pinned to: what stands after its `@`.
pub fn pinned(image: &str) -> Option<&str> {
    image.split_once('@').map(|(_, digest)| digest).filter(|digest| digest.starts_with("sha256:"))
}

/// An image without its digest and its tag. A colon in the host is its port.
pub fn unpinned(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or_default();
    let last = image.rfind('/').map_or(0, |at| at + 1);
    image[last..].find(':').map_or(image, |at| &image[..last + at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_taken_apart() {
        for (image, without, digest) in [
            ("r.io/web:1.0", "r.io/web", None),
            ("r.io:5000/team/web:1.0", "r.io:5000/team/web", None),
            ("r.io:5000/web", "r.io:5000/web", None),
            ("r.io/web@sha256:aa", "r.io/web", Some("sha256:aa")),
            ("r.io/web:1.0@sha256:aa", "r.io/web", Some("sha256:aa")),
            ("web", "web", None),
        ] {
            assert_eq!((unpinned(image), pinned(image)), (without, digest), "{image}");
        }
    }
}
